// Paged decode attention: one query token per sequence, the query heads of a group together, so
// that each key and value is read from memory once. Online softmax over tiles of 32 or 64 tokens
// (FlashAttention, arXiv 2205.14135); a span leaves partial sums that `merge` joins once
// (Flash-Decoding). Four-bit rows are never expanded in memory: with x = zero + scale * code,
//     q . k = scale * (q . codes) + zero * sum(q),    sum p v = sum (p scale) codes + sum p zero
// so that scale and zero cost a few operations per token, not per element.
//
// Bytes per token and KV head at head_dim 128: 512 (FP16), 136 (INT4). Operations: 512 per query
// head. On two cores of a Zen 5 EPYC, FP16 is bound by memory and INT4 by the FMA units; where
// VNNI is present, decode_codes_body.h takes INT4's place.
//
// Measured on 2 cores of a Zen 5 EPYC that read 42 to 50 GB/s, 517 GFLOP/s of FMA; 16 sequences of
// 2,048 tokens, 32 query heads on 8 KV heads, cold, median of 15: FP16, INT4 in microseconds.
//   rows of the next tile prefetched, values in one burst     4839   2981
//   values prefetched by the pass that reads their like       3876   2612
//   scales and zeros prefetched a tile before they are read   3760   1990   (AVX2: 4129, 3480)
// The floors are 2,850 (FP16, reading at 47 GB/s) and 1,040 (INT4, FMAs alone).
//
// FP16 is held back by the prefetches themselves. A plain read of the same slabs of 8 KiB in the
// same order, by the hardware's prefetchers alone, gives 44.7 GB/s where memory gives 46; with each
// slab prefetched while the one before is read it gives 37, and so does this kernel. Yet without
// them the kernel falls to 11 GB/s: its loads, four rows at a time with arithmetic between, are no
// stream that the hardware follows. Prefetching into L2, two tiles ahead, without regard to cache,
// in smaller tiles or a line at a time changed nothing beyond noise; loading a byte of each line
// instead halves the speed. From cache a token takes 52 cycles, from memory 90.

typedef struct KERNEL(decode_state) {
  int64_t pairs, half, pitch;
  /// Scaled and rotated queries and weighted values, [head][pair][low, high][LANES].
  float *queries, *sums;
  /// [head][KV_DECODE_TILE]: scores, then weights.
  float *scores;
  /// Per head: running maximum, sum of weights, sum of weight * zero of V, sum of the query, and
  /// the factor that the last tile puts on everything before it.
  float *largest, *weight, *zeros, *query_sums, *decay;
} KERNEL(decode_state);

static KERNEL(decode_state) KERNEL(decode_begin)(
    const kv_shape *shape, const float *queries, float *scratch) {
  const int64_t heads = shape->group_size, dim = shape->head_dim;
  KERNEL(decode_state) s = {
      .half = dim / 2, .pitch = kv_padded_dim(dim), .pairs = (dim / 2 + LANES - 1) / LANES};
  s.queries = scratch;
  s.sums = s.queries + heads * s.pitch;
  s.scores = s.sums + heads * s.pitch;
  s.largest = s.scores + heads * KV_DECODE_TILE;
  s.weight = s.largest + heads;
  s.zeros = s.weight + heads;
  s.query_sums = s.zeros + heads;
  s.decay = s.query_sums + heads;
  memset(s.sums, 0, (size_t)(heads * s.pitch) * sizeof(float));
  for (int64_t head = 0; head < heads; head++) {
    const float *row = queries + head * dim;
    lanes sum = lanes_zero();
    for (int64_t pair = 0; pair < s.pairs; pair++) {
      const lane_mask m = mask_first(s.half - pair * LANES);
      const lanes low = lanes_load_first(row + pair * LANES, m);
      const lanes high = lanes_load_first(row + s.half + pair * LANES, m);
      float *to = s.queries + head * s.pitch + pair * 2 * LANES;
      lanes_store(to, low);
      lanes_store(to + LANES, high);
      sum = lanes_add(sum, lanes_add(low, high));
    }
    s.query_sums[head] = lanes_sum(sum);
    s.largest[head] = -INFINITY;
    s.weight[head] = s.zeros[head] = s.decay[head] = 0;
  }
  return s;
}

/// Asks for four rows of the next tile: its pages lie anywhere, where no hardware prefetcher
/// would look for them.
KV_INLINE void KERNEL(prefetch_rows)(
    const uint8_t *const *rows, int64_t token, int64_t count, int64_t bytes) {
  if (token >= count) return;
  for (int64_t i = token; i < token + 4; i++) {
    for (int64_t b = 0; b < bytes; b += 64) __builtin_prefetch(rows[i] + b, 0, 3);
  }
}

/// Dot products of `heads` queries with four keys.
KV_INLINE void KERNEL(score_four)(
    const bool four_bit, const int heads, const KERNEL(decode_state) *s,
    const KERNEL(tile) *tile, int64_t head, int64_t token) {
  lanes sum[4][4];
  for (int h = 0; h < heads; h++) {
    for (int t = 0; t < 4; t++) sum[h][t] = lanes_zero();
  }
  for (int64_t pair = 0; pair < s->pairs; pair++) {
    const lane_mask m = mask_first(s->half - pair * LANES);
    const float *q = s->queries + head * s->pitch + pair * 2 * LANES;
    lanes low[4], high[4];
    for (int t = 0; t < 4; t++) {
      KERNEL(load_pair)(
          four_bit, tile->keys[token + t], s->half, pair, m, &low[t], &high[t]);
    }
    for (int h = 0; h < heads; h++) {
      const lanes a = lanes_load(q + h * s->pitch), b = lanes_load(q + h * s->pitch + LANES);
      for (int t = 0; t < 4; t++) {
        sum[h][t] = lanes_fma(a, low[t], sum[h][t]);
        sum[h][t] = lanes_fma(b, high[t], sum[h][t]);
      }
    }
  }
  for (int h = 0; h < heads; h++) {
    lanes_sum4(
        sum[h][0], sum[h][1], sum[h][2], sum[h][3],
        s->scores + (head + h) * KV_DECODE_TILE + token);
  }
}

KV_INLINE void KERNEL(score_tile)(
    const bool four_bit, const KERNEL(decode_state) *s, const KERNEL(tile) *tile,
    const KERNEL(tile) *next, int64_t heads, int64_t row_bytes) {
  for (int64_t token = 0; token < tile->count; token += 4) {
    KERNEL(prefetch_rows)(next->keys, token, next->count, row_bytes);
    int64_t head = 0;
    for (; head + SCORE_HEADS <= heads; head += SCORE_HEADS) {
      KERNEL(score_four)(four_bit, SCORE_HEADS, s, tile, head, token);
    }
    switch (heads - head) {
      case 3: KERNEL(score_four)(four_bit, 3, s, tile, head, token); break;
      case 2: KERNEL(score_four)(four_bit, 2, s, tile, head, token); break;
      case 1: KERNEL(score_four)(four_bit, 1, s, tile, head, token); break;
      default: break;
    }
  }
}

/// Scores of one head into weights relative to the running maximum.
KV_INLINE void KERNEL(weigh_tile)(
    const bool four_bit, const KERNEL(decode_state) *s, const KERNEL(tile) *tile,
    int64_t head, float soft_cap) {
  float *row = s->scores + head * KV_DECODE_TILE;
  const int64_t count = tile->count;
  if (four_bit) {
    const lanes query_sum = lanes_all(s->query_sums[head]);
    for (int64_t i = 0; i < count; i += LANES) {
      const lanes zero = lanes_mul(lanes_load(tile->metadata[1] + i), query_sum);
      lanes_store(
          row + i, lanes_fma(lanes_load(row + i), lanes_load(tile->metadata[0] + i), zero));
    }
  }
  for (int64_t i = 0; i < count && soft_cap > 0; i += LANES) {
    lanes_store(row + i, lanes_soft_cap(lanes_load(row + i), soft_cap));
  }
  for (int64_t i = count; i % LANES != 0; i++) row[i] = -INFINITY;
  lanes top = lanes_all(s->largest[head]);
  for (int64_t i = 0; i < count; i += LANES) top = lanes_max(top, lanes_load(row + i));
  const float largest = lanes_largest(top);
  lanes weight = lanes_zero(), zeros = lanes_zero();
  for (int64_t i = 0; i < count; i += LANES) {
    lanes p = lanes_exp(lanes_sub(lanes_load(row + i), lanes_all(largest)));
    weight = lanes_add(weight, p);
    if (four_bit) {
      zeros = lanes_fma(p, lanes_load(tile->metadata[3] + i), zeros);
      p = lanes_mul(p, lanes_load(tile->metadata[2] + i));
    }
    lanes_store(row + i, p);
  }
  const float decay = expf(s->largest[head] - largest);
  s->decay[head] = decay;
  s->largest[head] = largest;
  s->weight[head] = s->weight[head] * decay + lanes_sum(weight);
  if (four_bit) s->zeros[head] = s->zeros[head] * decay + lanes_sum(zeros);
}

/// Adds the weighted values of a tile to `heads` heads, `pairs` vector pairs from `pair` on.
KV_INLINE void KERNEL(add_values)(
    const bool four_bit, const int heads, const int pairs, const KERNEL(decode_state) *s,
    const KERNEL(tile) *tile, const uint8_t *const *ahead, int64_t head, int64_t pair) {
  // Bytes of the row that this pass starts at, and how far the other half lies behind.
  const int64_t start = pair * LANES * (four_bit ? 1 : 2), other = four_bit ? 0 : 2 * s->half;
  lanes sum[4][2 * VALUE_PAIRS];
  float *to = s->sums + head * s->pitch + pair * 2 * LANES;
  for (int h = 0; h < heads; h++) {
    const lanes decay = lanes_all(s->decay[head + h]);
    for (int i = 0; i < 2 * pairs; i++) {
      sum[h][i] = lanes_mul(decay, lanes_load(to + h * s->pitch + i * LANES));
    }
  }
  const lane_mask last = mask_first(s->half - (pair + pairs - 1) * LANES);
  for (int64_t token = 0; token < tile->count; token++) {
    lanes v[2 * VALUE_PAIRS];
    __builtin_prefetch(ahead[token] + start, 0, 3);
    if (!four_bit) __builtin_prefetch(ahead[token] + start + other, 0, 3);
    for (int i = 0; i < pairs; i++) {
      const lane_mask m = i == pairs - 1 ? last : mask_first(LANES);
      KERNEL(load_pair)(
          four_bit, tile->values[token], s->half, pair + i, m, &v[2 * i], &v[2 * i + 1]);
    }
    for (int h = 0; h < heads; h++) {
      const lanes p = lanes_all(s->scores[(head + h) * KV_DECODE_TILE + token]);
      for (int i = 0; i < 2 * pairs; i++) sum[h][i] = lanes_fma(p, v[i], sum[h][i]);
    }
  }
  for (int h = 0; h < heads; h++) {
    for (int i = 0; i < 2 * pairs; i++) lanes_store(to + h * s->pitch + i * LANES, sum[h][i]);
  }
}

KV_INLINE void KERNEL(add_values_of_heads)(
    const bool four_bit, const int heads, const KERNEL(decode_state) *s,
    const KERNEL(tile) *tile, const uint8_t *const *ahead, int64_t head) {
  int64_t pair = 0;
  for (; pair + VALUE_PAIRS <= s->pairs; pair += VALUE_PAIRS) {
    KERNEL(add_values)(four_bit, heads, VALUE_PAIRS, s, tile, ahead, head, pair);
  }
  for (; pair < s->pairs; pair++) {
    KERNEL(add_values)(four_bit, heads, 1, s, tile, ahead, head, pair);
  }
}

KV_INLINE void KERNEL(value_tile)(
    const bool four_bit, const KERNEL(decode_state) *s, const KERNEL(tile) *tile,
    const KERNEL(tile) *next, int64_t heads) {
  // Each pass asks for what it will read of the next tile. The last tile asks for itself, which
  // is in cache and costs nothing.
  const uint8_t *const *ahead = next->count >= tile->count ? next->values : tile->values;
  int64_t head = 0;
  for (; head + 4 <= heads; head += 4) {
    KERNEL(add_values_of_heads)(four_bit, 4, s, tile, ahead, head);
  }
  switch (heads - head) {
    case 3: KERNEL(add_values_of_heads)(four_bit, 3, s, tile, ahead, head); break;
    case 2: KERNEL(add_values_of_heads)(four_bit, 2, s, tile, ahead, head); break;
    case 1: KERNEL(add_values_of_heads)(four_bit, 1, s, tile, ahead, head); break;
    default: break;
  }
}

/// One span; compiled once per width of code.
KV_INLINE void KERNEL(decode_span)(
    const bool four_bit, const kv_decode *call, const kv_span *span, float *partial,
    float *scratch) {
  const kv_shape *shape = &call->shape;
  const int64_t heads = shape->group_size, dim = shape->head_dim;
  const int64_t row_bytes = kv_code_bytes(shape);
  const int32_t *table = call->tables + span->sequence * call->table_stride;
  const int64_t query = (span->sequence * shape->kv_heads + span->kv_head) * heads;
  const KERNEL(decode_state) s =
      KERNEL(decode_begin)(shape, call->turned + query * dim, scratch);
  KERNEL(tile) tiles[2];
  KERNEL(tile) *tile = &tiles[0], *next = &tiles[1];
  const int64_t most = four_bit ? KV_DECODE_TILE : KV_DECODE_TILE / 2;
  int64_t first = span->first_token;
  KERNEL(gather)(
      tile, shape, call->pages, table, span->kv_head, first,
      kv_min(most, span->last_token - first));
  // Nothing has asked for the first tile yet.
  for (int64_t token = 0; token < tile->count; token += 4) {
    KERNEL(prefetch_rows)(tile->keys, token, tile->count, row_bytes);
    KERNEL(prefetch_rows)(tile->values, token, tile->count, row_bytes);
  }
  while (tile->count > 0) {
    first += tile->count;
    next->count = kv_min(most, span->last_token - first);
    if (next->count > 0) {
      KERNEL(gather)(
          next, shape, call->pages, table, span->kv_head, first, next->count);
    }
    if (four_bit) {
      const int64_t after = first + next->count;
      KERNEL(prefetch_metadata)(
          shape, call->pages, table, span->kv_head, after,
          kv_min(most, span->last_token - after));
    }
    KERNEL(score_tile)(four_bit, &s, tile, next, heads, row_bytes);
    for (int64_t head = 0; head < heads; head++) {
      KERNEL(weigh_tile)(four_bit, &s, tile, head, call->soft_cap);
    }
    KERNEL(value_tile)(four_bit, &s, tile, next, heads);
    KERNEL(tile) *const done = tile;
    tile = next;
    next = done;
  }
  for (int64_t head = 0; head < heads; head++, partial += dim + 2) {
    partial[0] = s.largest[head];
    partial[1] = s.weight[head];
    const lanes zero = lanes_all(s.zeros[head]);
    for (int64_t pair = 0; pair < s.pairs; pair++) {
      const lane_mask m = mask_first(s.half - pair * LANES);
      const float *from = s.sums + head * s.pitch + pair * 2 * LANES;
      float *to = partial + 2 + pair * LANES;
      lanes_store_first(to, lanes_add(lanes_load(from), zero), m);
      lanes_store_first(to + s.half, lanes_add(lanes_load(from + LANES), zero), m);
    }
  }
}

static void KERNEL(turn)(const kv_decode *call, int64_t first, int64_t last) {
  const int64_t heads = call->shape.group_size, dim = call->shape.head_dim;
  const lanes scale = lanes_all(1.0f / sqrtf((float)dim));
  for (int64_t row = first * heads; row < last * heads; row++) {
    const float *from = call->queries + row * dim;
    float *to = call->turned + row * dim;
    for (int64_t i = 0; i < dim; i += LANES) {
      lanes_store(to + i, lanes_mul(lanes_load(from + i), scale));
    }
    if (call->shape.key_rotation > 0) {
      KERNEL(rotate_row)(to, to, dim, call->shape.key_rotation);
    }
  }
}

static void KERNEL(decode)(
    const kv_decode *call, int64_t first, int64_t last, float *scratch) {
  const int64_t partial_count = call->shape.group_size * (call->shape.head_dim + 2);
  for (int64_t i = first; i < last; i++) {
    float *partial = call->partials + i * partial_count;
    if (call->shape.bits == 4) {
      KERNEL(decode_span)(true, call, &call->spans[i], partial, scratch);
    } else {
      KERNEL(decode_span)(false, call, &call->spans[i], partial, scratch);
    }
  }
}
