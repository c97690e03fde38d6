#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "groups.glsl"

// Writes `count` words at `x`, a thread each: what timings run on, since a device's speed and power
// depend on its data. Every number is finite. The words of a seed are the same on every device.
//
//   COUNTS  float(i): proves that a device computes at all
//   FLOATS  32-bit floats, uniform in -2 ..< 2
//   HALVES  halves, uniform in -2 ... 2
//   PAGES   four-bit pages of the sizes that constants 1 to 6 say, from the start of a slab on:
//           uniform codes, scales in 0.125 ..< 0.25, zeros in -2 ..< -1
//
// Groups: x * y at least count / workgroup.
layout(local_size_x_id = 0) in;
layout(constant_id = 7) const uint CONTENT = 0;
layout(push_constant) uniform Push {
  uint64_t x;
  uint count;
  uint seed;
};

const uint COUNTS = 0, FLOATS = 1, HALVES = 2;

// A permutation of 32-bit words whose every bit depends on all of them (Wellons, "lowbias32").
uint mixed(uint word) {
  word = (word ^ word >> 16) * 0x7FEB352Du;
  word = (word ^ word >> 15) * 0x846CA68Bu;
  return word ^ word >> 16;
}

// Scales and zeros take turns, 2 * BLOCK_SIZE bytes each; `random` has ten bits.
uint metadata(uint offset, uint random) {
  return random | ((offset / (2 * BLOCK_SIZE) & 1u) == 0 ? 0x3000u : 0xBC00u);
}

uint page_word(uint offset, uint random) {
  const uint codes = 2 * BLOCK_SIZE * ROW_BYTES;
  if (offset < codes) return random;
  return metadata(offset - codes, random & 0x3FFu)
      | metadata(offset - codes + 2, random >> 16 & 0x3FFu) << 16;
}

void main() {
  const uint i = group_number() * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
  if (i >= count) return;
  const uint random = mixed(i ^ seed);
  uint word;
  if (CONTENT == COUNTS) {
    word = floatBitsToUint(float(i));
  } else if (CONTENT == FLOATS) {
    word = floatBitsToUint(float(random >> 8) * (4.0 / 16777216.0) - 2.0);
  } else if (CONTENT == HALVES) {
    word = packHalf2x16(vec2(random & 0xFFFFu, random >> 16) * (4.0 / 65535.0) - 2.0);
  } else {
    word = page_word(i * 4 % SLAB_BYTES, random);
  }
  Words(x).at[i] = word;
}
