// The soft cap of logits, accurate for scores far below the cap, where a difference of
// exponentials is not. The formulas are those of CAttention/lanes_math.h.

// e^x - 1 for |x| <= 88, to a few units in its own last place.
// Cody and Waite: x = n ln 2 + r with |r| <= ln 2 / 2, then the Taylor series of e^r to r^7.
float exp_less_one(float x) {
  const float n = roundEven(x * 1.44269504);
  float r = fma(n, -0.693145752, x);
  r = fma(n, -1.42860677e-6, r);
  float p = 1.0 / 5040;
  p = fma(p, r, 1.0 / 720);
  p = fma(p, r, 1.0 / 120);
  p = fma(p, r, 1.0 / 24);
  p = fma(p, r, 1.0 / 6);
  p = fma(p, r, 0.5);
  p = fma(p, r, 1);
  p *= r;
  const float power = uintBitsToFloat(uint(int(n) + 127) << 23);
  return fma(p, power, power - 1);
}

// cap * tanh(x / cap).
float soft_capped(float x, float cap) {
  const float e = exp_less_one(clamp(x * (2 / cap), -40.0, 40.0));
  return cap * (e / (e + 2));
}
