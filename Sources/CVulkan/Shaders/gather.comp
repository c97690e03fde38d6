#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "groups.glsl"

// Gather: pages of one sequence back into FP32 rows, dequantised and turned back, so that what
// comes out is what went into append, up to the format's error (gather_body.h).
//
// Bytes per token and KV head at head_dim 128: reads 512 (FP16) or 136 (four bits), writes 1,024.
// The floor is memory.
//
// `table` lists the sequence's pages; `keys` and `values` are [token][kv_head][HEAD_DIM], at
// multiples of 16; `pages` too. Groups: x * y at least tokens * kv_heads over (workgroup / LANES)
// rows, z = 2: keys, then values.
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push {
  uint64_t pages;
  uint64_t table;
  uint64_t keys;
  uint64_t values;
  uint tokens;
  uint kv_heads;
  // 1 / sqrt(order), rounded as the CPU rounds it.
  float key_norm;
  float value_norm;
};

#include "rows.glsl"

Eight halves_at(uint64_t row, uint lane) {
  const uvec4 words = Quads(row).at[lane];
  return Eight(vec4(unpackHalf2x16(words.x), unpackHalf2x16(words.y)),
               vec4(unpackHalf2x16(words.z), unpackHalf2x16(words.w)));
}

// Both halves of a row read the same bytes, the first their low nibbles, the second their high
// ones. `metadata` is the address of the row's scale.
Eight codes_at(uint64_t row, uint64_t metadata, uint lane) {
  const float scale = float_of(uint(Halves(metadata).at[0]));
  const float zero = float_of(uint(Halves(metadata).at[BLOCK_SIZE]));
  const bool is_first_half = lane < PARTS / 2;
  const uvec2 words =
      Pairs(row).at[is_first_half ? lane : lane - PARTS / 2] >> (is_first_half ? 0 : 4);
  const uvec4 a = uvec4(words.x) >> uvec4(0, 8, 16, 24) & 15u;
  const uvec4 b = uvec4(words.y) >> uvec4(0, 8, 16, 24) & 15u;
  return Eight(zero + scale * vec4(a), zero + scale * vec4(b));
}

void main() {
  const uint thread = thread_number(), lane = thread % LANES;
  const uint row = group_number() * (gl_WorkGroupSize.x / LANES) + thread / LANES;
  const bool has_elements = row < tokens * kv_heads && lane < PARTS;
  const bool is_value = gl_WorkGroupID.z == 1;

  Eight x = Eight(vec4(0), vec4(0));
  if (has_elements) {
    const uint token = row / kv_heads, offset = token % BLOCK_SIZE;
    const uint page = uint(Ints(table).at[token / BLOCK_SIZE]);
    const uint64_t slab = slab_of(pages, page, kv_heads, row % kv_heads);
    const uint64_t at = slab + (offset + (is_value ? BLOCK_SIZE : 0)) * ROW_BYTES;
    const uint64_t metadata =
        slab + 2 * BLOCK_SIZE * ROW_BYTES + (is_value ? 4 * BLOCK_SIZE : 0) + 2 * offset;
    if (BITS == 4) {
      x = codes_at(at, metadata, lane);
    } else {
      x = halves_at(at, lane);
    }
  }
  const uint order = is_value ? VALUE_ORDER : KEY_ORDER;
  if (order != 0) x = rotated(x, order, is_value ? value_norm : key_norm);
  if (has_elements) put_eight((is_value ? values : keys) + uint64_t(row) * (4 * HEAD_DIM), lane, x);
}
