#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"

// A plain read: what a device's memory gives a kernel that does nothing else. Threads stride
// through it together, eight loads of 16 bytes in flight each.
//
// Bytes: 16 * quads. Operations: a few whole ones per 16 bytes.
layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push {
  uint64_t memory;
  // Takes the exclusive or of all words where that is no word anybody expects, so that no load can
  // be left out.
  uint64_t result;
  // Loads of 16 bytes: a multiple of eight times the threads.
  uint quads;
};

void main() {
  const uint threads = gl_NumWorkGroups.x * gl_WorkGroupSize.x;
  uvec4 sum = uvec4(0);
  for (uint i = gl_GlobalInvocationID.x; i < quads; i += 8 * threads) {
    uvec4 x[8];
    [[unroll]] for (uint k = 0; k < 8; k++) x[k] = Quads(memory).at[i + k * threads];
    [[unroll]] for (uint k = 0; k < 8; k++) sum ^= x[k];
  }
  const uint word = sum.x ^ sum.y ^ sum.z ^ sum.w;
  if (word == 0x5EED5EEDu) Words(result).at[0] = word;
}
