// Rows of keys or values as pairs of vectors, and their rotation.
//
// A row is read in pairs: elements `i` and `i + head_dim / 2`, because that is what one byte of a
// four-bit row holds. FP16 rows are read in the same pairs, so that one kernel serves both.

/// Scales and zeros of a tile's tokens for one KV head.
KV_INLINE void KERNEL(read_metadata)(
    kv_metadata metadata, const kv_shape *shape, const kv_tile *tile, int64_t kv_head) {
  const int64_t size = shape->block_size;
  const int64_t start = kv_head_offset(shape, kv_head) + kv_metadata_offset(shape);
  int64_t done = 0;
  for (int64_t r = 0; r < tile->run_count; r++) {
    const kv_run run = tile->runs[r];
    const uint16_t *halves = (const uint16_t *)(const void *)(run.slab + start) + run.offset;
    for (int64_t i = 0; i < run.count; i += LANES) {
      const lane_mask m = mask_first(run.count - i);
      for (int64_t kind = 0; kind < 4; kind++) {
        lanes_store(metadata[kind] + done + i, lanes_load_half(halves + kind * size + i, m));
      }
    }
    done += run.count;
  }
  // Kernels take whole vectors; what lies behind the last token must not be NaN.
  for (int64_t kind = 0; kind < 4; kind++) lanes_store(metadata[kind] + done, lanes_zero());
}

/// Vector pair `pair` of a row: codes as floats for four bits, elements otherwise.
KV_INLINE void KERNEL(load_pair)(
    const bool four_bit, const uint8_t *row, int64_t half, int64_t pair, lane_mask m, lanes *low,
    lanes *high) {
  if (four_bit) {
    lanes_load_codes(row + pair * LANES, m, low, high);
  } else {
    const uint16_t *elements = (const uint16_t *)(const void *)row;
    *low = lanes_load_half(elements + pair * LANES, m);
    *high = lanes_load_half(elements + half + pair * LANES, m);
  }
}

/// All stages of a Hadamard transform within one vector; `order` is at least LANES.
KV_INLINE lanes KERNEL(butterflies)(lanes a) {
  a = lanes_butterfly4(lanes_butterfly2(lanes_butterfly1(a)));
#if LANES == 16
  a = lanes_butterfly8(a);
#endif
  return a;
}

/// One Hadamard stage across vectors `stride` apart.
KV_INLINE void KERNEL(butterflies_across)(
    lanes r[8], const int64_t count, const int64_t stride) {
  if (stride >= count) return;
#pragma clang loop unroll(full)
  for (int64_t i = 0; i < count; i++) {
    if (i & stride) continue;
    const lanes a = r[i], b = r[i + stride];
    r[i] = lanes_add(a, b);
    r[i + stride] = lanes_sub(a, b);
  }
}

/// Rotates `count` vectors, one Hadamard block, held in registers where `count` is a constant.
KV_INLINE void KERNEL(rotate_block)(const float *from, float *to, const int64_t count) {
  lanes r[8];
#pragma clang loop unroll(full)
  for (int64_t i = 0; i < count; i++) r[i] = KERNEL(butterflies)(lanes_load(from + i * LANES));
  // Strides are spelled out: as a loop they would not unroll, and `r` would live in memory.
  KERNEL(butterflies_across)(r, count, 1);
  KERNEL(butterflies_across)(r, count, 2);
  KERNEL(butterflies_across)(r, count, 4);
  const lanes norm = lanes_all(1.0f / sqrtf((float)(count * LANES)));
#pragma clang loop unroll(full)
  for (int64_t i = 0; i < count; i++) lanes_store(to + i * LANES, lanes_mul(r[i], norm));
}

/// The same through memory, for orders beyond the registers.
static void KERNEL(rotate_long_block)(float *x, int64_t order) {
  for (int64_t i = 0; i < order; i += LANES) {
    lanes_store(x + i, KERNEL(butterflies)(lanes_load(x + i)));
  }
  const float norm = 1.0f / sqrtf((float)order);
  for (int64_t stride = LANES; stride < order; stride *= 2) {
    const lanes factor = lanes_all(2 * stride == order ? norm : 1.0f);
    for (int64_t i = 0; i < order; i += LANES) {
      if (i & stride) continue;
      const lanes a = lanes_load(x + i), b = lanes_load(x + i + stride);
      lanes_store(x + i, lanes_mul(lanes_add(a, b), factor));
      lanes_store(x + i + stride, lanes_mul(lanes_sub(a, b), factor));
    }
  }
}

/// Orders below the lanes: the scalar butterfly, in the order of stages that all paths keep.
static void KERNEL(rotate_short_block)(float *x, int64_t order) {
  for (int64_t stride = 1; stride < order; stride *= 2) {
    for (int64_t i = 0; i < order; i++) {
      if (i & stride) continue;
      const float a = x[i], b = x[i + stride];
      x[i] = a + b;
      x[i + stride] = a - b;
    }
  }
  const float norm = 1.0f / sqrtf((float)order);
  for (int64_t i = 0; i < order; i++) x[i] *= norm;
}

/// Rotates one row of `head_dim` elements from one place to another, or in place.
KV_INLINE void KERNEL(rotate_row)(
    const float *from, float *to, int64_t head_dim, int64_t order) {
  const bool fits = order >= LANES && order <= 8 * LANES;
  if (!fits && from != to) memcpy(to, from, (size_t)head_dim * sizeof *to);
  for (int64_t i = 0; i < head_dim; i += order) {
    switch (order / LANES) {
      case 0: KERNEL(rotate_short_block)(to + i, order); break;
      case 1: KERNEL(rotate_block)(from + i, to + i, 1); break;
      case 2: KERNEL(rotate_block)(from + i, to + i, 2); break;
      case 4: KERNEL(rotate_block)(from + i, to + i, 4); break;
      case 8: KERNEL(rotate_block)(from + i, to + i, 8); break;
      default: KERNEL(rotate_long_block)(to + i, order); break;
    }
  }
}
