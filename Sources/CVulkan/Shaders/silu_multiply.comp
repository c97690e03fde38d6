#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "groups.glsl"

// to = silu(gate) * up, silu(x) = x / (1 + exp(-x)): the gate of a SwiGLU layer (N. Shazeer, GLU
// Variants Improve Transformer, 2020, equation 6). `to` may be gate or up.
//
// Bytes per element: reads 8, writes 4. Operations: 5 and an exponential. The floor is memory.
//
// Addresses are multiples of 16 and `count` of 4. Groups: x * y at least count / 4 over the
// workgroup.
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push {
  uint64_t gate;
  uint64_t up;
  uint64_t to;
  uint count;
};

void main() {
  const uint i = group_number() * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
  if (i >= count / 4) return;
  const vec4 x = Fours(gate).at[i];
  // Beyond -88 the exponential is infinite; from -80 on the result, below 10^-30 for any x of a
  // model, is as good as 0.
  const vec4 power = exp(-max(x, -80.0));
  Fours(to).at[i] = x / (1.0 + power) * Fours(up).at[i];
}
