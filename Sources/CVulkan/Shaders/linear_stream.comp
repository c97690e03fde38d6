#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#pragma use_vulkan_memory_model
#include "common.glsl"
#include "fragments.glsl"

// y[tokens][outputs] = x[tokens][inputs] * w[outputs][inputs]^T by products of matrices, for so
// many tokens that a tile of them is worth sharing and so few that reading w is what takes the
// time. x comes from halves.comp, as for linear_matrix.comp; w is as models store it.
//
// The work is tiles of tokens and outputs, each of slices of inputs. All slices of all tiles stand
// in one row, of which each workgroup takes an equal part, so that the device is full whatever the
// shape: few outputs have few tiles. Weights go straight from memory into matrices, a slice ahead;
// subgroups share the tile's tokens, with outputs of their own. Where a tile is cut, workgroups
// leave their sums in memory, and the last to come adds all of them up, in the order of the inputs.
//
// Bytes: 2 * outputs * inputs for each tile of tokens. Operations: 2 * tokens * outputs * inputs.
// Floor on an H200: the bytes at 4.5 TB/s, the operations at the 530 TFLOP/s of these products.
// With halves.comp, 32 / 64 / 128 / 256 tokens: 4,096 outputs and inputs 25 / 32 / 44 / 51 us
// (7.4), where linear_matrix.comp takes 89 to 101; 24,576 outputs 67 / 79 / 112 / 217 us (45),
// where it takes 186 to 252. Between them lie 4 us of halves.comp and, where tiles are cut, 3 to 10
// us of leaving sums and adding them up: so fewer workgroups are better than two on a
// multiprocessor from 64 tokens on (42 in place of 31 us). A subgroup's 32 outputs beat 16 for many
// outputs (80 and 91 us), not for few (33 and 29 us).

layout(local_size_x = 256, local_size_x_id = 0) in;
// Tokens of a tile, a multiple of 16.
layout(constant_id = 7) const uint TOKENS = 64;
// Outputs of a subgroup, a multiple of 8.
layout(constant_id = 8) const uint OWN_OUTPUTS = 16;
// Pieces of 32 inputs in a slice.
layout(constant_id = 9) const uint PIECES = 4;

layout(push_constant) uniform Push {
  // As halves.comp leaves them.
  uint64_t x, factors;
  uint64_t w, y;
  // Two tiles of sums for each workgroup, and a zero for each tile.
  uint64_t partials, counters;
  // Inputs are a multiple of a slice, outputs of 2.
  uint tokens, outputs, inputs;
};

// What one workgroup leaves for another.
layout(buffer_reference, std430, buffer_reference_align = 8) queuefamilycoherent buffer LeftTwos {
  vec2 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) queuefamilycoherent buffer Counters {
  uint at[];
};

const uint TILE_OUTPUTS = OWN_OUTPUTS * (gl_WorkGroupSize.x / 32);
const uint M_COUNT = TOKENS / 16, N_COUNT = OWN_OUTPUTS / 8, COUNT = M_COUNT * N_COUNT;
// Quads of x in a slice, of a block of 16 tokens and of all.
const uint BLOCK = PIECES * 64, STAGE = M_COUNT * BLOCK;
const uint X_EACH = STAGE / gl_WorkGroupSize.x;
shared uvec4 stage[2 * STAGE];
shared bool is_last;

// Slices of a tile, tiles of tokens, slices of all tiles.
uint slices, rows, total;
uint first_token, first_output;
uvec4 x_ahead[X_EACH], w_ahead[PIECES * N_COUNT];
// Where those come from, in slice 0.
uint x_at[X_EACH], w_at[N_COUNT];
RESULT sums[COUNT];

// Where the part of a workgroup begins.
uint begin_of(uint group) { return uint(uint64_t(total) * group / gl_NumWorkGroups.x); }
// Whose part a slice is.
uint owner_of(uint slice) {
  return uint((uint64_t(slice + 1) * gl_NumWorkGroups.x - 1) / total);
}

// Beyond the last token or output, the last ones.
void find(uint tile) {
  first_token = tile % rows * TOKENS;
  first_output = tile / rows * TILE_OUTPUTS + gl_SubgroupID * OWN_OUTPUTS;
  const uint last_block = (tokens + 15) / 16 - 1;
  [[unroll]] for (uint i = 0; i < X_EACH; i++) {
    const uint at = i * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
    x_at[i] = min(first_token / 16 + at / BLOCK, last_block) * (inputs * 2) + at % BLOCK;
  }
  const uint lane = gl_SubgroupInvocationID;
  [[unroll]] for (uint n = 0; n < N_COUNT; n++) {
    w_at[n] = min(first_output + n * 8 + lane / 4, outputs - 1) * (inputs / 8) + lane % 4;
  }
}

void load_x(uint slice) {
  const uint64_t from = x + uint64_t(slice) * (BLOCK * 16);
  [[unroll]] for (uint i = 0; i < X_EACH; i++) x_ahead[i] = Quads(from).at[x_at[i]];
}

void store_x(uint to) {
  to += gl_LocalInvocationIndex;
  [[unroll]] for (uint i = 0; i < X_EACH; i++) stage[to + i * gl_WorkGroupSize.x] = x_ahead[i];
}

void load_w(uint slice, uint p) {
  const uint64_t from = w + uint64_t(slice) * (PIECES * 64) + p * 64;
  [[unroll]] for (uint n = 0; n < N_COUNT; n++) {
    w_ahead[p * N_COUNT + n] = Quads(from).at[w_at[n]];
  }
}

void multiply(uint from, uint p, uvec4 right[N_COUNT]) {
  from += p * 64 + gl_SubgroupInvocationID;
  [[unroll]] for (uint m = 0; m < M_COUNT; m++) {
    const LEFT low = left_of(stage[from + m * BLOCK]);
    [[unroll]] for (uint n = 0; n < N_COUNT; n++) {
      const uint i = m * N_COUNT + n;
      sums[i] = coopMatMulAdd(low, right_of(right[n].xy), sums[i]);
    }
    const LEFT high = left_of(stage[from + m * BLOCK + 32]);
    [[unroll]] for (uint n = 0; n < N_COUNT; n++) {
      const uint i = m * N_COUNT + n;
      sums[i] = coopMatMulAdd(high, right_of(right[n].zw), sums[i]);
    }
  }
}

// The products of slices `from` to `last`, which is one of them.
void add_products(uint from, uint last) {
  [[unroll]] for (uint i = 0; i < COUNT; i++) sums[i] = RESULT(0.0);
  load_x(from);
  [[unroll]] for (uint p = 0; p < PIECES; p++) load_w(from, p);
  // Another tile's tokens may still be read.
  barrier();
  store_x(0);
  load_x(min(from + 1, last));
  barrier();
  uint turn = 0;
  // The last slice comes after the loop: sums that leave a loop are copied in each turn of it.
  [[dont_unroll]] for (uint slice = from; slice < last; slice++) {
    [[unroll]] for (uint p = 0; p < PIECES; p++) {
      uvec4 right[N_COUNT];
      [[unroll]] for (uint n = 0; n < N_COUNT; n++) right[n] = w_ahead[p * N_COUNT + n];
      load_w(slice + 1, p);
      multiply(turn, p, right);
    }
    turn = STAGE - turn;
    store_x(turn);
    barrier();
    load_x(min(slice + 2, last));
  }
  [[unroll]] for (uint p = 0; p < PIECES; p++) {
    uvec4 right[N_COUNT];
    [[unroll]] for (uint n = 0; n < N_COUNT; n++) right[n] = w_ahead[p * N_COUNT + n];
    multiply(turn, p, right);
  }
}

// Two sums of row h of product i.
void write(uint i, uint h, vec2 two) {
  const uint lane = gl_SubgroupInvocationID;
  const uint token = first_token + i / N_COUNT * 16 + lane / 4 * 2 + h;
  const uint first = first_output + i % N_COUNT * 8 + lane % 4 * 2;
  if (token >= tokens || first >= outputs) return;
  Twos(y + uint64_t(token) * outputs * 4).at[first / 2] = two * Floats(factors).at[token];
}

// A workgroup has at most two tiles in part: that in which its part begins, and that in which it
// ends.
uint place_of(uint group, uint tile, uint i) {
  const uint half_place = begin_of(group) / slices == tile ? 0 : 1;
  return ((2 * group + half_place) * 2 * COUNT + i) * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
}

void leave(uint tile) {
  LeftTwos to = LeftTwos(partials);
  [[unroll]] for (uint i = 0; i < COUNT; i++) {
    [[unroll]] for (uint h = 0; h < 2; h++) {
      to.at[place_of(gl_WorkGroupID.x, tile, 2 * i + h)] =
          vec2(sums[i][2 * h], sums[i][2 * h + 1]);
    }
  }
}

void add_up(uint tile, uint first_group, uint last_group) {
  LeftTwos from = LeftTwos(partials);
  vec2 all[2 * COUNT];
  [[unroll]] for (uint i = 0; i < 2 * COUNT; i++) all[i] = vec2(0.0);
  for (uint group = first_group; group <= last_group; group++) {
    [[unroll]] for (uint i = 0; i < 2 * COUNT; i++) all[i] += from.at[place_of(group, tile, i)];
  }
  [[unroll]] for (uint i = 0; i < 2 * COUNT; i++) write(i / 2, i % 2, all[i]);
}

void main() {
  slices = inputs / (32 * PIECES);
  rows = (tokens + TOKENS - 1) / TOKENS;
  total = rows * ((outputs + TILE_OUTPUTS - 1) / TILE_OUTPUTS) * slices;
  const uint end = begin_of(gl_WorkGroupID.x + 1);
  for (uint at = begin_of(gl_WorkGroupID.x); at < end;) {
    const uint tile = at / slices, from = at % slices, count = min(slices - from, end - at);
    find(tile);
    add_products(from, from + count - 1);
    at += count;
    if (count == slices) {
      [[unroll]] for (uint i = 0; i < 2 * COUNT; i++) {
        write(i / 2, i % 2, vec2(sums[i / 2][i % 2 * 2], sums[i / 2][i % 2 * 2 + 1]));
      }
      continue;
    }
    leave(tile);
    controlBarrier(gl_ScopeWorkgroup, gl_ScopeQueueFamily, gl_StorageSemanticsBuffer,
        gl_SemanticsAcquireRelease);
    const uint first_group = owner_of(tile * slices);
    const uint last_group = owner_of((tile + 1) * slices - 1);
    if (gl_LocalInvocationIndex == 0) {
      const uint before = atomicAdd(Counters(counters).at[tile], 1u, gl_ScopeQueueFamily,
          gl_StorageSemanticsBuffer, gl_SemanticsAcquireRelease);
      is_last = before == last_group - first_group;
    }
    controlBarrier(gl_ScopeWorkgroup, gl_ScopeQueueFamily,
        gl_StorageSemanticsBuffer | gl_StorageSemanticsShared, gl_SemanticsAcquireRelease);
    if (is_last) add_up(tile, first_group, last_group);
  }
}
