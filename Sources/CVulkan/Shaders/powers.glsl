// Rows of floats as halves: scaled by a power of two, so that the largest of a row comes to lie in
// [2^13, 2^14): nothing overflows. Rows below 2^-100 come to lie lower.

// What to multiply a row by whose largest magnitude is `top`; its inverse is a float too.
float scale_up(float top) {
  const int exponent = clamp(int(floatBitsToUint(top) >> 23) - 127, -100, 127);
  return uintBitsToFloat(uint(127 + 13 - exponent) << 23);
}
float scale_down(float top) {
  const int exponent = clamp(int(floatBitsToUint(top) >> 23) - 127, -100, 127);
  return uintBitsToFloat(uint(127 - 13 + exponent) << 23);
}

float largest_of(vec4 x) {
  const vec2 two = max(abs(x.xy), abs(x.zw));
  return max(two.x, two.y);
}
uint halves_of(vec2 x) { return packFloat2x16(f16vec2(x)); }
