#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#include "common.glsl"
#include "powers.glsl"

// Rows of floats as halves, each scaled by a power of two of its own, in the order in which
// linear_matrix.comp fills its left matrices:
//     [16 rows][32 columns][16 of those][lane] four words:
// lane 4g + t holds of rows 2g and 2g + 1 the columns 8t to 8t + 3 (first sixteen) or 8t + 4 to
// 8t + 7, as fragments.glsl wants them. Rows beyond the last are zeros, up to a multiple of 16.
//
// A workgroup takes two rows; the first also writes zeros, which linear_stream.comp counts from.
//
// Bytes per element: reads 4, writes 2; a second read, where a thread
// has more than 16 columns, comes from the cache. Floor: memory; 2,048 rows of 4,096 are 50 MB,
// 0.011 ms on an H200; measured 0.015.

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(push_constant) uniform Push {
  uint64_t rows, halves;
  // What to multiply each row by again.
  uint64_t factors;
  // Where zeros are to go.
  uint64_t zeros;
  uint row_count;
  // A multiple of 32.
  uint columns;
  uint zero_count;
};

// Eight columns of both rows.
struct Chunk { vec4 a[2], b[2]; };

const uint KEPT = 2;
shared vec2 tops[gl_WorkGroupSize.x];

Chunk chunk_at(Fours first, Fours second, bool has_second, uint chunk) {
  Chunk c;
  c.a[0] = first.at[chunk * 2];
  c.a[1] = first.at[chunk * 2 + 1];
  c.b[0] = has_second ? second.at[chunk * 2] : vec4(0);
  c.b[1] = has_second ? second.at[chunk * 2 + 1] : vec4(0);
  return c;
}

vec2 top_of(Chunk c) {
  return vec2(
      max(largest_of(c.a[0]), largest_of(c.a[1])), max(largest_of(c.b[0]), largest_of(c.b[1])));
}

void put(Quads to, uint pair, uint chunk, Chunk c, vec2 up) {
  const uint place = chunk / 4 * 64 + pair % 8 * 4 + chunk % 4;
  [[unroll]] for (uint i = 0; i < 2; i++) {
    const vec4 a = c.a[i] * up.x, b = c.b[i] * up.y;
    to.at[place + i * 32] =
        uvec4(halves_of(a.xy), halves_of(b.xy), halves_of(a.zw), halves_of(b.zw));
  }
}

void main() {
  const uint pair = gl_WorkGroupID.x, row = pair * 2, chunks = columns / 8;
  const uint thread = gl_LocalInvocationIndex, step = gl_WorkGroupSize.x;
  if (pair == 0) {
    for (uint i = thread; i < zero_count; i += step) Words(zeros).at[i] = 0;
  }
  Quads to = Quads(halves + uint64_t(pair / 8) * columns * 32);
  if (row >= row_count) {
    const Chunk none = Chunk(vec4[2](vec4(0), vec4(0)), vec4[2](vec4(0), vec4(0)));
    for (uint i = thread; i < chunks; i += step) put(to, pair, i, none, vec2(0));
    return;
  }
  const bool has_second = row + 1 < row_count;
  Fours first = Fours(rows + uint64_t(row) * columns * 4);
  Fours second = Fours(rows + uint64_t(row + 1) * columns * 4);
  Chunk kept[KEPT];
  vec2 top = vec2(0);
  [[unroll]] for (uint i = 0; i < KEPT; i++) {
    if (thread + i * step < chunks) {
      kept[i] = chunk_at(first, second, has_second, thread + i * step);
      top = max(top, top_of(kept[i]));
    }
  }
  for (uint i = thread + KEPT * step; i < chunks; i += step) {
    top = max(top, top_of(chunk_at(first, second, has_second, i)));
  }
  top = vec2(subgroupMax(top.x), subgroupMax(top.y));
  if (subgroupElect()) tops[gl_SubgroupID] = top;
  barrier();
  for (uint i = 0; i < gl_NumSubgroups; i++) top = max(top, tops[i]);
  if (thread == 0) {
    Floats(factors).at[row] = scale_down(top.x);
    if (has_second) Floats(factors).at[row + 1] = scale_down(top.y);
  }
  const vec2 up = vec2(scale_up(top.x), scale_up(top.y));
  [[unroll]] for (uint i = 0; i < KEPT; i++) {
    if (thread + i * step < chunks) put(to, pair, thread + i * step, kept[i], up);
  }
  for (uint i = thread + KEPT * step; i < chunks; i += step) {
    put(to, pair, i, chunk_at(first, second, has_second, i), up);
  }
}
