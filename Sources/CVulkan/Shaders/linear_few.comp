#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#pragma use_vulkan_memory_model
#include "common.glsl"
#include "fragments.glsl"
#include "powers.glsl"

// y[tokens][outputs] = x[tokens][inputs] * w[outputs][inputs]^T for few tokens, with products of
// matrices: w in IEEE half, x and y in FP32. Inputs are a multiple of 8, and not fewer than a
// subgroup's.
//
// Weights, sixteen outputs to a product, are the left matrix, and eight tokens the right one, both
// filled from registers as in decode_matrix.comp: the order of inputs in a product is free, so that
// a lane's two loads of a row serve four products.
//
// A workgroup fills a multiprocessor. Each of its subgroups has inputs of its own, whose
// activations stay in registers as halves, so that a multiprocessor reads x once, while tiles of
// sixteen outputs stream by; sums of the subgroups meet in shared memory. Where inputs end within a
// block, subgroups begin earlier than their turn, and what they take twice counts as zeros.
//
// A subgroup's part of a token is scaled by a power of two, as powers.glsl says.
//
// Bytes: 2 * outputs * inputs; x comes from the last-level cache, 4 * tokens * inputs for each
// multiprocessor. Operations: 2 * tokens per weight. Floor on an H200: the bytes at 4.5 TB/s. A
// launch that does nothing but read the weights takes 10.4 us for 4,096 outputs and inputs (7.4),
// 47 for 24,576 outputs (44) and 25 for 4,096 x 12,288 (22): beginning and ending cost 3 us.
// Here 4, 8 and 16 tokens take 12.9, 13.6 and 15.1; 52, 54 and 62; 33, 35 and 38.
// Reading needs no more than 32 KiB on their way to a multiprocessor, so that what counts is to do
// little else: offsets that instructions hold, and registers that are not spilled. Slower: halves
// of x made by a launch of their own (17.5 for 4 tokens), twice as many weights on their way (14 to
// 17), x read twice to save registers (16), sums of two tiles met at once (15), 256 threads twice
// on a multiprocessor (17), one subgroup for all inputs of an output.

layout(local_size_x_id = 0) in;
// Groups of eight tokens: 1 or 2.
layout(constant_id = 7) const uint GROUPS = 1;
// Chunks of 64 inputs of a subgroup, a multiple of SLOTS.
layout(constant_id = 8) const uint CHUNKS = 4;

layout(push_constant) uniform Push {
  uint64_t x, w, y;
  uint tokens, outputs, inputs;
};

const uint SUBGROUPS = gl_WorkGroupSize.x / 32;
const uint OWN = 64 * CHUNKS;
// Inputs of all subgroups together.
const uint BLOCK = OWN * SUBGROUPS;
// Chunks whose weights are in registers: that in use, and the next where there is room.
const uint SLOTS = 2 / GROUPS;
// A lane's two quads of a row's chunk lie side by side for one group, so that a subgroup asks for
// whole lines of w, and half a line apart for two, so that it asks for fewer lines of x.
const uint FIRST = 2 / GROUPS, APART = GROUPS == 1 ? 1 : 4;
const uint TOKENS = 8 * GROUPS;
// Sums of a token in shared memory lie so far apart that a subgroup writes to all banks.
const uint STRIDE = 20;

// Lane 4g + t.
uint g, t;
RIGHT activations[4 * CHUNKS * GROUPS];
// What sums of columns 2t and 2t + 1 are to be multiplied by.
vec2 factors[GROUPS];
RESULT sums[GROUPS];
// Two quads each of rows g and g + 8.
uvec4 weights[4 * SLOTS];
shared float scales[SUBGROUPS * TOKENS];
// Of two tiles in turn.
shared float partials[2 * SUBGROUPS * TOKENS * STRIDE];

// Vector i of a lane's in a token's inputs.
uint vector_at(uint i) { return i / 4 * 16 + i / 2 % 2 * 2 * APART + i % 2; }

// Activations from an input on. Those before `from` are another subgroup's, and zeros here.
void load_activations(uint first_input, uint from) {
  const uint first = first_input + FIRST * t * 8;
  [[unroll]] for (uint k = 0; k < GROUPS; k++) {
    const uint token = min(8 * k + g, tokens - 1);
    Fours row = Fours(x + (uint64_t(token) * inputs + first) * 4);
    vec4 read[4 * CHUNKS];
    [[unroll]] for (uint i = 0; i < 4 * CHUNKS; i++) read[i] = row.at[vector_at(i)];
    if (first_input < from) {
      [[unroll]] for (uint i = 0; i < 4 * CHUNKS; i++) {
        if (first + vector_at(i) * 4 < from) read[i] = vec4(0.0);
      }
    }
    float top = 0.0;
    [[unroll]] for (uint i = 0; i < 4 * CHUNKS; i++) top = max(top, largest_of(read[i]));
    top = max(top, subgroupShuffleXor(top, 1));
    top = max(top, subgroupShuffleXor(top, 2));
    if (t == 0) scales[gl_SubgroupID * TOKENS + 8 * k + g] = scale_down(top);
    const float up = scale_up(top);
    [[unroll]] for (uint i = 0; i < 4 * CHUNKS; i++) {
      const vec4 v = read[i] * up;
      activations[i * GROUPS + k] = right_of(uvec2(halves_of(v.xy), halves_of(v.zw)));
    }
  }
  subgroupBarrier();
  [[unroll]] for (uint k = 0; k < GROUPS; k++) {
    const uint at = gl_SubgroupID * TOKENS + 8 * k + 2 * t;
    factors[k] = vec2(scales[at], scales[at + 1]);
  }
}

// A lane's inputs of rows g and g + 8 of a tile.
struct Rows { uint64_t one, two; };
Rows rows_of(uint tile, uint first_input) {
  const uint row = 16 * tile + g;
  const uint64_t from = w + (first_input + FIRST * t * 8) * 2;
  return Rows(from + uint64_t(min(row, outputs - 1)) * (inputs * 2),
              from + uint64_t(min(row + 8, outputs - 1)) * (inputs * 2));
}

void load(uint chunk, Rows rows) {
  const uint to = chunk % SLOTS * 4;
  [[unroll]] for (uint i = 0; i < 2; i++) {
    weights[to + i] = Quads(rows.one).at[8 * chunk + i * APART];
    weights[to + 2 + i] = Quads(rows.two).at[8 * chunk + i * APART];
  }
}

void multiply(uint chunk) {
  [[unroll]] for (uint i = 0; i < 2; i++) {
    const uint from = chunk % SLOTS * 4 + i;
    const uvec4 one = weights[from], two = weights[from + 2];
    const LEFT low = left_of(uvec4(one.x, two.x, one.y, two.y));
    const LEFT high = left_of(uvec4(one.z, two.z, one.w, two.w));
    [[unroll]] for (uint k = 0; k < GROUPS; k++) {
      const uint at = (4 * chunk + 2 * i) * GROUPS + k;
      sums[k] = coopMatMulAdd(low, activations[at], sums[k]);
      sums[k] = coopMatMulAdd(high, activations[at + GROUPS], sums[k]);
    }
  }
}

// The subgroups' sums of a token's output, which is this thread's; all threads leave theirs.
float add_up(uint turn) {
  const uint base = turn % 2 * SUBGROUPS * TOKENS * STRIDE;
  [[unroll]] for (uint k = 0; k < GROUPS; k++) {
    [[unroll]] for (uint j = 0; j < 4; j++) {
      const uint token = 8 * k + 2 * t + j % 2, row = g + j / 2 * 8;
      partials[base + (gl_SubgroupID * TOKENS + token) * STRIDE + row] =
          sums[k][j] * factors[k][j % 2];
    }
  }
  barrier();
  const uint i = gl_LocalInvocationIndex, from = base + i / 16 % TOKENS * STRIDE + i % 16;
  float sum = 0.0;
  if (i >= 16 * tokens) return sum;
  [[unroll]] for (uint k = 0; k < SUBGROUPS; k++) sum += partials[from + k * TOKENS * STRIDE];
  return sum;
}

void main() {
  g = gl_SubgroupInvocationID / 4;
  t = gl_SubgroupInvocationID % 4;
  const uint tiles = (outputs + 15) / 16, step = gl_NumWorkGroups.x;
  const uint token = gl_LocalInvocationIndex / 16;
  uint turn = 0, first = min(gl_SubgroupID * OWN, inputs - OWN);
  // Of the tile after the present one, be it of the same block of inputs or of the next.
  Rows next = rows_of(gl_WorkGroupID.x, first);
  load(0, next);
  for (uint block = 0; block < inputs; block += BLOCK) {
    load_activations(first, block + gl_SubgroupID * OWN);
    for (uint tile = gl_WorkGroupID.x; tile < tiles; tile += step) {
      const uint row = 16 * tile + gl_LocalInvocationIndex % 16;
      const bool is_mine = token < tokens && row < outputs;
      Floats to = Floats(y + (uint64_t(token) * outputs + row) * 4);
      // What earlier inputs gave, by this very thread; asked for long before it is needed.
      float before = 0.0;
      if (block > 0 && is_mine) before = to.at[0];
      const Rows rows = next;
      bool exists = true;
      if (tile + step < tiles) {
        next = rows_of(tile + step, first);
      } else {
        exists = block + BLOCK < inputs;
        first = min(block + BLOCK + gl_SubgroupID * OWN, inputs - OWN);
        next = rows_of(gl_WorkGroupID.x, first);
      }
      [[unroll]] for (uint k = 0; k < GROUPS; k++) sums[k] = RESULT(0.0);
      [[unroll]] for (uint chunk = 0; chunk < CHUNKS; chunk++) {
        // With one slot it is used before it is filled anew.
        if (SLOTS == 1) multiply(chunk);
        if (chunk + 1 < CHUNKS) {
          load(chunk + 1, rows);
        } else if (exists) {
          load(0, next);
        }
        if (SLOTS == 2) multiply(chunk);
      }
      const float sum = add_up(turn++);
      if (is_mine) to.at[0] = before + sum;
    }
  }
}
