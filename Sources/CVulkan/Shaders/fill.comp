#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"

// x[i] = i: proves that a device computes at all.
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push {
  uint64_t x;
  uint count;
};

void main() {
  const uint i = gl_GlobalInvocationID.x;
  if (i < count) Floats(x).at[i] = float(i);
}
