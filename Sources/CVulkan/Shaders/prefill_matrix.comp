#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#pragma use_vulkan_memory_model
#include "common.glsl"
#include "exponentials.glsl"
#include "fragments.glsl"
#include "powers.glsl"

// Causal prefill attention by products of matrices: as prefill.comp, over keys and values that
// gather_halves.comp has laid out.
//
// A workgroup takes one KV head and 16 rows per subgroup, a row being a token and a head of the
// group: row = token * GROUP_SIZE + head. Queries stay in registers as halves, each row scaled by a
// power of two of its own. Keys and values go through shared memory, 64 at a time, the next ones
// being read meanwhile. Matrices are filled from registers (fragments.glsl), so the orders of
// dimensions, keys and rows in them are free: a lane's numbers lie side by side in memory,
//     dimension 32 s + 8t + e of a product: element e of the lane's eight;
//     key 32 j + 8t + e: element e, in scores and weights alike, which makes of scores the left
//     matrix of the product with values;
//     row 2g is the matrix's row g, row 2g + 1 its row g + 8.
//
// Operations: 4 * HEAD_DIM per query head and attended pair. Floor on an H200: products of 16 x 8 x
// 16 at 530 TFLOP/s, as measured without loads. Loads from shared memory, 512 bytes for each pair
// of products, would take 1.0 ms alone at 8,192 tokens, products 1.04. Measured there (32 query and
// 8 KV heads of 128, with gather_halves.comp, whose pass takes 0.023 ms):
//     2.01 ms  queries turned in a pass before, 2.11 where keys are rotated
//     1.93 ms  without a branch around the loads of keys, and queries as halves by way of shared
//              memory (285 TFLOP/s; 295 at 16,384); 2.03 turned here. Turning takes 0.01 of it; the
//              rest is the loop, whose moves the compiler gives to other units where a shader adds
//              as much as turning does
// A workgroup's beginning and end take some 4 us, at 8,192 tokens 0.06 ms. Softmax takes 0.22.
// Slower: keys in two stages of 32 with one barrier (2.13 against 1.90); coopMatLoad from padded
// rows (1.94); a pass that makes halves of queries (by 0.05); 32 rows of a subgroup, also with
// queries in shared memory and two workgroups of 128 threads on a multiprocessor (2.57); 64 rows in
// a workgroup (2.76); rescaling only where the largest score rises by 8 (2.04); scores of the next
// tile during the softmax of this one (2.09); two tiles in a turn of the loop (1.99); a loop for
// masked tiles within one around both kinds (2.10); three loops one after the other, for the tiles
// that are masked and those between (2.04, turned 2.07).

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 7) const bool IS_CAPPED = false;
layout(push_constant) uniform Push {
  // Neither turned nor scaled, [token][query_head][head_dim] floats; outputs alike.
  uint64_t queries, outputs;
  uint64_t keys, values;
  uint kv_heads, prefix, tokens;
  // Keys that a query sees at most, its own included; 0 means all up to its own.
  uint window;
  float soft_cap;
};

const float LOG2_E = 1.44269504;
// What no score comes near; infinities would turn differences into NaN.
const float LOWEST = -3.0e38;
const uint ROWS = gl_WorkGroupSize.x / 2;
// Keys of a tile, and of a tile of the gathered ones.
const uint TILE = 64, PART = 32;
const uint SLICES = HEAD_DIM / 32, D_TILES = HEAD_DIM / 8, K_TILES = TILE / 8;
const uint QUARTETS = HEAD_DIM / 16;
const uint PART_QUADS = PART * HEAD_DIM / 8, TILE_QUADS = TILE * HEAD_DIM / 8;
const uint TILE_BYTES = TILE_QUADS * 16;
const uint EACH = TILE_QUADS / gl_WorkGroupSize.x;
shared uvec4 key_stage[TILE_QUADS];
shared uvec4 value_stage[TILE_QUADS];

LEFT q[QUARTETS];
RESULT scores[K_TILES], sums[D_TILES];
// Of each of the lane's two rows: what makes of a product its score in powers of two; the largest
// score so far; and the lane's share of the sum of weights.
float factor[2], top[2], weight[2];
uvec4 ahead[EACH];

float quad_max(float x) {
  x = max(x, subgroupShuffleXor(x, 1));
  return max(x, subgroupShuffleXor(x, 2));
}
float quad_sum(float x) {
  x += subgroupShuffleXor(x, 1);
  return x + subgroupShuffleXor(x, 2);
}

// Where a row's vector lies in queries and outputs, in bytes.
uint64_t vector_of(uint kv_head, uint row) {
  const uint64_t head = uint64_t(row / GROUP_SIZE) * kv_heads + kv_head;
  return (head * GROUP_SIZE + row % GROUP_SIZE) * (HEAD_DIM * 4);
}

void butterfly(inout vec4 a, inout vec4 b) {
  const vec4 c = a;
  a = c + b;
  b = c - b;
}
// Of the row's elements `8 * distance` apart.
void butterflies_of_lanes(inout vec4 x[QUARTETS], uint distance) {
  const float sign = (gl_SubgroupInvocationID & distance) == 0 ? 1.0 : -1.0;
  [[unroll]] for (uint i = 0; i < QUARTETS; i++) {
    x[i] = subgroupShuffleXor(x[i], distance) + sign * x[i];
  }
}
// Multiplies a row by the block-diagonal Hadamard matrix of KEY_ORDER, whose norm it leaves out.
void turn(inout vec4 x[QUARTETS]) {
  [[unroll]] for (uint i = 0; i < QUARTETS; i++) {
    const vec4 v = x[i];
    const vec4 w = vec4(v.x + v.y, v.x - v.y, v.z + v.w, v.z - v.w);
    x[i] = vec4(w.xy + w.zw, w.xy - w.zw);
  }
  [[unroll]] for (uint s = 0; s < SLICES; s++) butterfly(x[2 * s], x[2 * s + 1]);
  butterflies_of_lanes(x, 1);
  if (KEY_ORDER >= 32) butterflies_of_lanes(x, 2);
  if (KEY_ORDER >= 64) {
    [[unroll]] for (uint s = 0; s + 1 < SLICES; s += 2) {
      butterfly(x[2 * s], x[2 * s + 2]);
      butterfly(x[2 * s + 1], x[2 * s + 3]);
    }
  }
  if (KEY_ORDER >= 128) {
    [[unroll]] for (uint i = 0; i + 4 < QUARTETS; i++) butterfly(x[i], x[i + 4]);
  }
}

void load_queries(uint kv_head, uint first, uint last) {
  vec4 x[2][QUARTETS];
  float up[2];
  const float norm = KEY_ORDER > 0 ? inversesqrt(float(KEY_ORDER)) : 1.0;
  [[unroll]] for (uint h = 0; h < 2; h++) {
    float most = 0;
    Fours from = Fours(queries + vector_of(kv_head, min(first + h, last)));
    [[unroll]] for (uint i = 0; i < QUARTETS; i++) {
      x[h][i] = from.at[i / 2 * 8 + gl_SubgroupInvocationID % 4 * 2 + i % 2];
    }
    if (KEY_ORDER > 0) turn(x[h]);
    [[unroll]] for (uint i = 0; i < QUARTETS; i++) most = max(most, largest_of(x[h][i]));
    most = quad_max(most);
    up[h] = scale_up(most);
    factor[h] = scale_down(most) * (LOG2_E * inversesqrt(float(HEAD_DIM)) * norm);
  }
  // By way of shared memory, for which keys and values wait: the compiler would keep floats, and
  // make halves of them for every tile.
  [[unroll]] for (uint i = 0; i < QUARTETS; i++) {
    const vec4 a = x[0][i] * up[0], b = x[1][i] * up[1];
    const uvec4 words = uvec4(halves_of(a.xy), halves_of(b.xy), halves_of(a.zw), halves_of(b.zw));
    const uint at = i % SLICES * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
    if (i < SLICES) {
      key_stage[at] = words;
    } else {
      value_stage[at] = words;
    }
  }
  barrier();
  [[unroll]] for (uint i = 0; i < QUARTETS; i++) {
    const uint at = i % SLICES * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
    q[i] = left_of(i < SLICES ? key_stage[at] : value_stage[at]);
  }
  barrier();
}

void load(uint64_t tile) {
  [[unroll]] for (uint i = 0; i < EACH; i++) {
    ahead[i] = Quads(tile).at[gl_LocalInvocationIndex + i * gl_WorkGroupSize.x];
  }
}
void store_keys() {
  [[unroll]] for (uint i = 0; i < EACH; i++) {
    key_stage[gl_LocalInvocationIndex + i * gl_WorkGroupSize.x] = ahead[i];
  }
}
void store_values() {
  [[unroll]] for (uint i = 0; i < EACH; i++) {
    value_stage[gl_LocalInvocationIndex + i * gl_WorkGroupSize.x] = ahead[i];
  }
}

// Scores of the staged keys. Result j % 4 of a part has in columns 2t and 2t + 1 the keys 8t + 2j
// and 8t + 2j + 1, that is in column g the key 8 * (g / 2) + 2j + g % 2.
void score() {
  const uint g = gl_SubgroupInvocationID / 4, t = gl_SubgroupInvocationID % 4;
  [[unroll]] for (uint j = 0; j < K_TILES; j++) scores[j] = RESULT(0.0);
  [[unroll]] for (uint s = 0; s < SLICES; s++) {
    [[unroll]] for (uint j = 0; j < K_TILES; j++) {
      const uint key = g / 2 * 8 + g % 2 + j % 4 * 2;
      const uvec4 k = key_stage[j / 4 * PART_QUADS + (s * PART + key) * 4 + t];
      scores[j] = coopMatMulAdd(q[2 * s], right_of(k.xy), scores[j]);
      scores[j] = coopMatMulAdd(q[2 * s + 1], right_of(k.zw), scores[j]);
    }
  }
}

void cap_scores() {
  [[unroll]] for (uint j = 0; j < K_TILES; j++) {
    [[unroll]] for (uint i = 0; i < 4; i++) {
      // To the base of e, and back to that of 2.
      const float score = scores[j][i] * (factor[i / 2] * (1 / LOG2_E));
      scores[j][i] = soft_capped(score, soft_cap) * LOG2_E;
    }
  }
}

// Leaves only scores of keys that the rows see.
void mask(uint first_key, uint first, uint last) {
  const uint t = gl_SubgroupInvocationID % 4, most = window == 0 ? 0xFFFFFFFFu : window;
  [[unroll]] for (uint j = 0; j < K_TILES; j++) {
    [[unroll]] for (uint i = 0; i < 4; i++) {
      const uint key = first_key + j / 4 * PART + t * 8 + j % 4 * 2 + i % 2;
      const uint seen = prefix + min(first + i / 2, last) / GROUP_SIZE + 1;
      if (key >= seen || seen - key > most) scores[j][i] = LOWEST;
    }
  }
}

// Takes the largest scores in, and rescales what the rows hold.
void rescale() {
  [[unroll]] for (uint h = 0; h < 2; h++) {
    float now = LOWEST;
    [[unroll]] for (uint j = 0; j < K_TILES; j++) {
      now = max(now, max(scores[j][h * 2], scores[j][h * 2 + 1]));
    }
    now = quad_max(now);
    // A row that sees nothing yet stays at the lowest.
    if (!IS_CAPPED && now != LOWEST) now *= factor[h];
    now = max(now, top[h]);
    const float decay = exp2(top[h] - now);
    top[h] = now;
    weight[h] *= decay;
    [[unroll]] for (uint d = 0; d < D_TILES; d++) {
      sums[d][h * 2] *= decay;
      sums[d][h * 2 + 1] *= decay;
    }
  }
}

// Weights of the staged values, and their sums.
void add_values() {
  [[unroll]] for (uint part = 0; part < TILE / PART; part++) {
    LEFT p[2];
    [[unroll]] for (uint j = 0; j < 4; j++) {
      [[unroll]] for (uint i = 0; i < 4; i++) {
        const uint h = i / 2;
        const float base = top[h] == LOWEST ? 0 : top[h], s = scores[part * 4 + j][i];
        const float e = exp2(IS_CAPPED ? s - base : fma(s, factor[h], -base));
        weight[h] += e;
        p[j / 2][h * 4 + j % 2 * 2 + i % 2] = float16_t(e);
      }
    }
    [[unroll]] for (uint d = 0; d < D_TILES; d++) {
      const uvec4 v = value_stage[part * PART_QUADS + d * 32 + gl_SubgroupInvocationID];
      sums[d] = coopMatMulAdd(p[0], right_of(v.xy), sums[d]);
      sums[d] = coopMatMulAdd(p[1], right_of(v.zw), sums[d]);
    }
  }
}

void write_outputs(uint kv_head, uint first, uint last) {
  [[unroll]] for (uint h = 0; h < 2; h++) {
    const float inverse = 1.0 / quad_sum(weight[h]);
    if (first + h > last) continue;
    Twos to = Twos(outputs + vector_of(kv_head, first + h));
    [[unroll]] for (uint d = 0; d < D_TILES; d++) {
      to.at[d * 4 + gl_SubgroupInvocationID % 4] =
          vec2(sums[d][h * 2], sums[d][h * 2 + 1]) * inverse;
    }
  }
}

void main() {
  const uint kv_head = gl_WorkGroupID.x;
  // The last rows see the most keys, and begin first.
  const uint first_row = (gl_NumWorkGroups.y - 1 - gl_WorkGroupID.y) * ROWS;
  const uint last_row = min(first_row + ROWS, tokens * GROUP_SIZE) - 1;
  const uint own_row = first_row + gl_SubgroupID * 16 + gl_SubgroupInvocationID / 4 * 2;
  [[unroll]] for (uint d = 0; d < D_TILES; d++) sums[d] = RESULT(0.0);
  [[unroll]] for (uint h = 0; h < 2; h++) {
    top[h] = LOWEST;
    weight[h] = 0;
  }
  const uint first_seen = prefix + first_row / GROUP_SIZE + 1;
  const uint end = prefix + last_row / GROUP_SIZE + 1;
  const uint start = window == 0 || window >= first_seen ? 0 : (first_seen - window) / TILE;
  const uint end_tile = (end + TILE - 1) / TILE;
  // Where the last row's window begins: tiles from there on are seen whole, up to the diagonal.
  const uint last_begin = window == 0 || window >= end ? 0 : end - window;
  const uint64_t head = uint64_t(kv_head) * ((prefix + tokens + TILE - 1) / TILE);
  const uint64_t k = keys + head * TILE_BYTES, v = values + head * TILE_BYTES;

  load(k + uint64_t(start) * TILE_BYTES);
  load_queries(kv_head, own_row, last_row);
  store_keys();
  barrier();
  [[dont_unroll]] for (uint tile = start; tile < end_tile; tile++) {
    const uint first = tile * TILE;
    load(v + uint64_t(tile) * TILE_BYTES);
    score();
    store_values();
    barrier();
    // Behind the last tile once more, as branches cost more: where they join, the compiler moves
    // numbers from register to register.
    load(k + uint64_t(min(tile + 1, end_tile - 1)) * TILE_BYTES);
    if (IS_CAPPED) cap_scores();
    if (first + TILE > first_seen || first < last_begin) mask(first, own_row, last_row);
    rescale();
    add_values();
    store_keys();
    barrier();
  }
  write_outputs(kv_head, own_row, last_row);
}
