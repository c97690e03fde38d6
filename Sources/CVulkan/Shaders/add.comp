#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "groups.glsl"

// to = a + b: what a layer adds to the residual stream. `to` may be a or b.
//
// Bytes per element: reads 8, writes 4. The floor is memory.
//
// Addresses are multiples of 16. Groups: x * y at least count / 4, rounded up, over the workgroup.
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push {
  uint64_t a;
  uint64_t b;
  uint64_t to;
  uint count;
};

void main() {
  const uint i = group_number() * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
  if (i < count / 4) {
    Fours(to).at[i] = Fours(a).at[i] + Fours(b).at[i];
  } else if (i == count / 4) {
    for (uint e = 4 * i; e < count; ++e) Floats(to).at[e] = Floats(a).at[e] + Floats(b).at[e];
  }
}
