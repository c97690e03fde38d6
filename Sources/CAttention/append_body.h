// Paged append: K and V rows of new tokens, FP32, into page slots.
//
// FP16 rounds each element. INT4 takes minimum and maximum of the row, rounds scale
// (max - min) / 15 and zero (min) to IEEE half, and codes against the rounded pair. The rotated
// format turns the row in L1 between the load and the quantiser: one pass over memory, not two.
//
// Bytes per token and KV head at head_dim 128: reads 1024, writes 512 (FP16) or 136 (INT4).
// Operations: a few per element; rotation adds log2(order) per element. The floor is memory.
//
// Measured on 2 cores of a Zen 5 EPYC that read 42 to 50 GB/s; 2,048 tokens, 8 KV heads, cold,
// median of 15: FP16, INT4, rotated INT4 in microseconds.
//   first version, rotation through memcpy     593   574  1062
//   rows prefetched four rows ahead            590   426   610   (AVX2: 589, 562, 1124)
// and, when the same machine read 75 GB/s (one later round):
//   rows prefetched four rows ahead            418   369   551
//   rows in eights, codes' lines fetched first 416   343   408
// A plain read and write of the bytes would take some 500 µs (FP16) and 400 (INT4).
// From cache, one thread, ns per row of 128: INT4 19.4, then 14.9; rotated 39.3, then 24.5.
// On one core of a Zen 4 EPYC, whose 512-bit operations take two cycles: INT4 24.3, then 22.0 with
// the scales of eight rows at once and codes that packing saturates; rotated 43.0, then 40.7.

static void KERNEL(rotate)(float *vectors, int64_t rows, int64_t head_dim, int64_t order) {
  for (int64_t i = 0; i < rows; i++) {
    float *row = vectors + i * head_dim;
    KERNEL(rotate_row)(row, row, head_dim, order);
  }
}

enum {
  /// Rows that go through the quantiser together.
  KERNEL(APPEND_ROWS) = 8,
};

/// A row on its way into a page.
typedef struct KERNEL(append_row) {
  const float *x;
  uint8_t *to;
  /// Its scale; its zero follows `block_size` halves on.
  uint16_t *metadata;
  /// Order of the Hadamard blocks, or 0.
  int64_t rotation;
} KERNEL(append_row);

KV_INLINE void KERNEL(append_half)(uint16_t *to, const float *x, int64_t head_dim) {
  for (int64_t i = 0; i < head_dim; i += LANES) {
    lanes_store_half(to + i, lanes_load(x + i), mask_first(LANES));
  }
}

/// Asks for elements of the row two batches on, a few at a time: in one burst they would queue up
/// before the loads that are needed now.
KV_INLINE void KERNEL(ask_for_later)(
    const KERNEL(append_row) *row, int64_t head_dim, int64_t first, int64_t last) {
  // Half of a batch are keys, half values.
  const float *later = row->x + KERNEL(APPEND_ROWS) * head_dim;
  for (int64_t i = first; i < last; i += 16) __builtin_prefetch(later + i, 0, 3);
}

/// What a batch of rows is quantised by.
typedef struct KERNEL(append_quantisers) {
  /// Per row: its extremes, then its zero and the inverse of its scale as they are read back.
  float smallest[KERNEL(APPEND_ROWS)], largest[KERNEL(APPEND_ROWS)];
  float zero[KERNEL(APPEND_ROWS)], inverse[KERNEL(APPEND_ROWS)];
} KERNEL(append_quantisers);

KV_INLINE void KERNEL(measure_row)(
    const float *x, int64_t head_dim, float *smallest, float *largest) {
  lanes low = lanes_load(x), high = low;
  for (int64_t i = LANES; i < head_dim; i += LANES) {
    const lanes a = lanes_load(x + i);
    low = lanes_min(low, a);
    high = lanes_max(high, a);
  }
  lanes_extremes(low, high, smallest, largest);
}

/// Scales and zeros of all rows at once, stored at `metadata[0]` and `metadata[block_size]` of
/// each; `quantiser_for` in reference.c says the same of one row, with reasons.
KV_INLINE void KERNEL(choose_scales)(
    KERNEL(append_quantisers) *q, const KERNEL(append_row) *rows, int64_t count,
    int64_t block_size) {
  const lanes limit = lanes_all(65504.0f), least = lanes_all(-65504.0f);
  uint16_t scales[LANES], zeros[LANES];
  for (int64_t first = 0; first < count; first += LANES) {
    const int64_t some = kv_min(LANES, count - first);
    const lane_mask m = mask_first(some);
    const lanes low = lanes_load_first(q->smallest + first, m);
    const lanes range = lanes_sub(lanes_load_first(q->largest + first, m), low);
    const lanes scale = lanes_min(lanes_div(range, lanes_all(15.0f)), limit);
    // Adding zero turns -0 into +0: which of the two a minimum yields depends on its order.
    const lanes zero = lanes_add(lanes_min(lanes_max(low, least), limit), lanes_zero());
    lanes_store_half(scales, scale, mask_first(LANES));
    lanes_store_half(zeros, zero, mask_first(LANES));
    lanes_store_first(q->zero + first, lanes_load_half(zeros, mask_first(LANES)), m);
    const lanes read_back = lanes_load_half(scales, mask_first(LANES));
    lanes_store_first(q->inverse + first, lanes_div(lanes_all(1.0f), read_back), m);
    for (int64_t r = 0; r < some; r++) {
      rows[first + r].metadata[0] = scales[r];
      rows[first + r].metadata[block_size] = zeros[r];
      if (scales[r] == 0) q->inverse[first + r] = 0;
    }
  }
}

/// Codes of one row.
KV_INLINE void KERNEL(append_codes)(
    uint8_t *to, const float *x, int64_t head_dim, float row_zero, float row_inverse) {
  const lanes zero = lanes_all(row_zero), inverse = lanes_all(row_inverse);
  const lanes least = lanes_zero(), most = lanes_all(15.0f);
  const int64_t half = head_dim / 2;
  int64_t i = 0;
#ifdef WIDE_CODES
  for (; i + 4 * LANES <= half; i += 4 * LANES) {
    lanes a[4], b[4];
#pragma clang loop unroll(full)
    for (int k = 0; k < 4; k++) {
      const float *from = x + i + k * LANES;
      a[k] = lanes_min(lanes_mul(lanes_sub(lanes_load(from), zero), inverse), most);
      b[k] = lanes_min(lanes_mul(lanes_sub(lanes_load(from + half), zero), inverse), most);
    }
    lanes_store_wide_codes(to + i, a, b);
  }
#endif
  // Whole vectors first: a masked load waits until what the rotation stored is in the cache.
  for (; i + LANES <= half; i += LANES) {
    lanes a = lanes_mul(lanes_sub(lanes_load(x + i), zero), inverse);
    lanes b = lanes_mul(lanes_sub(lanes_load(x + half + i), zero), inverse);
    a = lanes_min(lanes_max(a, least), most);
    b = lanes_min(lanes_max(b, least), most);
    lanes_store_codes(to + i, a, b, mask_first(LANES));
  }
  if (i == half) return;
  const lane_mask m = mask_first(half - i);
  lanes a = lanes_mul(lanes_sub(lanes_load_first(x + i, m), zero), inverse);
  lanes b = lanes_mul(lanes_sub(lanes_load_first(x + half + i, m), zero), inverse);
  a = lanes_min(lanes_max(a, least), most);
  b = lanes_min(lanes_max(b, least), most);
  lanes_store_codes(to + i, a, b, m);
}

/// Rotates and stores some rows. Each step runs over all of them: one row's steps wait for each
/// other (some 200 cycles from its first load to its last code), the rows do not.
KV_INLINE void KERNEL(append_rows)(
    const kv_shape *shape, const KERNEL(append_row) *rows, int64_t count) {
  const int64_t dim = shape->head_dim;
  // At whole cache lines, so that what the rotation stores is loaded without a detour.
  _Alignas(64) float turned[KERNEL(APPEND_ROWS) * KV_MAX_HEAD_DIM];
  const float *x[KERNEL(APPEND_ROWS)];
  KERNEL(append_quantisers) q;
  for (int64_t r = 0; r < count; r++) {
    x[r] = rows[r].x;
    if (rows[r].rotation == 0) continue;
    KERNEL(rotate_row)(x[r], turned + r * dim, dim, rows[r].rotation);
    x[r] = turned + r * dim;
  }
  if (shape->bits == 16) {
    for (int64_t r = 0; r < count; r++) {
      KERNEL(ask_for_later)(&rows[r], dim, 0, dim);
      KERNEL(append_half)((uint16_t *)(void *)rows[r].to, x[r], dim);
    }
    return;
  }
  for (int64_t r = 0; r < count; r++) {
    KERNEL(ask_for_later)(&rows[r], dim, 0, dim / 2);
    KERNEL(measure_row)(x[r], dim, &q.smallest[r], &q.largest[r]);
  }
  KERNEL(choose_scales)(&q, rows, count, shape->block_size);
  for (int64_t r = 0; r < count; r++) {
    KERNEL(ask_for_later)(&rows[r], dim, dim / 2, dim);
    KERNEL(append_codes)(rows[r].to, x[r], dim, q.zero[r], q.inverse[r]);
  }
}

static void KERNEL(append)(const kv_append *call, int64_t first, int64_t last) {
  const kv_shape *shape = &call->shape;
  KERNEL(append_row) rows[KERNEL(APPEND_ROWS)];
  int64_t count = 0;
  for (int64_t token = first; token < last; token++) {
    const int64_t page = call->slots[token] / shape->block_size;
    const int64_t offset = call->slots[token] % shape->block_size;
    for (int64_t head = 0; head < shape->kv_heads; head++) {
      const kv_place place = kv_locate(shape, call->pages, page, offset, head);
      const int64_t row = (token * shape->kv_heads + head) * shape->head_dim;
      // Codes fill a line in parts, so it is fetched first; rows of halves write whole lines.
      for (int64_t b = 0; b < kv_code_bytes(shape) && shape->bits == 4; b += 64) {
        __builtin_prefetch(place.key + b, 1, 3);
        __builtin_prefetch(place.value + b, 1, 3);
      }
      rows[count++] = (KERNEL(append_row)){
          call->keys + row, place.key, place.metadata, shape->key_rotation};
      rows[count++] = (KERNEL(append_row)){
          call->values + row, place.value, place.metadata + 2 * shape->block_size,
          shape->value_rotation};
      if (count == KERNEL(APPEND_ROWS)) {
        KERNEL(append_rows)(shape, rows, count);
        count = 0;
      }
    }
  }
  KERNEL(append_rows)(shape, rows, count);
}
