#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#include "common.glsl"
#include "groups.glsl"
#include "powers.glsl"

// Activations as linear_few.comp takes them: halves in the order of its right matrices, each token
// scaled by a power of two as powers.glsl says, and what products are to be multiplied by for that.
// A workgroup takes a token.
//
// Bytes: 6 per element. The floor is what a launch takes.

layout(local_size_x_id = 0) in;
// Groups of eight tokens.
layout(constant_id = 7) const uint GROUPS = 1;

layout(push_constant) uniform Push {
  // [token][input] floats; inputs are a multiple of 8.
  uint64_t x;
  // [piece of 32 inputs][group][8 tokens][4] quads of eight halves.
  uint64_t halves;
  // A float of each token.
  uint64_t factors;
  uint inputs;
};

shared float largest[gl_WorkGroupSize.x];

void main() {
  const uint thread = gl_LocalInvocationIndex, token = gl_WorkGroupID.x;
  const uint64_t row = x + uint64_t(token) * inputs * 4;
  float most = 0.0;
  for (uint i = thread; i < inputs / 4; i += gl_WorkGroupSize.x) {
    most = max(most, largest_of(Fours(row).at[i]));
  }
  largest[thread] = most;
  barrier();
  for (uint step = gl_WorkGroupSize.x / 2; step > 0; step /= 2) {
    if (thread < step) largest[thread] = max(largest[thread], largest[thread + step]);
    barrier();
  }
  const float scale = scale_up(largest[0]);
  if (thread == 0) Floats(factors).at[token] = scale_down(largest[0]);
  const uint pieces = (inputs + 31) / 32;
  for (uint i = thread; i < 4 * pieces; i += gl_WorkGroupSize.x) {
    vec4 a = vec4(0.0), b = vec4(0.0);
    if (8 * i < inputs) {
      a = Fours(row).at[2 * i] * scale;
      b = Fours(row).at[2 * i + 1] * scale;
    }
    const uint at = (i / 4 * GROUPS + token / 8) * 32 + token % 8 * 4 + i % 4;
    Quads(halves).at[at] = uvec4(
        packHalf2x16(a.xy), packHalf2x16(a.zw), packHalf2x16(b.xy), packHalf2x16(b.zw));
  }
}
