#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#pragma use_vulkan_memory_model
#include "common.glsl"
#include "fragments.glsl"

// y[tokens][outputs] = x[tokens][inputs] * w[outputs][inputs]^T for few tokens, with products of
// matrices: w in IEEE half, x and y in FP32. Inputs are a multiple of 8.
//
// Weights, sixteen outputs to a product, are the left matrix, and eight tokens the right one, both
// filled from registers as in decode_matrix.comp: the order of inputs in a product is free, so that
// a lane's 16 bytes of a row serve two products.
//
// A workgroup fills a multiprocessor. Each of its subgroups has inputs of its own, whose
// activations stay in registers, so that a multiprocessor reads x once, while tiles of sixteen
// outputs stream by; sums of the subgroups meet in shared memory. Half a tile is always on its way.
//
// x comes as halves in the order of right matrices, each token scaled by a power of two
// (activations.comp).
//
// Bytes: 2 * outputs * inputs; x comes from the last-level cache, 2 * tokens * inputs for each
// multiprocessor. Operations: 2 * tokens per weight. Floor on an H200: the bytes at 4.5 TB/s. With
// activations.comp, 4, 8 and 16 tokens: 4,096 outputs and inputs 17.1, 17.2 and 19.4 us (7.4),
// 24,576 outputs 62.7, 61.9 and 67.8 (44). Slower: 256 threads twice on a multiprocessor (19.6 for
// 4 tokens); x in floats, converted here, whose rows lie 16 KiB apart (49 for 8 tokens); a subgroup
// for itself over all inputs (71 for 4).

layout(local_size_x_id = 0) in;
// Groups of eight tokens: 1 or 2.
layout(constant_id = 7) const uint GROUPS = 1;
// Pieces of 32 inputs of a subgroup, an even number; registers hold 8 / GROUPS.
layout(constant_id = 8) const uint PIECES = 8;

layout(push_constant) uniform Push {
  // [piece of 32 inputs][group][lane] quads of eight halves.
  uint64_t x;
  // What products of a token are multiplied by.
  uint64_t factors;
  uint64_t w, y;
  uint tokens, outputs, inputs;
};

const uint SUBGROUPS = gl_WorkGroupSize.x / 32;
// Inputs of all subgroups together.
const uint BLOCK = 32 * PIECES * SUBGROUPS;
const uint TOKENS = 8 * GROUPS;
const uint SUMS = 16 * TOKENS;

// Lane 4g + t.
uint g, t;
// The subgroup's first input.
uint first_input;
RIGHT activations[2 * PIECES * GROUPS];
RESULT sums[GROUPS];
// Half a tile each, of rows g and g + 8.
uvec4 near[PIECES], far[PIECES];
// Of two tiles in turn.
shared float partials[2 * SUBGROUPS * SUMS];

void load_activations() {
  [[unroll]] for (uint p = 0; p < PIECES; p++) {
    const uint piece = first_input / 32 + p;
    const bool exists = piece < (inputs + 31) / 32;
    [[unroll]] for (uint i = 0; i < GROUPS; i++) {
      const uint at = ((exists ? piece : 0) * GROUPS + i) * 32 + 4 * g + t;
      const uvec4 words = exists ? Quads(x).at[at] : uvec4(0);
      const uint to = (p * GROUPS + i) * 2;
      activations[to] = right_of(words.xy);
      activations[to + 1] = right_of(words.zw);
    }
  }
}

// Row g + 8 * i of a tile, for the subgroup's piece p.
uvec4 weights_at(uint tile, uint i, uint p) {
  const uint row = min(16 * tile + 8 * i + g, outputs - 1);
  const uint at = min(first_input + 32 * p + 8 * t, inputs - 8);
  return Quads(w + (uint64_t(row) * inputs + at) * 2).at[0];
}

void multiply(uint p, uvec4 first, uvec4 second) {
  const LEFT low = left_of(uvec4(first.x, second.x, first.y, second.y));
  const LEFT high = left_of(uvec4(first.z, second.z, first.w, second.w));
  [[unroll]] for (uint i = 0; i < GROUPS; i++) {
    const uint at = (p * GROUPS + i) * 2;
    sums[i] = coopMatMulAdd(low, activations[at], sums[i]);
    sums[i] = coopMatMulAdd(high, activations[at + 1], sums[i]);
  }
}

// Adds the subgroups' sums of a tile up, and to what earlier inputs gave.
void add_up(uint tile, uint turn, bool is_first) {
  const uint base = turn % 2 * SUBGROUPS * SUMS;
  [[unroll]] for (uint i = 0; i < GROUPS; i++) {
    [[unroll]] for (uint j = 0; j < 4; j++) {
      const uint token = 8 * i + 2 * t + j % 2, row = g + j / 2 * 8;
      partials[base + gl_SubgroupID * SUMS + token * 16 + row] = sums[i][j];
    }
  }
  barrier();
  for (uint i = gl_LocalInvocationIndex; i < SUMS; i += gl_WorkGroupSize.x) {
    float sum = 0.0;
    [[unroll]] for (uint k = 0; k < SUBGROUPS; k++) sum += partials[base + k * SUMS + i];
    const uint token = i / 16, row = 16 * tile + i % 16;
    if (token >= tokens || row >= outputs) continue;
    sum *= Floats(factors).at[token];
    Floats to = Floats(y + (uint64_t(token) * outputs + row) * 4);
    to.at[0] = is_first ? sum : to.at[0] + sum;
  }
}

void main() {
  g = gl_SubgroupInvocationID / 4;
  t = gl_SubgroupInvocationID % 4;
  const uint tiles = (outputs + 15) / 16;
  for (uint block = 0; block < inputs; block += BLOCK) {
    first_input = block + gl_SubgroupID * 32 * PIECES;
    load_activations();
    uint turn = 0;
    [[unroll]] for (uint i = 0; i < PIECES; i++) {
      near[i] = weights_at(gl_WorkGroupID.x, i % 2, i / 2);
    }
    for (uint tile = gl_WorkGroupID.x; tile < tiles; tile += gl_NumWorkGroups.x) {
      [[unroll]] for (uint i = 0; i < PIECES; i++) {
        far[i] = weights_at(tile, i % 2, PIECES / 2 + i / 2);
      }
      [[unroll]] for (uint i = 0; i < GROUPS; i++) sums[i] = RESULT(0.0);
      [[unroll]] for (uint p = 0; p < PIECES / 2; p++) {
        multiply(p, near[2 * p], near[2 * p + 1]);
      }
      const uint next = min(tile + gl_NumWorkGroups.x, tiles - 1);
      [[unroll]] for (uint i = 0; i < PIECES; i++) near[i] = weights_at(next, i % 2, i / 2);
      [[unroll]] for (uint p = 0; p < PIECES / 2; p++) {
        multiply(PIECES / 2 + p, far[2 * p], far[2 * p + 1]);
      }
      add_up(tile, turn++, block == 0);
    }
    // The next inputs begin with the same half of the partials.
    barrier();
  }
}
