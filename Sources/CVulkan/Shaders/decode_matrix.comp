#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_vote : require
#pragma use_vulkan_memory_model
#include "common.glsl"
#include "butterflies.glsl"
#include "exponentials.glsl"
#include "fragments.glsl"

// Paged decode attention with products of matrices: as decode.comp, whose results it leaves, with
// 16 x 16 by 16 x 8 products of halves into floats (VK_KHR_cooperative_matrix).
//
// Keys, sixteen tokens to a product, and values, sixteen dimensions to a product, are the left
// matrix; query heads and their weights are the columns of the right one. Queries and weights count
// to 22 bits: as halves, and as what those leave out. Up to four heads, the one stands in columns 0
// to 3 and the other in columns 4 to 7; up to eight, there are two right matrices.
//
// Matrices are filled from registers, with nothing going through shared memory. For this a lane has
// to know which elements it holds. The host asks a device first (fragments.comp) whether they are
//     left    row g, columns 2t, 2t + 1, 2t + 8 and 2t + 9;  row g + 8, the same
//     right   column g, rows 2t, 2t + 1, 2t + 8 and 2t + 9
//     result  row g, columns 2t and 2t + 1;  row g + 8, the same
// for lane 4g + t, and takes decode.comp where they are not. The order of the dimensions in a
// product with keys, of tokens in one with values, and of either in results is free: lanes load
// what lies side by side in memory, and the other matrix follows.
//
// Four-bit codes become halves by a mask alone: the bits of code c are the half c * 2^-24, and four
// bits further up c * 2^-20, below the normal halves, and exact. x = zero + scale * code, so
//     q . k = scale * (q . codes) + zero * sum(q),    sum p v = sum (p scale) codes + sum p zero
//
// Bytes per token and KV head at head_dim 128: 512 (FP16), 136 (four bits). Of a subgroup's
// instructions per 16 tokens in four bits 16 are products, 90 unpack, 60 are the softmax and 32
// rescale sums. 64 sequences of 4,096 tokens, 32 query heads on 8 KV heads, on an H200 (a plain
// read takes 236 and 63 us): FP16 250 us, four bits 88.9 (247.5 and 89.7 where a lane's tokens are
// no neighbours); loads alone 80; all from one page 10 us less: arithmetic bounds more than memory.
//
// Slower there in four bits: products the other way round, with 16 rows of heads (twice the
// registers: 203 us); workgroups that go on from one KV head to the next, for equal shares
// (neighbours then read different pages: 209); scales by one load of a lane and shuffles, at once
// (104) or when the tile is taken (116); 32 tokens in flight and 32 ahead (98); queries from shared
// memory (100), with pages touched three tiles ahead besides (105); sums rescaled only in a loop of
// none or one round (103); joining subgroups one after the other (95.5). 128 registers are the
// bound: beyond them a multiprocessor holds three workgroups and not four.

layout(local_size_x_id = 0) in;
// Tokens of a subgroup in flight: 16, 32 or 64.
layout(constant_id = 7) const uint TILE = 32;
// Whether the next tile is asked for before this one is used: where registers leave room for it.
layout(constant_id = 8) const bool AHEAD = false;

layout(push_constant) uniform Push {
  uint64_t pages;
  // Page numbers: [sequence][table_stride].
  uint64_t tables;
  // [sequence][kv_head][GROUP_SIZE][HEAD_DIM] floats, as they come: turned and scaled here.
  uint64_t queries;
  // Four words each: sequence, KV head, first token, last token (not included). Aligned to 16.
  uint64_t spans;
  // [span][GROUP_SIZE][HEAD_DIM + 2] floats.
  uint64_t partials;
  // As queries; 0 where merge.comp makes them of partials. Not 0 only where each span is all that
  // its sequence has.
  uint64_t outputs;
  uint table_stride;
  uint kv_heads;
  uint span_count;
  // The order of the keys' Hadamard blocks, or 0, and 1 / sqrt(order). No specialisation constant:
  // one pipeline for plain and rotated keys spends the same on both but for the rotation.
  uint key_order;
  float key_norm;
  // What queries are multiplied by.
  float scale;
  // Scores s become soft_cap * tanh(s / soft_cap); 0 means that they stay as they are.
  float soft_cap;
};

const bool FOUR_BIT = BITS == 4;
const uint SUBGROUPS = gl_WorkGroupSize.x / 32;
const bool IS_SPLIT = GROUP_SIZE > 4;
const uint HEADS = IS_SPLIT ? 8 : 4;
const uint STEPS = HEAD_DIM / 16;
const uint BLOCKS = TILE / 16;

// Words of a key's row that a lane loads (of four), of a value's row (of eight), and how many lie
// side by side.
const uint KEY_WORDS = ROW_BYTES / 16;
const uint VALUE_WORDS = ROW_BYTES / 32;
const uint KEY_RUN = KEY_WORDS % 4 == 0 ? 4 : KEY_WORDS % 2 == 0 ? 2 : 1;
const uint VALUE_RUN = VALUE_WORDS % 4 == 0 ? 4 : VALUE_WORDS % 2 == 0 ? 2 : 1;

const float LOWEST = -3.0e38;
const float LOG2_E = 1.44269504;
const float LN_2 = 0.69314718;

uint first_token, last_token;
uint64_t kv_pages;
Ints table;

// Lane 4g + t. Its results are of two tokens of 16, or of its own dimensions, and of heads `head`
// and head + 1.
uint g, t, head;

// Which tokens of 16: a lane's two keys lie side by side, so that a word holds both their scales,
// as it comes. In a product with values rows 2t, 2t + 1, 2t + 8 and 2t + 9 are what lanes of rows t
// and t + 4 brought.
uint key_token(uint i) { return 2 * g + i; }
uint value_token(uint i) { return i / 2 * 8 + 2 * t + i % 2; }

RIGHT query[STEPS], query_rest[IS_SPLIT ? STEPS : 1];
RESULT sums[STEPS];
// What products with keys are multiplied by.
float key_factor;
// Of the lane's heads: the sum of the query, the largest score so far (to the base of 2), and of
// its tokens the sums of weights and of weighted zeros.
vec2 query_sum, largest, weight, zeros;
// A power of two that keeps scales of values within halves, and the largest scale it was made for.
float unit, largest_scale;

// A tile, and the one that is being loaded: two tokens' keys, four tokens' values, and in four bits
// scales and zeros of keys, then of values, of the keys' tokens.
uint keys[2 * BLOCKS * KEY_WORDS], keys_ahead[2 * BLOCKS * KEY_WORDS];
uint values[4 * BLOCKS * VALUE_WORDS], values_ahead[4 * BLOCKS * VALUE_WORDS];
uint metadata[4 * BLOCKS], metadata_ahead[4 * BLOCKS];
uint64_t slabs[BLOCKS];

// At the end the sums of all subgroups. Before the first tile the turned and scaled queries, from
// PACKED on, two words a step and lane, their halves, and from PACKED_REST on what those leave out.
// One array for all: at 12.5 KiB the driver expects fewer workgroups on a multiprocessor, and gives
// a lane more registers (141) than let four be there. Longer rows put heads into different banks.
const uint SCRATCH_ROW = HEAD_DIM + 4;
const uint PACKED = HEADS * SCRATCH_ROW, PACKED_REST = PACKED + STEPS * 64;
shared uint scratch[SUBGROUPS * HEADS * SCRATCH_ROW];
shared float head_sum[HEADS], head_most[HEADS];
shared float subgroup_largest[SUBGROUPS * HEADS];
shared float joined_weight[SUBGROUPS * HEADS], joined_zeros[SUBGROUPS * HEADS];

// Where word i of a lane's part of a row lies among the row's words.
uint key_word(uint i) { return (i / KEY_RUN * 4 + t) * KEY_RUN + i % KEY_RUN; }
uint value_word(uint i) { return (i / VALUE_RUN * 8 + g) * VALUE_RUN + i % VALUE_RUN; }
// The dimension of nibble n of a word.
uint nibble_dimension(uint word, uint n) {
  return 4 * word + n / 2 + (n % 2 == 0 ? 0 : HEAD_DIM / 2);
}

// Of two words the lower halves, or the upper ones.
uint lower_halves(uint a, uint b) {
  return packFloat2x16(f16vec2(unpackFloat2x16(a).x, unpackFloat2x16(b).x));
}
uint upper_halves(uint a, uint b) {
  return packFloat2x16(f16vec2(unpackFloat2x16(a).y, unpackFloat2x16(b).y));
}

#include "decode_queries.glsl"

uint held(uint token) { return min(token, (last_token - 1) / 16 * 16); }

void find_slabs(uint base) {
  [[unroll]] for (uint b = 0; b < BLOCKS; b++) {
    const uint page = uint(table.at[held(base + 16 * b) / BLOCK_SIZE]);
    slabs[b] = kv_pages + uint64_t(page) * kv_heads * SLAB_BYTES;
  }
}

// Asks for a tile whose slabs are known.
void load_tile(uint base) {
  [[unroll]] for (uint b = 0; b < BLOCKS; b++) {
    const uint offset = held(base + 16 * b) % BLOCK_SIZE;
    const uint64_t rows = slabs[b] + offset * ROW_BYTES;
    const uint64_t key_rows = rows + (key_token(0) * ROW_BYTES + t * (4 * KEY_RUN));
    [[unroll]] for (uint h = 0; h < 2; h++) {
      [[unroll]] for (uint i = 0; i < KEY_WORDS; i += KEY_RUN) {
        const uint64_t at = key_rows + uint64_t(h * ROW_BYTES + 16 * i);
        const uint to = (2 * b + h) * KEY_WORDS + i;
        if (KEY_RUN == 4) {
          const uvec4 x = Quads(at).at[0];
          keys_ahead[to] = x.x, keys_ahead[to + 1] = x.y;
          keys_ahead[to + 2] = x.z, keys_ahead[to + 3] = x.w;
        } else if (KEY_RUN == 2) {
          const uvec2 x = Pairs(at).at[0];
          keys_ahead[to] = x.x, keys_ahead[to + 1] = x.y;
        } else {
          keys_ahead[to] = Words(at).at[0];
        }
      }
    }
    const uint64_t value_rows =
        rows + ((BLOCK_SIZE + value_token(0)) * ROW_BYTES + g * (4 * VALUE_RUN));
    [[unroll]] for (uint k = 0; k < 4; k++) {
      [[unroll]] for (uint i = 0; i < VALUE_WORDS; i += VALUE_RUN) {
        const uint64_t at = value_rows + uint64_t((k / 2 * 8 + k % 2) * ROW_BYTES + 32 * i);
        const uint to = (4 * b + k) * VALUE_WORDS + i;
        if (VALUE_RUN == 4) {
          const uvec4 x = Quads(at).at[0];
          values_ahead[to] = x.x, values_ahead[to + 1] = x.y;
          values_ahead[to + 2] = x.z, values_ahead[to + 3] = x.w;
        } else if (VALUE_RUN == 2) {
          const uvec2 x = Pairs(at).at[0];
          values_ahead[to] = x.x, values_ahead[to + 1] = x.y;
        } else {
          values_ahead[to] = Words(at).at[0];
        }
      }
    }
    if (FOUR_BIT) {
      const uint64_t of = slabs[b] + (2 * BLOCK_SIZE * ROW_BYTES + 2 * offset + 4 * g);
      [[unroll]] for (uint i = 0; i < 4; i++) {
        metadata_ahead[4 * b + i] = Words(of + uint64_t(i * (2 * BLOCK_SIZE))).at[0];
      }
    }
  }
}

// Makes the tile that was asked for the one in use.
void take_tile() {
  [[unroll]] for (uint i = 0; i < 2 * BLOCKS * KEY_WORDS; i++) keys[i] = keys_ahead[i];
  [[unroll]] for (uint i = 0; i < 4 * BLOCKS * VALUE_WORDS; i++) values[i] = values_ahead[i];
  [[unroll]] for (uint i = 0; FOUR_BIT && i < 4 * BLOCKS; i++) {
    metadata[i] = metadata_ahead[i];
  }
}

// Scores of 16 tokens, to the base of 2: of the lane's first token, then of the second, two heads.
vec4 scores_of(uint b) {
  RESULT sum = RESULT(0.0), rest = RESULT(0.0);
  [[unroll]] for (uint step = 0; step < STEPS; step++) {
    uvec4 words;
    [[unroll]] for (uint h = 0; h < 2; h++) {
      const uint at = (2 * b + h) * KEY_WORDS;
      if (FOUR_BIT) {
        const uint word = keys[at + step / 2] >> (step % 2 * 8);
        words[2 * h] = word & 0x000F000F;
        words[2 * h + 1] = word & 0x00F000F0;
      } else {
        words[2 * h] = keys[at + 2 * step];
        words[2 * h + 1] = keys[at + 2 * step + 1];
      }
    }
    const LEFT key = left_of(words.xzyw);
    sum = coopMatMulAdd(key, query[step], sum);
    if (IS_SPLIT) rest = coopMatMulAdd(key, query_rest[step], rest);
  }
  vec4 scores = vec4(sum[0], sum[1], sum[2], sum[3]);
  scores += IS_SPLIT ? vec4(rest[0], rest[1], rest[2], rest[3]) : subgroupShuffleXor(scores, 2);
  if (FOUR_BIT) {
    const vec2 scale = unpackHalf2x16(metadata[4 * b]) * key_factor;
    const vec2 zero = unpackHalf2x16(metadata[4 * b + 1]);
    scores.xy = fma(scores.xy, vec2(scale.x), zero.x * query_sum);
    scores.zw = fma(scores.zw, vec2(scale.y), zero.y * query_sum);
  } else {
    scores *= key_factor;
  }
  if (soft_cap > 0.0) {
    [[unroll]] for (uint i = 0; i < 4; i++) scores[i] = soft_capped(scores[i], soft_cap) * LOG2_E;
  }
  return scores;
}

// Weights as a right matrix. A lane brings its two tokens' of each of its heads.
RIGHT right_of(uint first_head, uint second_head) {
  const uint near = 4 * t + g / 2, far = near + 16;
  const uint a = subgroupShuffle(first_head, near), b = subgroupShuffle(second_head, near);
  const uint c = subgroupShuffle(first_head, far), d = subgroupShuffle(second_head, far);
  return right_of(g % 2 == 0 ? uvec2(a, c) : uvec2(b, d));
}

// Adds 16 tokens' values, whose weights are `p`, ordered as scores.
void add_values(uint b, vec4 p) {
  uvec2 words = uvec2(packHalf2x16(p.xz), packHalf2x16(p.yw));
  const vec2 first = unpackHalf2x16(words.x), second = unpackHalf2x16(words.y);
  const vec4 high = vec4(first.x, second.x, first.y, second.y);
  // Columns of few heads hold one of both.
  const vec4 rest = fma(high, vec4(IS_SPLIT || t >= 2 ? -1.0 : 0.0), p);
  const uvec2 rest_words = uvec2(packHalf2x16(rest.xz), packHalf2x16(rest.yw));
  if (!IS_SPLIT) words = rest_words;
  const RIGHT weights = right_of(words.x, words.y);
  RIGHT weights_rest;
  if (IS_SPLIT) weights_rest = right_of(rest_words.x, rest_words.y);
  [[unroll]] for (uint i = 0; i < VALUE_WORDS; i++) {
    uint v[4];
    [[unroll]] for (uint k = 0; k < 4; k++) v[k] = values[(4 * b + k) * VALUE_WORDS + i];
    const uint low01 = lower_halves(v[0], v[1]), low23 = lower_halves(v[2], v[3]);
    const uint high01 = upper_halves(v[0], v[1]), high23 = upper_halves(v[2], v[3]);
    if (FOUR_BIT) {
      [[unroll]] for (uint n = 0; n < 4; n++) {
        const uint tokens01 = (n / 2 == 0 ? low01 : high01) >> n % 2 * 8;
        const uint tokens23 = (n / 2 == 0 ? low23 : high23) >> n % 2 * 8;
        const LEFT value = left_of(uvec4(
            tokens01 & 0x000F000F, tokens01 & 0x00F000F0,
            tokens23 & 0x000F000F, tokens23 & 0x00F000F0));
        sums[4 * i + n] = coopMatMulAdd(value, weights, sums[4 * i + n]);
        if (IS_SPLIT) sums[4 * i + n] = coopMatMulAdd(value, weights_rest, sums[4 * i + n]);
      }
    } else {
      const LEFT value = left_of(uvec4(low01, high01, low23, high23));
      sums[i] = coopMatMulAdd(value, weights, sums[i]);
      if (IS_SPLIT) sums[i] = coopMatMulAdd(value, weights_rest, sums[i]);
    }
  }
}

// Makes room for larger scores and scales than there were, all lanes together; what has been summed
// up is to be multiplied by the result.
vec2 raise(vec2 top, float top_scale) {
  [[unroll]] for (uint distance = 4; distance < 32; distance *= 2) {
    top = max(top, subgroupShuffleXor(top, distance));
  }
  const vec2 decay = exp2(largest - top);
  largest = top;
  weight *= decay;
  zeros *= decay;
  if (!FOUR_BIT) return decay;
  [[unroll]] for (uint distance = 4; distance < 32; distance *= 2) {
    top_scale = max(top_scale, subgroupShuffleXor(top_scale, distance));
  }
  largest_scale = top_scale;
  const float raised =
      uintBitsToFloat((254 - clamp(floatBitsToUint(top_scale) >> 23, 1u, 253u)) << 23);
  const float ratio = raised / unit;
  unit = raised;
  return decay * ratio;
}

bool counts(uint token) { return token >= first_token && token < last_token; }

void attend_tile(uint base) {
  const bool is_whole = base >= first_token && base + TILE <= last_token;
  vec4 scores[BLOCKS];
  vec2 top = largest;
  float top_scale = largest_scale;
  [[unroll]] for (uint b = 0; b < BLOCKS; b++) {
    scores[b] = scores_of(b);
    vec2 scale = FOUR_BIT ? unpackHalf2x16(metadata[4 * b + 2]) : vec2(0.0);
    if (!is_whole) {
      const uint token = base + 16 * b;
      if (!counts(token + key_token(0))) scores[b].xy = vec2(LOWEST), scale.x = 0.0;
      if (!counts(token + key_token(1))) scores[b].zw = vec2(LOWEST), scale.y = 0.0;
      // What was never written may hold NaN, which even a weight of 0 would not hide.
      [[unroll]] for (uint k = 0; !FOUR_BIT && k < 4; k++) {
        const bool is_there = counts(token + value_token(k));
        [[unroll]] for (uint i = 0; i < VALUE_WORDS; i++) {
          const uint at = (4 * b + k) * VALUE_WORDS + i;
          values[at] = is_there ? values[at] : 0;
        }
      }
    }
    top = max(top, max(scores[b].xy, scores[b].zw));
    if (FOUR_BIT) top_scale = max(top_scale, max(scale.x, scale.y));
  }
  // Rarely after the first tiles. Sums are multiplied in any case: sums that only one branch
  // changes are copied in the other.
  vec2 decay = vec2(1.0);
  if (subgroupAny(any(greaterThan(top, largest)) || top_scale > largest_scale)) {
    decay = raise(top, top_scale);
  }
  [[unroll]] for (uint i = 0; i < STEPS; i++) {
    sums[i][0] *= decay.x, sums[i][1] *= decay.y, sums[i][2] *= decay.x, sums[i][3] *= decay.y;
  }
  [[unroll]] for (uint b = 0; b < BLOCKS; b++) {
    vec4 p = exp2(scores[b] - largest.xyxy);
    if (!is_whole) {
      // Not by the score alone: before the first token, `largest` is as low as what stands for
      // none.
      if (!counts(base + 16 * b + key_token(0))) p.xy = vec2(0.0);
      if (!counts(base + 16 * b + key_token(1))) p.zw = vec2(0.0);
    }
    weight += p.xy + p.zw;
    if (FOUR_BIT) {
      vec2 scale = unpackHalf2x16(metadata[4 * b + 2]) * unit;
      vec2 zero = unpackHalf2x16(metadata[4 * b + 3]);
      if (!is_whole) {
        if (!counts(base + 16 * b + key_token(0))) scale.x = zero.x = 0.0;
        if (!counts(base + 16 * b + key_token(1))) scale.y = zero.y = 0.0;
      }
      zeros = fma(p.xy, vec2(zero.x), fma(p.zw, vec2(zero.y), zeros));
      p *= scale.xxyy;
    }
    add_values(b, p);
  }
}

// Joins the subgroups: what each holds, scaled from its own maximum to that of all. Writes it as
// partials, or divided by the weights as the outputs of rows from `row` on.
void join(uint64_t to, uint64_t row, uint heads) {
  [[unroll]] for (uint distance = 4; distance < 32; distance *= 2) {
    weight += subgroupShuffleXor(weight, distance);
    zeros += subgroupShuffleXor(zeros, distance);
  }
  if (!IS_SPLIT) {
    // What columns 4 to 7 hold.
    [[unroll]] for (uint i = 0; i < STEPS; i++) {
      [[unroll]] for (uint j = 0; j < 4; j++) {
        const float sum = sums[i][j];
        sums[i][j] = sum + subgroupShuffleXor(sum, 2);
      }
    }
  }
  if (g == 0) {
    subgroup_largest[gl_SubgroupID * HEADS + head] = largest.x;
    subgroup_largest[gl_SubgroupID * HEADS + head + 1] = largest.y;
  }
  barrier();
  vec2 top = vec2(LOWEST);
  for (uint i = 0; i < SUBGROUPS; i++) {
    const uint at = i * HEADS + head;
    top = max(top, vec2(subgroup_largest[at], subgroup_largest[at + 1]));
  }
  const vec2 share = exp2(largest - top);
  if (2 * t < HEADS) {
    const uint first = gl_SubgroupID * HEADS + head;
    [[unroll]] for (uint i = 0; i < STEPS; i++) {
      [[unroll]] for (uint j = 0; j < 4; j++) {
        uint at;
        float factor = share[j % 2];
        if (FOUR_BIT) {
          at = nibble_dimension(value_word(i / 4), i % 4 * 2 + j / 2);
          factor *= (j / 2 == 0 ? 16777216.0 : 1048576.0) / unit;
        } else {
          at = 2 * value_word(i) + j / 2;
        }
        scratch[(first + j % 2) * SCRATCH_ROW + at] = floatBitsToUint(sums[i][j] * factor);
      }
    }
    [[unroll]] for (uint j = 0; g == 0 && j < 2; j++) {
      joined_weight[first + j] = weight[j] * share[j];
      joined_zeros[first + j] = zeros[j] * share[j];
    }
  }
  barrier();
  for (uint i = gl_LocalInvocationIndex; i < heads * HEAD_DIM; i += gl_WorkGroupSize.x) {
    const uint of = i / HEAD_DIM, at = i % HEAD_DIM;
    float sum = 0.0, weights = 0.0;
    [[unroll]] for (uint j = 0; j < SUBGROUPS; j++) {
      const uint from = j * HEADS + of;
      sum += uintBitsToFloat(scratch[from * SCRATCH_ROW + at]) + joined_zeros[from];
      weights += joined_weight[from];
    }
    if (outputs != 0) {
      Floats(outputs + row * (4 * HEAD_DIM)).at[i] = sum / weights;
    } else {
      Floats(to).at[of * (HEAD_DIM + 2) + 2 + at] = sum;
      if (at == 0) Floats(to).at[of * (HEAD_DIM + 2) + 1] = weights;
    }
  }
  [[unroll]] for (uint j = 0; j < 2; j++) {
    if (outputs == 0 && gl_SubgroupID == 0 && g == 0 && 2 * t < HEADS && head + j < heads) {
      Floats(to).at[(head + j) * (HEAD_DIM + 2)] = top[j] * LN_2;
    }
  }
  // The next heads use the same memory.
  barrier();
}

void begin_softmax() {
  [[unroll]] for (uint i = 0; i < STEPS; i++) sums[i] = RESULT(0.0);
  largest = vec2(LOWEST);
  weight = zeros = vec2(0.0);
  largest_scale = 0.0;
  unit = 1.0;
}

void main() {
  const uint index = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
  if (index >= span_count) return;
  g = gl_SubgroupInvocationID / 4;
  t = gl_SubgroupInvocationID % 4;
  head = 2 * t % HEADS;
  const uvec4 span = Quads(spans).at[index];
  first_token = span.z;
  last_token = span.w;
  kv_pages = slab_of(pages, 0, kv_heads, span.y);
  table = Ints(tables + uint64_t(span.x) * table_stride * 4);
  const uint step = SUBGROUPS * TILE;
  const uint start = first_token - first_token % 16 + gl_SubgroupID * TILE;
  for (uint first = 0; first < GROUP_SIZE; first += HEADS) {
    const uint heads = min(HEADS, GROUP_SIZE - first);
    const uint64_t row = (uint64_t(span.x) * kv_heads + span.y) * GROUP_SIZE + first;
    fetch_queries(queries + row * (4 * HEAD_DIM), heads);
    find_slabs(start);
    if (AHEAD) {
      // Queries are prepared while the first tile is on its way.
      load_tile(start);
      find_slabs(start + step);
    }
    begin_softmax();
    turn_queries(heads);
    load_queries();
    for (uint base = start; base < last_token; base += step) {
      if (!AHEAD) load_tile(base);
      take_tile();
      if (AHEAD) load_tile(base + step);
      find_slabs(base + (AHEAD ? 2 : 1) * step);
      attend_tile(base);
    }
    join(partials + (uint64_t(index) * GROUP_SIZE + first) * (4 * (HEAD_DIM + 2)), row, heads);
  }
}
