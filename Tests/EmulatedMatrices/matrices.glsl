// What fragments.glsl declares, without cooperative matrices: lanes hold the same elements, and
// subgroups of 32 meet in shared memory. For devices that have no matrices, and smaller subgroups.
#define LEFT float[8]
#define RIGHT float[4]
#define RESULT vec4

// Threads of the largest workgroup.
shared float emulated_left[8 * 512];
shared float emulated_right[4 * 512];

float rounded_to_half(float value) { return unpackHalf2x16(packHalf2x16(vec2(value, 0.0))).x; }

LEFT left_of(uvec4 words) {
  const vec2 a = unpackHalf2x16(words.x), b = unpackHalf2x16(words.y);
  const vec2 c = unpackHalf2x16(words.z), d = unpackHalf2x16(words.w);
  return float[8](a.x, a.y, c.x, c.y, b.x, b.y, d.x, d.y);
}

RIGHT right_of(uvec2 words) {
  const vec2 a = unpackHalf2x16(words.x), b = unpackHalf2x16(words.y);
  return float[4](a.x, a.y, b.x, b.y);
}

// left * right + sums. All of a workgroup come here together.
RESULT coopMatMulAdd(LEFT left, RIGHT right, RESULT sums) {
  const uint own = gl_LocalInvocationIndex, first = own / 32 * 32, g = own % 32 / 4, t = own % 4;
  for (uint i = 0; i < 8; i++) emulated_left[own * 8 + i] = left[i];
  for (uint i = 0; i < 4; i++) emulated_right[own * 4 + i] = right[i];
  barrier();
  // Lane k of a quad has columns 2k, 2k + 1, 2k + 8 and 2k + 9 of the left matrix's rows, and those
  // rows of the right matrix's columns.
  for (uint k = 0; k < 4; k++) {
    for (uint i = 0; i < 4; i++) {
      const uint row = (first + 4 * g + k) * 8 + i;
      const uint column = (first + 8 * t + k) * 4 + i;
      const vec2 factors = vec2(emulated_right[column], emulated_right[column + 16]);
      sums.xy += emulated_left[row] * factors;
      sums.zw += emulated_left[row + 4] * factors;
    }
  }
  barrier();
  return sums;
}
