#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"

// Pages of one sequence as halves, dequantised and still rotated, in the order in which
// prefill_matrix.comp fills its matrices: tiles of 32 tokens, which are
//     keys    [32 dimensions][32 tokens][those dimensions]
//     values  [dimension][32 tokens]
// A workgroup takes one tile of keys or of values of one KV head. Tokens beyond the last are zeros.
//
// Bytes per token and KV head at head_dim 128: reads 512 (FP16) or 136 (four bits), writes 512. The
// floor is memory: 8,192 tokens of 8 heads are 67 MB in FP16, 0.014 ms on an H200; measured 0.023.

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(push_constant) uniform Push {
  uint64_t pages, table;
  // Each [kv_head][tile].
  uint64_t keys, values;
  uint tokens, kv_heads;
};

const uint TILE = 32;
const uint PIECES = HEAD_DIM / 8;
// Words of a row of values, and one more: rows begin in different banks.
const uint PITCH = HEAD_DIM / 2 + 1;
shared uint rows[TILE * PITCH];

uint halves_of(vec2 x) { return packHalf2x16(clamp(x, vec2(-65504), vec2(65504))); }

// Elements 8 * piece to 8 * piece + 7 of a token's key or value.
uvec4 piece_of(uint kv_head, uint token, uint piece, bool is_value) {
  if (token >= tokens) return uvec4(0);
  const uint offset = token % BLOCK_SIZE;
  const uint64_t slab = slab_of(pages, Words(table).at[token / BLOCK_SIZE], kv_heads, kv_head);
  const uint64_t row = slab + (offset + (is_value ? BLOCK_SIZE : 0)) * ROW_BYTES;
  if (BITS == 16) return Quads(row).at[piece];
  // Both halves of a row lie in the same bytes, the first in their low bits.
  Halves of = Halves(slab + 2 * BLOCK_SIZE * ROW_BYTES + (is_value ? 4 * BLOCK_SIZE : 0));
  const float scale = float_of(uint(of.at[offset]));
  const float zero = float_of(uint(of.at[BLOCK_SIZE + offset]));
  const bool is_high = piece >= PIECES / 2;
  const uvec2 words = Pairs(row).at[is_high ? piece - PIECES / 2 : piece] >> (is_high ? 4 : 0);
  const vec4 a = zero + scale * vec4(uvec4(words.x) >> uvec4(0, 8, 16, 24) & 15u);
  const vec4 b = zero + scale * vec4(uvec4(words.y) >> uvec4(0, 8, 16, 24) & 15u);
  return uvec4(halves_of(a.xy), halves_of(a.zw), halves_of(b.xy), halves_of(b.zw));
}

void main() {
  const uint tile = gl_WorkGroupID.x, kv_head = gl_WorkGroupID.y;
  const uint64_t offset = (uint64_t(kv_head) * gl_NumWorkGroups.x + tile) * (TILE * HEAD_DIM * 2);
  if (gl_WorkGroupID.z == 0) {
    Quads to = Quads(keys + offset);
    for (uint i = gl_LocalInvocationIndex; i < TILE * PIECES; i += gl_WorkGroupSize.x) {
      const uint token = tile * TILE + i / 4 % TILE, piece = i / (4 * TILE) * 4 + i % 4;
      to.at[i] = piece_of(kv_head, token, piece, false);
    }
    return;
  }
  for (uint i = gl_LocalInvocationIndex; i < TILE * PIECES; i += gl_WorkGroupSize.x) {
    const uint token = i / PIECES, piece = i % PIECES;
    const uvec4 eight = piece_of(kv_head, tile * TILE + token, piece, true);
    [[unroll]] for (uint j = 0; j < 4; j++) rows[token * PITCH + piece * 4 + j] = eight[j];
  }
  barrier();
  Quads to = Quads(values + offset);
  for (uint i = gl_LocalInvocationIndex; i < TILE * PIECES; i += gl_WorkGroupSize.x) {
    const uint dimension = i / 4, first = i % 4 * 8, shift = dimension % 2 * 16;
    uvec4 eight;
    [[unroll]] for (uint j = 0; j < 4; j++) {
      const uint from = (first + 2 * j) * PITCH + dimension / 2;
      eight[j] = (rows[from] >> shift & 0xFFFF) | (rows[from + PITCH] >> shift << 16);
    }
    to.at[i] = eight;
  }
}
