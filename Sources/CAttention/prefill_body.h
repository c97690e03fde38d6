// Causal prefill attention: a chunk of query tokens over a paged prefix and the chunk itself.
//
// A work item is one KV head and a block of query tokens; its rows are those tokens times the
// heads of the group, so that each tile of 64 keys is dequantised once for all of them. Keys are
// laid out transposed, so that both products run on the GEMM tile. Online softmax as in decode.
//
// Operations: 4 * head_dim per query head and attended pair. Bound by the FMA units.
//
// Measured on 2 cores of a Zen 5 EPYC, 517 GFLOP/s of FMA; 512 tokens over a prefix of 2,048, 32
// query heads on 8 KV heads of 128, median of 5: FP16 51 ms (380 GFLOP/s, 73 %), INT4 and rotated
// 48 ms; AVX2 94 and 92 ms. 256 tokens without a prefix reach 51 %: half of each diagonal tile is
// computed and thrown away.

typedef struct KERNEL(prefill_state) {
  int64_t rows;
  /// [row][head_dim], scaled and rotated; row = token * group_size + head.
  float *queries;
  /// [row][head_dim].
  float *sums;
  float *largest, *weight;
  /// [head_dim][64], [64][head_dim] and room for keys before they are transposed.
  float *keys, *values, *untransposed;
  /// [6][64].
  float *scores;
} KERNEL(prefill_state);

/// Rows of codes or halves as FP32, [64][head_dim]; rows beyond the tile become zero.
KV_INLINE void KERNEL(expand_rows)(
    const bool four_bit, const kv_tile *tile, int64_t offset, const float *scales,
    const float *zeros, int64_t dim, float *to) {
  const int64_t half = dim / 2;
  for (int64_t token = 0; token < tile->count; token++, to += dim) {
    const uint8_t *row = tile->keys[token] + offset;
    for (int64_t pair = 0; pair * LANES < half; pair++) {
      const lane_mask m = mask_first(half - pair * LANES);
      lanes low, high;
      KERNEL(load_pair)(four_bit, row, half, pair, m, &low, &high);
      if (four_bit) {
        const lanes scale = lanes_all(scales[token]), zero = lanes_all(zeros[token]);
        low = lanes_fma(low, scale, zero);
        high = lanes_fma(high, scale, zero);
      }
      lanes_store_first(to + pair * LANES, low, m);
      lanes_store_first(to + half + pair * LANES, high, m);
    }
  }
  memset(to, 0, (size_t)((KV_PREFILL_TILE - tile->count) * dim) * sizeof(float));
}

static void KERNEL(expand_tile)(
    const kv_shape *shape, const kv_tile *tile, int64_t kv_head, const KERNEL(prefill_state) *s) {
  const int64_t dim = shape->head_dim, keys = kv_head_offset(shape, kv_head);
  const int64_t values = keys + kv_value_offset(shape);
  if (shape->bits == 4) {
    kv_metadata m;
    KERNEL(read_metadata)(m, shape, tile, kv_head);
    KERNEL(expand_rows)(true, tile, keys, m[0], m[1], dim, s->untransposed);
    KERNEL(expand_rows)(true, tile, values, m[2], m[3], dim, s->values);
  } else {
    KERNEL(expand_rows)(false, tile, keys, NULL, NULL, dim, s->untransposed);
    KERNEL(expand_rows)(false, tile, values, NULL, NULL, dim, s->values);
  }
  for (int64_t token = 0; token < KV_PREFILL_TILE; token += LANES) {
    for (int64_t i = 0; i < dim; i += LANES) {
      lanes block[LANES];
      for (int64_t r = 0; r < LANES; r++) {
        block[r] = lanes_load(s->untransposed + (token + r) * dim + i);
      }
      lanes_transpose(block);
      for (int64_t r = 0; r < LANES; r++) {
        lanes_store(s->keys + (i + r) * KV_PREFILL_TILE + token, block[r]);
      }
    }
  }
}

/// Softmax of one row of scores, of which `hidden ..< visible` count; rescales what the row holds.
KV_INLINE void KERNEL(weigh_row)(
    float *scores, int64_t hidden, int64_t visible, float soft_cap, float *largest,
    float *weight, float *sums, int64_t dim) {
  for (int64_t i = 0; i < KV_PREFILL_TILE && soft_cap > 0; i += LANES) {
    lanes_store(scores + i, lanes_soft_cap(lanes_load(scores + i), soft_cap));
  }
  for (int64_t i = 0; i < hidden; i++) scores[i] = -INFINITY;
  for (int64_t i = visible; i < KV_PREFILL_TILE; i++) scores[i] = -INFINITY;
  lanes top = lanes_all(*largest), total = lanes_zero();
  for (int64_t i = 0; i < KV_PREFILL_TILE; i += LANES) {
    top = lanes_max(top, lanes_load(scores + i));
  }
  const float now = lanes_largest(top);
  for (int64_t i = 0; i < KV_PREFILL_TILE; i += LANES) {
    const lanes p = lanes_exp(lanes_sub(lanes_load(scores + i), lanes_all(now)));
    total = lanes_add(total, p);
    lanes_store(scores + i, p);
  }
  const float decay = expf(*largest - now);
  *weight = *weight * decay + lanes_sum(total);
  if (now == *largest) return;
  *largest = now;
  for (int64_t i = 0; i < dim; i += LANES) {
    lanes_store(sums + i, lanes_mul(lanes_load(sums + i), lanes_all(decay)));
  }
}

/// One tile of keys from `key` on, for every row that sees some of them.
static void KERNEL(prefill_tile)(
    const kv_prefill *call, const KERNEL(prefill_state) *s, int64_t first_token, int64_t key) {
  const int64_t dim = call->shape.head_dim, heads = call->shape.group_size;
  const KERNEL(matrix) keys = {s->keys, KV_PREFILL_TILE}, values = {s->values, dim};
  const KERNEL(matrix) scores = {s->scores, KV_PREFILL_TILE};
  for (int64_t row = 0; row < s->rows; row += 6) {
    const int64_t count = kv_min(6, s->rows - row);
    // A row's token sees keys up to itself; the last row of the six sees the most.
    const int64_t last_seen = call->prefix + first_token + (row + count - 1) / heads;
    if (last_seen < key) continue;
    const KERNEL(matrix) q = {s->queries + row * dim, dim}, o = {s->sums + row * dim, dim};
    KERNEL(gemm)(count, KV_PREFILL_TILE, dim, q, keys, scores, false);
    for (int64_t r = 0; r < count; r++) {
      const int64_t seen = call->prefix + first_token + (row + r) / heads + 1 - key;
      const int64_t visible = kv_max(0, kv_min(KV_PREFILL_TILE, seen));
      const int64_t hidden = call->window > 0 ? kv_max(0, seen - call->window) : 0;
      float *p = scores.at + r * scores.pitch;
      if (visible <= hidden) {
        memset(p, 0, KV_PREFILL_TILE * sizeof(float));
        continue;
      }
      KERNEL(weigh_row)(
          p, hidden, visible, call->soft_cap, &s->largest[row + r], &s->weight[row + r],
          o.at + r * dim, dim);
    }
    KERNEL(gemm)(count, dim, KV_PREFILL_TILE, scores, values, o, true);
  }
}

static KERNEL(prefill_state) KERNEL(prefill_begin)(
    const kv_prefill *call, int64_t kv_head, int64_t token, int64_t tokens, float *scratch) {
  const kv_shape *shape = &call->shape;
  const int64_t dim = shape->head_dim, heads = shape->group_size;
  KERNEL(prefill_state) s = {.rows = tokens * heads};
  s.queries = scratch;
  s.sums = s.queries + s.rows * dim;
  s.keys = s.sums + s.rows * dim;
  s.values = s.keys + KV_PREFILL_TILE * dim;
  s.untransposed = s.values + KV_PREFILL_TILE * dim;
  s.scores = s.untransposed + KV_PREFILL_TILE * dim;
  s.largest = s.scores + 6 * KV_PREFILL_TILE;
  s.weight = s.largest + s.rows;
  memset(s.sums, 0, (size_t)(s.rows * dim) * sizeof(float));
  const lanes scale = lanes_all(1.0f / sqrtf((float)dim));
  for (int64_t row = 0; row < s.rows; row++) {
    const int64_t query = ((token + row / heads) * shape->kv_heads + kv_head) * heads
        + row % heads;
    float *to = s.queries + row * dim;
    for (int64_t i = 0; i < dim; i += LANES) {
      lanes_store(to + i, lanes_mul(lanes_load(call->queries + query * dim + i), scale));
    }
    if (shape->key_rotation > 0) KERNEL(rotate_row)(to, to, dim, shape->key_rotation);
    s.largest[row] = -INFINITY;
    s.weight[row] = 0;
  }
  return s;
}

static void KERNEL(prefill_item)(const kv_prefill *call, int64_t item, float *scratch) {
  const kv_shape *shape = &call->shape;
  const int64_t dim = shape->head_dim, heads = shape->group_size;
  const int64_t kv_head = item % shape->kv_heads;
  const int64_t blocks = (call->tokens + call->tokens_per_item - 1) / call->tokens_per_item;
  const int64_t token = (blocks - 1 - item / shape->kv_heads) * call->tokens_per_item;
  const int64_t tokens = kv_min(call->tokens_per_item, call->tokens - token);
  const KERNEL(prefill_state) s =
      KERNEL(prefill_begin)(call, kv_head, token, tokens, scratch);
  const int64_t context = call->prefix + token + tokens;
  kv_tile tile;
  // Keys before the first token's window are seen by none.
  const int64_t start =
      call->window > 0 ? kv_max(0, call->prefix + token + 1 - call->window) : 0;
  for (int64_t key = start; key < context; key += KV_PREFILL_TILE) {
    const int64_t count = kv_min(KV_PREFILL_TILE, context - key);
    kv_find_tile(&tile, shape, call->pages, call->table, key, count);
    KERNEL(expand_tile)(shape, &tile, kv_head, &s);
    KERNEL(prefill_tile)(call, &s, token, key);
  }
  for (int64_t row = 0; row < s.rows; row++) {
    const int64_t query = ((token + row / heads) * shape->kv_heads + kv_head) * heads
        + row % heads;
    float *out = call->outputs + query * dim;
    const lanes inverse = lanes_all(1.0f / s.weight[row]);
    for (int64_t i = 0; i < dim; i += LANES) {
      lanes_store(out + i, lanes_mul(lanes_load(s.sums + row * dim + i), inverse));
    }
    if (shape->value_rotation > 0) KERNEL(rotate_row)(out, out, dim, shape->value_rotation);
  }
}

static void KERNEL(prefill)(
    const kv_prefill *call, int64_t first, int64_t last, float *scratch) {
  for (int64_t item = first; item < last; item++) KERNEL(prefill_item)(call, item, scratch);
}
