// Joins the partial softmax sums of a (sequence, KV head) pair: with maxima m_i, weights l_i and
// sums o_i, out = sum e^(m_i - m) o_i / sum e^(m_i - m) l_i. Values that were rotated are turned
// back here, once per output and not per token.

static void KERNEL(merge_head)(
    const kv_decode *call, int64_t sequence, int64_t kv_head, int64_t head, float *out) {
  const int64_t dim = call->shape.head_dim;
  const kv_span *first = call->spans + call->span_starts[sequence];
  const kv_span *last = call->spans + call->span_starts[sequence + 1];
  float largest = -INFINITY, weight = 0;
  for (const kv_span *span = first; span < last; span++) {
    const float *p = kv_partial(call, span, kv_head, head);
    if (p != NULL && p[0] > largest) largest = p[0];
  }
  for (int64_t i = 0; i < dim; i += LANES) lanes_store(out + i, lanes_zero());
  for (const kv_span *span = first; span < last; span++) {
    const float *p = kv_partial(call, span, kv_head, head);
    if (p == NULL) continue;
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
  if (call->shape.value_rotation > 0) {
    KERNEL(rotate_row)(out, out, dim, call->shape.value_rotation);
  }
}

static void KERNEL(merge)(const kv_decode *call, int64_t first, int64_t last) {
  const int64_t kv_heads = call->shape.kv_heads, heads = call->shape.group_size;
  for (int64_t pair = first; pair < last; pair++) {
    for (int64_t head = 0; head < heads; head++) {
      KERNEL(merge_head)(
          call, pair / kv_heads, pair % kv_heads, head,
          call->outputs + (pair * heads + head) * call->shape.head_dim);
    }
  }
}
