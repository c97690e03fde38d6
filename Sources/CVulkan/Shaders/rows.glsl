// A head's vectors in registers, eight elements a lane: Hadamard blocks begin in the lane (strides
// 1, 2 and 4) and go on between lanes. A row has LANES lanes, of which the first PARTS hold
// elements; 128 elements take 16 lanes, two rows to a subgroup of 32.
//
// The workgroup is a multiple of LANES; 64 is one for all head dimensions.
//
// Rotation is exact in the sense that all devices that round additions and products to nearest give
// the bits of the CPU kernels: butterflies run from stride 1 up, and then comes the norm.

const uint PARTS = HEAD_DIM / 8;
const uint LANES =
    PARTS <= 2 ? 2 : PARTS <= 4 ? 4 : PARTS <= 8 ? 8 : PARTS <= 16 ? 16 : PARTS <= 32 ? 32 : 64;

// Elements 8 * lane to 8 * lane + 3, and the four after them.
struct Eight { vec4 a, b; };

#include "lanes.glsl"
#include "butterflies.glsl"

// Multiplies a row by the block-diagonal Hadamard matrix of an order of 16 or more, times `norm`.
// Every thread of the workgroup must call it.
Eight rotated(Eight x, uint order, float norm) {
  const vec4 a = butterflies_of_four(x.a), b = butterflies_of_four(x.b);
  precise Eight y;
  y.a = a + b;
  y.b = a - b;
  const uint thread = thread_number();
  for (uint distance = 1; distance < order / 8; distance *= 2) {
    const vec4 other_a = of_thread(y.a, thread ^ distance);
    const vec4 other_b = of_thread(y.b, thread ^ distance);
    const float sign = (thread & distance) == 0 ? 1.0 : -1.0;
    y.a = other_a + sign * y.a;
    y.b = other_b + sign * y.b;
  }
  y.a *= norm;
  y.b *= norm;
  return y;
}

// Eight elements of a row at an address that is a multiple of 16.
Eight eight_at(uint64_t row, uint lane) {
  return Eight(Fours(row).at[2 * lane], Fours(row).at[2 * lane + 1]);
}
void put_eight(uint64_t row, uint lane, Eight x) {
  Fours(row).at[2 * lane] = x.a;
  Fours(row).at[2 * lane + 1] = x.b;
}
