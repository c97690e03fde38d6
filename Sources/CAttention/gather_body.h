// Gather: pages of one sequence back into FP32 rows, as a prefill over a quantised cache or a study
// of its errors needs them. Rotated rows are turned back, so that what comes out is what went in,
// up to the format's error.
//
// Bytes per token and KV head at head_dim 128: reads 512 (FP16) or 136 (INT4), writes 1,024. The
// floor is memory.

KV_INLINE void KERNEL(gather_row)(
    const bool four_bit, const uint8_t *row, const uint16_t *metadata, int64_t block_size,
    int64_t head_dim, int64_t rotation, float *to) {
  const int64_t half = head_dim / 2;
  lanes scale = lanes_zero(), zero = lanes_zero();
  if (four_bit) {
    scale = lanes_all(kv_half_to_float(metadata[0]));
    zero = lanes_all(kv_half_to_float(metadata[block_size]));
  }
  for (int64_t pair = 0; pair * LANES < half; pair++) {
    const lane_mask m = mask_first(half - pair * LANES);
    lanes low, high;
    KERNEL(load_pair)(four_bit, row, half, pair, m, &low, &high);
    if (four_bit) {
      low = lanes_fma(low, scale, zero);
      high = lanes_fma(high, scale, zero);
    }
    lanes_store_first(to + pair * LANES, low, m);
    lanes_store_first(to + half + pair * LANES, high, m);
  }
  if (rotation > 0) KERNEL(rotate_row)(to, to, head_dim, rotation);
}

KV_INLINE void KERNEL(gather_span)(
    const bool four_bit, const kv_gather *call, int64_t first, int64_t last) {
  const kv_shape *shape = &call->shape;
  const int64_t size = shape->block_size, dim = shape->head_dim, row = kv_code_bytes(shape);
  for (int64_t token = first; token < last;) {
    const int64_t offset = token % size, run = kv_min(size - offset, last - token);
    for (int64_t head = 0; head < shape->kv_heads; head++) {
      const kv_place place =
          kv_locate(shape, call->pages, call->table[token / size], offset, head);
      for (int64_t i = 0; i < run; i++) {
        const int64_t to = ((token + i) * shape->kv_heads + head) * dim;
        KERNEL(gather_row)(
            four_bit, place.key + i * row, place.metadata + i, size, dim, shape->key_rotation,
            call->keys + to);
        KERNEL(gather_row)(
            four_bit, place.value + i * row, place.metadata + 2 * size + i, size, dim,
            shape->value_rotation, call->values + to);
      }
    }
    token += run;
  }
}

static void KERNEL(gather_tokens)(const kv_gather *call, int64_t first, int64_t last) {
  if (call->shape.bits == 4) {
    KERNEL(gather_span)(true, call, first, last);
  } else {
    KERNEL(gather_span)(false, call, first, last);
  }
}
