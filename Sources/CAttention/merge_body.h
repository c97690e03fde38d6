// Joins the partial softmax sums of a (sequence, KV head) pair: with maxima m_i, weights l_i and
// sums o_i, out = sum e^(m_i - m) o_i / sum e^(m_i - m) l_i. Values that were rotated are turned
// back here, once per output and not per token.

static void KERNEL(merge_head)(
    const kv_shape *shape, const float *partials, int64_t stride, int64_t count, float *out) {
  const int64_t dim = shape->head_dim;
  float largest = -INFINITY, weight = 0;
  for (int64_t i = 0; i < count; i++) {
    const float m = partials[i * stride];
    largest = m > largest ? m : largest;
  }
  for (int64_t i = 0; i < dim; i += LANES) lanes_store(out + i, lanes_zero());
  for (int64_t part = 0; part < count; part++) {
    const float *p = partials + part * stride;
    const float share = expf(p[0] - largest);
    weight += share * p[1];
    for (int64_t i = 0; i < dim; i += LANES) {
      const lanes sum = lanes_load(out + i);
      lanes_store(out + i, lanes_fma(lanes_all(share), lanes_load(p + 2 + i), sum));
    }
  }
  const lanes inverse = lanes_all(1.0f / weight);
  for (int64_t i = 0; i < dim; i += LANES) {
    lanes_store(out + i, lanes_mul(lanes_load(out + i), inverse));
  }
  if (shape->value_rotation > 0) KERNEL(rotate_row)(out, out, dim, shape->value_rotation);
}

static void KERNEL(merge)(const kv_decode *call, int64_t first, int64_t last) {
  const kv_shape *shape = &call->shape;
  const int64_t heads = shape->group_size, dim = shape->head_dim;
  for (int64_t pair = first; pair < last; pair++) {
    const int64_t start = call->span_starts[pair];
    const float *partials = call->partials + start * heads * (dim + 2);
    for (int64_t head = 0; head < heads; head++) {
      KERNEL(merge_head)(
          shape, partials + head * (dim + 2), heads * (dim + 2),
          call->span_starts[pair + 1] - start, call->outputs + (pair * heads + head) * dim);
    }
  }
}
