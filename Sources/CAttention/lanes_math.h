// The exponential of every path, and the hyperbolic tangent that caps logits.

/// e^x for x <= 88, within 2 units in the last place; below -87 it stays at e^-87.
/// Cody and Waite: x = n ln 2 + r with |r| <= ln 2 / 2, then the Taylor series of e^r to r^7.
KV_INLINE lanes lanes_exp(lanes x) {
  x = lanes_max(x, lanes_all(-87.0f));
  const lanes n = lanes_round(lanes_mul(x, lanes_all(0x1.715476p+0f)));
  // ln 2 in two parts: the first has few bits, so that n times it is exact.
  lanes r = lanes_fma(n, lanes_all(-0x1.62e400p-1f), x);
  r = lanes_fma(n, lanes_all(-0x1.7f7d1cp-20f), r);
  lanes p = lanes_all(1.0f / 5040);
  p = lanes_fma(p, r, lanes_all(1.0f / 720));
  p = lanes_fma(p, r, lanes_all(1.0f / 120));
  p = lanes_fma(p, r, lanes_all(1.0f / 24));
  p = lanes_fma(p, r, lanes_all(1.0f / 6));
  p = lanes_fma(p, r, lanes_all(0.5f));
  p = lanes_fma(p, r, lanes_all(1.0f));
  p = lanes_fma(p, r, lanes_all(1.0f));
  return lanes_scale(p, n);
}

/// e^x - 1 for |x| <= 88, to a few units in its own last place: e^x less 1 would lose them near 0.
KV_INLINE lanes lanes_exp_less_one(lanes x) {
  const lanes n = lanes_round(lanes_mul(x, lanes_all(0x1.715476p+0f)));
  lanes r = lanes_fma(n, lanes_all(-0x1.62e400p-1f), x);
  r = lanes_fma(n, lanes_all(-0x1.7f7d1cp-20f), r);
  lanes p = lanes_all(1.0f / 5040);
  p = lanes_fma(p, r, lanes_all(1.0f / 720));
  p = lanes_fma(p, r, lanes_all(1.0f / 120));
  p = lanes_fma(p, r, lanes_all(1.0f / 24));
  p = lanes_fma(p, r, lanes_all(1.0f / 6));
  p = lanes_fma(p, r, lanes_all(0.5f));
  p = lanes_fma(p, r, lanes_all(1.0f));
  p = lanes_mul(p, r);
  const lanes one = lanes_all(1.0f), power = lanes_scale(one, n);
  return lanes_fma(p, power, lanes_sub(power, one));
}
KV_INLINE lanes lanes_soft_cap(lanes x, float cap) {
  const lanes twice = lanes_mul(x, lanes_all(2.0f / cap));
  const lanes held = lanes_min(lanes_max(twice, lanes_all(-40.0f)), lanes_all(40.0f));
  const lanes e = lanes_exp_less_one(held);
  return lanes_mul(lanes_all(cap), lanes_div(e, lanes_add(e, lanes_all(2.0f))));
}
