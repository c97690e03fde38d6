#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "groups.glsl"

// Paged append: K and V rows of new tokens, FP32, into page slots, rotated and quantised on the way
// (append_body.h and docs/kernels.md: Formats). Writes the bytes of the CPU kernels: quotients are
// corrected, rounding to half is done in whole numbers, and nothing is contracted.
//
// Bytes per token and KV head at head_dim 128: reads 1024, writes 512 (FP16) or 136 (four bits).
// Operations: a few per element; rotation adds log2(order) per element. The floor is memory.
//
// Slots must differ. `keys` and `values` are [token][kv_head][HEAD_DIM], at multiples of 16;
// `pages` too; a slot is page * BLOCK_SIZE + offset. Groups: x * y at least tokens * kv_heads over
// (workgroup / LANES) rows, z = 2: keys, then values.
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push {
  uint64_t pages;
  uint64_t keys;
  uint64_t values;
  uint64_t slots;
  uint tokens;
  uint kv_heads;
  // 1 / sqrt(order), rounded as the CPU rounds it.
  float key_norm;
  float value_norm;
};

#include "rows.glsl"

// a / b to the nearest float, where b has at most 11 significant bits: devices divide to within 2.5
// units only. The halves of q and their products with b are exact, and so is what is left of a (T.
// J. Dekker, A floating-point technique for extending the available precision, 1971).
float quotient(float a, float b) {
  precise const float q = a / b;
  precise const float high = uintBitsToFloat(floatBitsToUint(q) & 0xFFFFF000u);
  precise const float low = q - high;
  precise const float rest = (a - high * b) - low * b;
  precise const float nearest = q + rest / b;
  return nearest;
}

// Minimum and maximum of a row.
vec2 extremes(Eight x, bool has_elements) {
  const vec4 low = min(x.a, x.b), high = max(x.a, x.b);
  vec2 mine = vec2(min(min(low.x, low.y), min(low.z, low.w)),
                   max(max(high.x, high.y), max(high.z, high.w)));
  if (!has_elements) mine = vec2(3.402823466e38, -3.402823466e38);
  const uint thread = thread_number();
  for (uint distance = 1; distance < LANES; distance *= 2) {
    const vec4 theirs = of_thread(vec4(mine, 0, 0), thread ^ distance);
    mine = vec2(min(mine.x, theirs.x), max(mine.y, theirs.y));
  }
  return mine;
}

// Scale and zero as stored.
struct Quantiser { uint scale, zero; };

Quantiser quantiser_for(vec2 range) {
  const float limit = 65504.0;
  precise const float width = range.y - range.x;
  const float zero = clamp(range.x, -limit, limit);
  Quantiser q;
  q.scale = half_of(min(quotient(width, 15.0), limit));
  // Of two zeros the minimum may be either; pages hold +0.
  q.zero = floatBitsToUint(zero) << 1 == 0 ? 0 : half_of(zero);
  return q;
}

// Codes of four elements, a byte each, against scale and zero as they are read back.
uint codes_of(vec4 x, float zero, float inverse) {
  precise const vec4 steps = (x - zero) * inverse;
  const uvec4 codes = uvec4(clamp(roundEven(steps), 0.0, 15.0));
  return codes.x | codes.y << 8 | codes.z << 16 | codes.w << 24;
}

void put_halves(uint64_t row, uint lane, Eight x) {
  Quads(row).at[lane] = uvec4(half_of(x.a.x) | half_of(x.a.y) << 16,
                              half_of(x.a.z) | half_of(x.a.w) << 16,
                              half_of(x.b.x) | half_of(x.b.y) << 16,
                              half_of(x.b.z) | half_of(x.b.w) << 16);
}

// `metadata` is the address of the row's scale.
void put_codes(uint64_t row, uint64_t metadata, uint lane, Eight x, bool has_elements) {
  const Quantiser q = quantiser_for(extremes(x, has_elements));
  const float scale = float_of(q.scale), zero = float_of(q.zero);
  const float inverse = q.scale == 0 ? 0.0 : quotient(1.0, scale);
  const uvec2 mine = uvec2(codes_of(x.a, zero, inverse), codes_of(x.b, zero, inverse));
  // A byte holds an element of the first half of the row and one of the second.
  const bool is_first_half = lane < PARTS / 2;
  const uint thread = thread_number();
  const uvec4 theirs = of_thread(uvec4(mine, 0, 0), is_first_half ? thread + PARTS / 2 : thread);
  if (!has_elements) return;
  if (is_first_half) Pairs(row).at[lane] = mine | theirs.xy << 4;
  if (lane == 0) {
    Halves(metadata).at[0] = uint16_t(q.scale);
    Halves(metadata).at[BLOCK_SIZE] = uint16_t(q.zero);
  }
}

void main() {
  const uint thread = thread_number(), lane = thread % LANES;
  const uint row = group_number() * (gl_WorkGroupSize.x / LANES) + thread / LANES;
  const bool has_elements = row < tokens * kv_heads && lane < PARTS;
  const bool is_value = gl_WorkGroupID.z == 1;

  Eight x = Eight(vec4(0), vec4(0));
  uint64_t to = 0, metadata = 0;
  if (has_elements) {
    x = eight_at((is_value ? values : keys) + uint64_t(row) * (4 * HEAD_DIM), lane);
    const uint slot = Words(slots).at[row / kv_heads], offset = slot % BLOCK_SIZE;
    const uint64_t slab = slab_of(pages, slot / BLOCK_SIZE, kv_heads, row % kv_heads);
    to = slab + (offset + (is_value ? BLOCK_SIZE : 0)) * ROW_BYTES;
    metadata = slab + 2 * BLOCK_SIZE * ROW_BYTES + (is_value ? 4 * BLOCK_SIZE : 0) + 2 * offset;
  }
  const uint order = is_value ? VALUE_ORDER : KEY_ORDER;
  if (order != 0) x = rotated(x, order, is_value ? value_norm : key_norm);
  if (BITS == 4) {
    put_codes(to, metadata, lane, x, has_elements);
  } else if (has_elements) {
    put_halves(to, lane, x);
  }
}
