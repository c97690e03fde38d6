#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "groups.glsl"

// to = silu(gate) * up, silu(x) = x / (1 + exp(-x)): the gate of a SwiGLU layer (N. Shazeer, GLU
// Variants Improve Transformer, 2020, equation 6). `to` may be gate or up.
//
// Bytes per element: reads 8, writes 4. Operations: 5 and an exponential. The floor is memory.
//
// Addresses are multiples of 16. Groups: x * y at least count / 4, rounded up, over the workgroup.
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push {
  uint64_t gate;
  uint64_t up;
  uint64_t to;
  uint count;
};

// Beyond 88 the exponential is infinite; held here, the least silu is -1.4e-36.
vec4 silu(vec4 gates) {
  const vec4 held = max(gates, -87.0);
  return held / (1.0 + exp(-held));
}

void main() {
  const uint i = group_number() * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
  if (i < count / 4) {
    Fours(to).at[i] = silu(Fours(gate).at[i]) * Fours(up).at[i];
  } else if (i == count / 4) {
    for (uint e = 4 * i; e < count; ++e) {
      Floats(to).at[e] = silu(vec4(Floats(gate).at[e])).x * Floats(up).at[e];
    }
  }
}
