// Paged decode attention: one query token per sequence, the query heads of a group together, so
// that each key and value is read from memory once. Online softmax over tiles of 64 or 128 tokens
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
// Those versions took one KV head after the other through all tokens, and so jumped after each
// slab of 8 KiB. On 2 cores of a Zen 4 EPYC that read 34 GB/s, 231 GFLOP/s of FMA, the same shape
// in FP16 as a share of that read:
//   a slab at a time, prefetched into the first level           48 %   (a plain read of slabs: 51)
//   all KV heads of a tile in turn, prefetched into the second  70 %   (a plain read of pages: 90)
//   the same, but prefetched into the first level               48 %
// A core keeps some 24 lines on their way into its first level and twice as many into its second.
// From cache a token takes 100 cycles there, of which FMAs and conversions fill 80.
//
// Tried without gain: pages asked for two KV heads ahead, and twice as fast; tiles of 128 tokens,
// whose rows no longer stay in the first level while two heads' passes go over them.

/// What a span knows of one KV head.
typedef struct KERNEL(decode_state) {
  int64_t heads, pairs, half, pitch;
  /// Scaled and rotated queries and weighted values, [head][pair][low, high][LANES].
  float *queries, *sums;
  /// Per head: running maximum, sum of weights, sum of weight * zero of V, sum of the query.
  float *largest, *weight, *zeros, *query_sums;
  /// Shared by all KV heads. [head][KV_TILE]: scores, then weights; and the factor that the last
  /// tile puts on everything before it.
  float *scores, *decay;
} KERNEL(decode_state);

/// The state of the span's KV head number `index`.
KV_INLINE KERNEL(decode_state) KERNEL(decode_state_at)(
    const kv_shape *shape, float *scratch, int64_t index) {
  const int64_t heads = shape->group_size, dim = shape->head_dim;
  KERNEL(decode_state) s = {
      .heads = heads, .half = dim / 2, .pitch = kv_padded_dim(dim),
      .pairs = (dim / 2 + LANES - 1) / LANES};
  s.scores = scratch;
  s.decay = s.scores + heads * KV_TILE;
  s.queries = s.decay + heads + index * heads * (2 * s.pitch + 4);
  s.sums = s.queries + heads * s.pitch;
  s.largest = s.sums + heads * s.pitch;
  s.weight = s.largest + heads;
  s.zeros = s.weight + heads;
  s.query_sums = s.zeros + heads;
  return s;
}

static void KERNEL(decode_begin)(
    const KERNEL(decode_state) *s, const float *queries, int64_t dim) {
  memset(s->sums, 0, (size_t)(s->heads * s->pitch) * sizeof(float));
  for (int64_t head = 0; head < s->heads; head++) {
    const float *row = queries + head * dim;
    lanes sum = lanes_zero();
    for (int64_t pair = 0; pair < s->pairs; pair++) {
      const lane_mask m = mask_first(s->half - pair * LANES);
      const lanes low = lanes_load_first(row + pair * LANES, m);
      const lanes high = lanes_load_first(row + s->half + pair * LANES, m);
      float *to = s->queries + head * s->pitch + pair * 2 * LANES;
      lanes_store(to, low);
      lanes_store(to + LANES, high);
      sum = lanes_add(sum, lanes_add(low, high));
    }
    s->query_sums[head] = lanes_sum(sum);
    s->largest[head] = -INFINITY;
    s->weight[head] = s->zeros[head] = 0;
  }
}

/// Dot products of `heads` queries with four keys.
KV_INLINE void KERNEL(score_four)(
    const bool four_bit, const int heads, const KERNEL(decode_state) *s,
    const kv_walk *walk, int64_t head, int64_t token) {
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
          four_bit, walk->tile->keys[token + t] + walk->keys, s->half, pair, m,
          &low[t], &high[t]);
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
        s->scores + (head + h) * KV_TILE + token);
  }
}

KV_INLINE void KERNEL(score_tile)(
    const bool four_bit, const KERNEL(decode_state) *s, kv_walk *walk) {
  for (int64_t token = 0; token < walk->tile->count; token += 4) {
    kv_walk_ask(walk, 4);
    int64_t head = 0;
    for (; head + SCORE_HEADS <= s->heads; head += SCORE_HEADS) {
      KERNEL(score_four)(four_bit, SCORE_HEADS, s, walk, head, token);
    }
    switch (s->heads - head) {
      case 3: KERNEL(score_four)(four_bit, 3, s, walk, head, token); break;
      case 2: KERNEL(score_four)(four_bit, 2, s, walk, head, token); break;
      case 1: KERNEL(score_four)(four_bit, 1, s, walk, head, token); break;
      default: break;
    }
  }
}

/// Products of one head's query and keys into scores; returns the largest, or that of before.
KV_INLINE float KERNEL(finish_scores)(
    const bool four_bit, const KERNEL(decode_state) *s, const kv_walk *walk,
    int64_t head, float soft_cap) {
  float *row = s->scores + head * KV_TILE;
  const int64_t count = walk->tile->count;
  if (four_bit) {
    const lanes query_sum = lanes_all(s->query_sums[head]);
    for (int64_t i = 0; i < count; i += LANES) {
      const lanes scale = lanes_load(walk->metadata[0] + i);
      const lanes zero = lanes_mul(lanes_load(walk->metadata[1] + i), query_sum);
      lanes_store(row + i, lanes_fma(lanes_load(row + i), scale, zero));
    }
  }
  for (int64_t i = 0; i < count && soft_cap > 0; i += LANES) {
    lanes_store(row + i, lanes_soft_cap(lanes_load(row + i), soft_cap));
  }
  for (int64_t i = count; i % LANES != 0; i++) row[i] = -INFINITY;
  lanes top = lanes_all(s->largest[head]);
  for (int64_t i = 0; i < count; i += LANES) top = lanes_max(top, lanes_load(row + i));
  return lanes_largest(top);
}

/// Scores of one head into weights relative to the running maximum.
KV_INLINE void KERNEL(weigh)(
    const bool four_bit, const KERNEL(decode_state) *s, const kv_walk *walk,
    int64_t head) {
  float *row = s->scores + head * KV_TILE;
  const lanes largest = lanes_all(s->largest[head]);
  lanes weight = lanes_zero(), zeros = lanes_zero();
  for (int64_t i = 0; i < walk->tile->count; i += LANES) {
    lanes p = lanes_exp(lanes_sub(lanes_load(row + i), largest));
    weight = lanes_add(weight, p);
    if (four_bit) {
      zeros = lanes_fma(p, lanes_load(walk->metadata[3] + i), zeros);
      p = lanes_mul(p, lanes_load(walk->metadata[2] + i));
    }
    lanes_store(row + i, p);
  }
  s->weight[head] = s->weight[head] * s->decay[head] + lanes_sum(weight);
  if (four_bit) s->zeros[head] = s->zeros[head] * s->decay[head] + lanes_sum(zeros);
}

/// All heads at each step, because one head's steps wait for each other and the heads do not.
KV_INLINE void KERNEL(weigh_tile)(
    const bool four_bit, const KERNEL(decode_state) *s, const kv_walk *walk,
    float soft_cap) {
  for (int64_t head = 0; head < s->heads; head++) {
    s->decay[head] = s->largest[head];
    s->largest[head] = KERNEL(finish_scores)(four_bit, s, walk, head, soft_cap);
  }
  for (int64_t head = 0; head < s->heads; head += LANES) {
    const lane_mask m = mask_first(s->heads - head);
    const lanes rise = lanes_sub(
        lanes_load_first(s->decay + head, m), lanes_load_first(s->largest + head, m));
    lanes_store_first(s->decay + head, lanes_exp(rise), m);
  }
  for (int64_t head = 0; head < s->heads; head++) KERNEL(weigh)(four_bit, s, walk, head);
}

/// Adds the weighted values of a tile to `heads` heads, `pairs` vector pairs from `pair` on.
KV_INLINE void KERNEL(add_values)(
    const bool four_bit, const int heads, const int pairs, const KERNEL(decode_state) *s,
    kv_walk *walk, int64_t head, int64_t pair) {
  lanes sum[4][2 * VALUE_PAIRS];
  float *to = s->sums + head * s->pitch + pair * 2 * LANES;
  for (int h = 0; h < heads; h++) {
    for (int i = 0; i < 2 * pairs; i++) sum[h][i] = lanes_zero();
  }
  const lane_mask last = mask_first(s->half - (pair + pairs - 1) * LANES);
  const int64_t count = walk->tile->count, offset = walk->values;
  for (int64_t token = 0; token < count; token++) {
    lanes v[2 * VALUE_PAIRS];
    if (token % 4 == 0) kv_walk_ask(walk, 4);
    for (int i = 0; i < pairs; i++) {
      const lane_mask m = i == pairs - 1 ? last : mask_first(LANES);
      KERNEL(load_pair)(
          four_bit, walk->tile->keys[token] + offset, s->half, pair + i, m, &v[2 * i],
          &v[2 * i + 1]);
    }
    for (int h = 0; h < heads; h++) {
      const lanes p = lanes_all(s->scores[(head + h) * KV_TILE + token]);
      for (int i = 0; i < 2 * pairs; i++) sum[h][i] = lanes_fma(p, v[i], sum[h][i]);
    }
  }
  for (int h = 0; h < heads; h++) {
    // A tile's own sum first: added token by token, a long span's would round ever coarser.
    const lanes decay = lanes_all(s->decay[head + h]);
    for (int i = 0; i < 2 * pairs; i++) {
      float *at = to + h * s->pitch + i * LANES;
      lanes_store(at, lanes_fma(decay, lanes_load(at), sum[h][i]));
    }
  }
}

KV_INLINE void KERNEL(add_values_of_heads)(
    const bool four_bit, const int heads, const KERNEL(decode_state) *s,
    kv_walk *walk, int64_t head) {
  int64_t pair = 0;
  for (; pair + VALUE_PAIRS <= s->pairs; pair += VALUE_PAIRS) {
    KERNEL(add_values)(four_bit, heads, VALUE_PAIRS, s, walk, head, pair);
  }
  for (; pair < s->pairs; pair++) {
    KERNEL(add_values)(four_bit, heads, 1, s, walk, head, pair);
  }
}

KV_INLINE void KERNEL(value_tile)(
    const bool four_bit, const KERNEL(decode_state) *s, kv_walk *walk) {
  int64_t head = 0;
  for (; head + 4 <= s->heads; head += 4) {
    KERNEL(add_values_of_heads)(four_bit, 4, s, walk, head);
  }
  switch (s->heads - head) {
    case 3: KERNEL(add_values_of_heads)(four_bit, 3, s, walk, head); break;
    case 2: KERNEL(add_values_of_heads)(four_bit, 2, s, walk, head); break;
    case 1: KERNEL(add_values_of_heads)(four_bit, 1, s, walk, head); break;
    default: break;
  }
}

static void KERNEL(decode_end)(
    const KERNEL(decode_state) *s, int64_t head, float *partial) {
  partial[0] = s->largest[head];
  partial[1] = s->weight[head];
  const lanes zero = lanes_all(s->zeros[head]);
  for (int64_t pair = 0; pair < s->pairs; pair++) {
    const lane_mask m = mask_first(s->half - pair * LANES);
    const float *from = s->sums + head * s->pitch + pair * 2 * LANES;
    float *to = partial + 2 + pair * LANES;
    lanes_store_first(to, lanes_add(lanes_load(from), zero), m);
    lanes_store_first(to + s->half, lanes_add(lanes_load(from + LANES), zero), m);
  }
}

/// One span; compiled once per width of code.
KV_INLINE void KERNEL(decode_span)(
    const bool four_bit, const kv_decode *call, const kv_span *span, float *scratch) {
  const kv_shape *shape = &call->shape;
  const int64_t heads = shape->group_size, dim = shape->head_dim;
  for (int64_t i = 0; i < span->kv_heads; i++) {
    const KERNEL(decode_state) s = KERNEL(decode_state_at)(shape, scratch, i);
    const int64_t query = (span->sequence * shape->kv_heads + span->kv_head + i) * heads;
    KERNEL(decode_begin)(&s, call->turned + query * dim, dim);
  }
  const int64_t pairs = (dim / 2 + LANES - 1) / LANES;
  const int64_t value_passes = (heads + 3) / 4 * (pairs / VALUE_PAIRS + pairs % VALUE_PAIRS);
  kv_walk walk;
  kv_walk_begin(&walk, call, span, 1 + value_passes);
  do {
    const KERNEL(decode_state) s =
        KERNEL(decode_state_at)(shape, scratch, walk.index);
    if (four_bit) {
      KERNEL(read_metadata)(
          walk.metadata, shape, walk.tile, span->kv_head + walk.index);
    }
    KERNEL(score_tile)(four_bit, &s, &walk);
    KERNEL(weigh_tile)(four_bit, &s, &walk, call->soft_cap);
    KERNEL(value_tile)(four_bit, &s, &walk);
  } while (kv_walk_next(&walk));
  for (int64_t i = 0; i < span->kv_heads; i++) {
    const KERNEL(decode_state) s = KERNEL(decode_state_at)(shape, scratch, i);
    for (int64_t head = 0; head < heads; head++) {
      KERNEL(decode_end)(&s, head, kv_partial(call, span, span->kv_head + i, head));
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
  for (int64_t i = first; i < last; i++) {
    if (call->shape.bits == 4) {
      KERNEL(decode_span)(true, call, &call->spans[i], scratch);
    } else {
      KERNEL(decode_span)(false, call, &call->spans[i], scratch);
    }
  }
}
