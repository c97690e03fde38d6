// The exponential of every path, and the hyperbolic tangent that caps logits.

/// x = n ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite), and the Taylor series of e^r to r^7 less
/// its first term and a factor of r: e^x = 2^n (1 + r series).
typedef struct KERNEL(exponential) {
  lanes n, r, series;
} KERNEL(exponential);

KV_INLINE KERNEL(exponential) KERNEL(reduce_exponential)(lanes x) {
  KERNEL(exponential) e;
  e.n = lanes_round(lanes_mul(x, lanes_all(0x1.715476p+0f)));
  // ln 2 in two parts: the first has few bits, so that n times it is exact.
  e.r = lanes_fma(e.n, lanes_all(-0x1.62e400p-1f), x);
  e.r = lanes_fma(e.n, lanes_all(-0x1.7f7d1cp-20f), e.r);
  lanes p = lanes_all(1.0f / 5040);
  p = lanes_fma(p, e.r, lanes_all(1.0f / 720));
  p = lanes_fma(p, e.r, lanes_all(1.0f / 120));
  p = lanes_fma(p, e.r, lanes_all(1.0f / 24));
  p = lanes_fma(p, e.r, lanes_all(1.0f / 6));
  p = lanes_fma(p, e.r, lanes_all(0.5f));
  e.series = lanes_fma(p, e.r, lanes_all(1.0f));
  return e;
}

/// e^x for x <= 88, within 2 units in the last place; below -87 it stays at e^-87.
KV_INLINE lanes lanes_exp(lanes x) {
  const KERNEL(exponential) e = KERNEL(reduce_exponential)(lanes_max(x, lanes_all(-87.0f)));
  return lanes_scale(lanes_fma(e.series, e.r, lanes_all(1.0f)), e.n);
}

/// e^x - 1 for |x| <= 88, to a few units in its own last place: e^x less 1 would lose them near 0.
KV_INLINE lanes lanes_exp_less_one(lanes x) {
  const KERNEL(exponential) e = KERNEL(reduce_exponential)(x);
  const lanes one = lanes_all(1.0f), power = lanes_scale(one, e.n);
  return lanes_fma(lanes_mul(e.series, e.r), power, lanes_sub(power, one));
}

/// cap * tanh(x / cap), with tanh(y) = (e^2y - 1) / (e^2y + 1). |2y| is held below 40, where tanh
/// is 1 to the last bit. The error is a few units in the result's last place, whatever the cap.
KV_INLINE lanes lanes_soft_cap(lanes x, float cap) {
  const lanes twice = lanes_mul(x, lanes_all(2.0f / cap));
  const lanes held = lanes_min(lanes_max(twice, lanes_all(-40.0f)), lanes_all(40.0f));
  const lanes e = lanes_exp_less_one(held);
  return lanes_mul(lanes_all(cap), lanes_div(e, lanes_add(e, lanes_all(2.0f))));
}
