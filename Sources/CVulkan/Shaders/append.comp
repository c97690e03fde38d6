#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "butterflies.glsl"
#include "groups.glsl"

// Paged append: K and V rows of new tokens, FP32, into page slots, rotated and quantised on the way
// (append_body.h and docs/kernels.md: Formats). Writes the bytes of the CPU kernels: quotients are
// corrected, rounding to half is done in whole numbers, and nothing is contracted.
//
// Bytes per token and KV head at head_dim 128: reads 1024, writes 512 (FP16) or 136 (four bits).
// Operations: a few per element; rotation adds log2(order) per element. The floor is memory.
//
// A lane holds four elements at a time, so that a load of neighbours covers whole lines: of element
// number i bits 0 and 1 count within such a quad, the next ones the lanes, the last ones quads of a
// lane, and an element of the row's first half and its partner of the second, which share a byte,
// are in one lane. The host has two ways. Few rows take sixteen lanes each, and keys and values
// workgroups of their own, to be done soon. Many rows in four bits take eight lanes, which makes
// scales once for twice the rows and passes on a quarter less, keys and values one after the other
// in a lane, and eight tokens of a KV head side by side, whose codes fill whole lines.
//
// One layer of Qwen3-8B (8 KV heads of 128) on an H200, launch included: 8,192 tokens in 24.2 us
// (four bits), 25.5 (rotated) and 29.3 (FP16), one in 4.0 to 4.4; the floor is 16.4 and 22 us.
// Slower: eight consecutive elements to a lane, sixteen lanes a row (30.6, 34.3 rotated); keys and
// values apart, with eight lanes (25.7, 27.8), four (24.8, 27.1) or two (30.3, 29.0). Both in one
// lane with four lanes are as fast (24.3, 25.3), but take 4.7 us for one token, 5.1 rotated; with
// eight lanes 4.5 and 4.8. FP16 with four: 33.
//
// Slots must differ. `keys` and `values` are [token][kv_head][HEAD_DIM], at multiples of 16;
// `pages` too; a slot is page * BLOCK_SIZE + offset. Groups: x * y at least tokens (a multiple of
// TOKENS) * kv_heads over (workgroup / LANES) rows; z = 1 where a lane TAKES_BOTH, and elsewhere 2:
// keys, then values.
layout(local_size_x_id = 0) in;
// Lanes of a row: a power of two that divides the quads of half a row.
layout(constant_id = 7) const uint LANES = 2;
// Whether a lane goes over keys and values of a row, or over the ones that z says.
layout(constant_id = 8) const bool TAKES_BOTH = false;
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

#include "lanes.glsl"

// As of_thread, of the thread whose number differs in one bit.
vec4 of_neighbour(vec4 mine, uint distance) {
  if (is_packed() && LANES <= gl_SubgroupSize) return subgroupShuffleXor(mine, distance);
  return of_thread(mine, thread_number() ^ distance);
}

// Tokens of a KV head side by side.
const uint TOKENS = TAKES_BOTH ? 8 : 1;
const uint QUADS = HEAD_DIM / 4 / LANES;

// Of the lane's row, quads number i * LANES + lane: keys, or values; and the values that wait.
vec4 row[QUADS], waiting[QUADS];

// One stride of the row's Hadamard blocks, which lies between quads of a lane.
#define BUTTERFLIES_OF_QUADS(stride)                                               \
  [[unroll]] for (uint i = 0; i < QUADS && 4 * LANES * stride < order; i++) {      \
    if ((i & stride) != 0 || i + stride >= QUADS) continue;                        \
    precise const vec4 a = row[i], b = row[i + stride < QUADS ? i + stride : 0];   \
    row[i] = a + b;                                                                \
    row[i + stride < QUADS ? i + stride : 0] = a - b;                              \
  }

// Multiplies the row by the block-diagonal Hadamard matrix of an order of 16 or more, times `norm`,
// to the bits of the CPU kernels: strides from 1 up, then the norm. Every thread must call it.
void rotate(uint order, float norm) {
  [[unroll]] for (uint i = 0; i < QUADS; i++) row[i] = butterflies_of_four(row[i]);
  const uint thread = thread_number();
  [[unroll]] for (uint distance = 1; distance < LANES; distance *= 2) {
    if (4 * distance >= order) break;
    // The product with it is exact, so that one instruction does what two do elsewhere.
    const float sign = (thread & distance) == 0 ? 1.0 : -1.0;
    [[unroll]] for (uint i = 0; i < QUADS; i++) {
      row[i] = fma(vec4(sign), row[i], of_neighbour(row[i], distance));
    }
  }
  BUTTERFLIES_OF_QUADS(1)
  BUTTERFLIES_OF_QUADS(2)
  BUTTERFLIES_OF_QUADS(4)
  BUTTERFLIES_OF_QUADS(8)
  BUTTERFLIES_OF_QUADS(16)
  [[unroll]] for (uint i = 0; i < QUADS; i++) {
    precise const vec4 normed = row[i] * norm;
    row[i] = normed;
  }
}

// a / b to the nearest float, where b has at most 11 significant bits, from 1 / b to within a few
// units. The halves of q and their products with b are exact, and so is what is left of a (T. J.
// Dekker, A floating-point technique for extending the available precision, 1971).
float quotient(float a, float b, float inverse) {
  precise const float q = a * inverse;
  precise const float high = uintBitsToFloat(floatBitsToUint(q) & 0xFFFFF000u);
  precise const float low = q - high;
  precise const float rest = (a - high * b) - low * b;
  precise const float nearest = q + rest * inverse;
  return nearest;
}

// Minimum and maximum of the row.
vec2 extremes() {
  vec4 low = row[0], high = row[0];
  [[unroll]] for (uint i = 1; i < QUADS; i++) low = min(low, row[i]), high = max(high, row[i]);
  vec2 mine = vec2(min(min(low.x, low.y), min(low.z, low.w)),
                   max(max(high.x, high.y), max(high.z, high.w)));
  [[unroll]] for (uint distance = 1; distance < LANES; distance *= 2) {
    const vec4 theirs = of_neighbour(vec4(mine, 0, 0), distance);
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
  q.scale = half_of(min(quotient(width, 15.0, 1.0 / 15.0), limit));
  // Of two zeros the minimum may be either; pages hold +0.
  q.zero = floatBitsToUint(zero) << 1 == 0 ? 0 : half_of(zero);
  return q;
}

// 2^23 plus the codes of four elements, as bits, against scale and zero as they are read back:
// adding 2^23 rounds to whole numbers, ties to even, and costs less than a conversion.
uvec4 codes_of(vec4 x, float zero, float inverse) {
  precise const vec4 steps = (x - zero) * inverse;
  precise const vec4 codes = clamp(steps, 0.0, 15.0) + 8388608.0;
  return floatBitsToUint(codes);
}

void put_halves(uint64_t to, uint lane) {
  [[unroll]] for (uint i = 0; i < QUADS; i++) {
    const vec4 x = row[i];
    Pairs(to).at[i * LANES + lane] =
        uvec2(half_of(x.x) | half_of(x.y) << 16, half_of(x.z) | half_of(x.w) << 16);
  }
}

// `metadata` is the address of the row's scale.
void put_codes(uint64_t to, uint64_t metadata, uint lane, bool exists) {
  const Quantiser q = quantiser_for(extremes());
  const float scale = float_of(q.scale), zero = float_of(q.zero);
  const float inverse = q.scale == 0 ? 0.0 : quotient(1.0, scale, 1.0 / scale);
  if (!exists) return;
  [[unroll]] for (uint i = 0; i < QUADS / 2; i++) {
    // A byte holds an element of the first half of the row and one of the second. What the two
    // summands that are not shifted out leave of 2^23 goes at the end.
    const uvec4 a = codes_of(row[i], zero, inverse);
    const uvec4 b = codes_of(row[i + QUADS / 2], zero, inverse);
    Words(to).at[i * LANES + lane] = a.x + (b.x << 4) + (a.y << 8) + (b.y << 12) + (a.z << 16)
        + (b.z << 20) + (a.w << 24) + (b.w << 28) - 0xFB000000u;
  }
  if (lane == 0) {
    Halves(metadata).at[0] = uint16_t(q.scale);
    Halves(metadata).at[BLOCK_SIZE] = uint16_t(q.zero);
  }
}

void put(bool is_value, uint64_t slab, uint offset, uint lane, bool exists) {
  const uint order = is_value ? VALUE_ORDER : KEY_ORDER;
  if (order != 0) rotate(order, is_value ? value_norm : key_norm);
  const uint64_t to = slab + (offset + (is_value ? BLOCK_SIZE : 0)) * ROW_BYTES;
  if (BITS == 4) {
    const uint64_t metadata =
        slab + 2 * BLOCK_SIZE * ROW_BYTES + (is_value ? 4 * BLOCK_SIZE : 0) + 2 * offset;
    put_codes(to, metadata, lane, exists);
  } else if (exists) {
    put_halves(to, lane);
  }
}

void main() {
  const uint thread = thread_number(), lane = thread % LANES;
  const uint number = group_number() * (gl_WorkGroupSize.x / LANES) + thread / LANES;
  const uint block = number / TOKENS / kv_heads, head = number / TOKENS - block * kv_heads;
  const bool exists = block * TOKENS + number % TOKENS < tokens;
  const uint token = min(block * TOKENS + number % TOKENS, tokens - 1);
  const uint64_t at = (uint64_t(token) * kv_heads + head) * (4 * HEAD_DIM);
  const bool is_value = !TAKES_BOTH && gl_WorkGroupID.z == 1;
  const uint64_t from = (is_value ? values : keys) + at;
  [[unroll]] for (uint i = 0; i < QUADS; i++) {
    row[i] = Fours(from).at[i * LANES + lane];
    if (TAKES_BOTH) waiting[i] = Fours(values + at).at[i * LANES + lane];
  }
  const uint slot = Words(slots).at[token], offset = slot % BLOCK_SIZE;
  const uint64_t slab = slab_of(pages, slot / BLOCK_SIZE, kv_heads, head);
  if (is_value) {
    put(true, slab, offset, lane, exists);
    return;
  }
  put(false, slab, offset, lane, exists);
  if (!TAKES_BOTH) return;
  [[unroll]] for (uint i = 0; i < QUADS; i++) row[i] = waiting[i];
  put(true, slab, offset, lane, exists);
}
