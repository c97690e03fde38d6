#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "groups.glsl"

// to = x / sqrt(mean(x^2) + epsilon) * weight, row by row (B. Zhang and R. Sennrich, Root Mean
// Square Layer Normalization, 2019, equation 4; epsilon as in Llama). `to` may be x.
//
// Bytes per element: reads 4 and its weight, which stays in cache, writes 4; the second reading of
// a row comes from cache. Operations: 4 per element. The floor is memory.
//
// `x` and `to` are [row][width], `weight` is [width]; all are at multiples of 16. Rows go in fours
// where the width is a multiple of 4, else one by one. Groups: one per row, x * y at least rows.
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push {
  uint64_t x;
  uint64_t weight;
  uint64_t to;
  uint rows;
  uint width;
  float epsilon;
};

// A sum per subgroup: at most as many as threads.
shared float sums[gl_WorkGroupSize.x];

float sum_of_workgroup(float mine) {
  const float sum = subgroupAdd(mine);
  if (subgroupElect()) sums[gl_SubgroupID] = sum;
  barrier();
  float all = 0;
  for (uint i = 0; i < gl_NumSubgroups; ++i) all += sums[i];
  return all;
}

void main() {
  const uint row = group_number();
  if (row >= rows) return;
  const uint64_t offset = uint64_t(row) * width * 4;
  const bool in_fours = width % 4 == 0;
  const uint count = in_fours ? width / 4 : width;
  float sum = 0;
  for (uint i = gl_LocalInvocationIndex; i < count; i += gl_WorkGroupSize.x) {
    if (in_fours) {
      const vec4 v = Fours(x + offset).at[i];
      sum += dot(v, v);
    } else {
      const float v = Floats(x + offset).at[i];
      sum = fma(v, v, sum);
    }
  }
  const float inverse = 1.0 / sqrt(sum_of_workgroup(sum) / float(width) + epsilon);
  for (uint i = gl_LocalInvocationIndex; i < count; i += gl_WorkGroupSize.x) {
    if (in_fours) {
      Fours(to + offset).at[i] = Fours(x + offset).at[i] * inverse * Fours(weight).at[i];
    } else {
      Floats(to + offset).at[i] = Floats(x + offset).at[i] * inverse * Floats(weight).at[i];
    }
  }
}
