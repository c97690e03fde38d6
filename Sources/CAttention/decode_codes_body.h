// Decode attention over four-bit pages with whole-number dot products (VNNI's vpdpbusd: four
// unsigned bytes times four signed bytes, added to 32 bits). The algorithm is that of
// decode_body.h; what differs is how its two products are made.
//
// Codes are bytes as they stand. Queries, and the weights of a tile, become whole numbers of
// 15 bits and sign relative to their largest magnitude, in two planes of bytes (v = 256 hi + lo):
// their rounding, 2^-16 of the largest, leaves a normalised error of 1e-9 to 2e-7, where one plane
// of eight bits would leave 1e-5 to 1e-4. A query with one element some hundred times the rest errs
// by up to 5e-6, as all its elements are rounded by the largest.
//
// Scores put four tokens' rows side by side in one register, 16 bytes of each, so that a sum stays
// within its 128 bits and four heads are reduced together. Values are woven so that the four bytes
// of a 32-bit lane are one column of four tokens.
//
// Operations per token and query head at head_dim 128: 4 products of 64 bytes for the score, 4 for
// the values, where decode_body.h needs 16 FMAs and their conversions.
//
// Measured on 2 cores of a Zen 5 EPYC, 16 sequences of 2,048 tokens, 32 query heads on 8 KV heads,
// cycles at 4 GHz per token and KV head, from memory and from cache.
//   decode_body.h                                       59   52
//   byte products                                       43   37
//   queries prepared by lanes, prefetches without loops 40   32
// The floor of the products alone is 16.
//
// On one core of a Zen 4 EPYC, which begins one 512-bit product a cycle where Zen 5 begins two, so
// that their floor is 32; at 3.66 GHz and from cache.
//   tiles of 64 tokens, all KV heads of a tile in turn       63
//   tiles of 128: what is done once a tile is a fifth        58
//   high nibbles of values in place, low ones by subtraction 53

enum {
  /// Query heads that go together.
  KV_BLOCK_HEADS = 4,
  /// The largest magnitude of a whole number: 127 * 256 + 127.
  KV_WHOLE_LIMIT = 32639,
};

/// Four query heads, or fewer. Vectors hold [quarter][head]: lane `4 * quarter + head`.
typedef struct block_state {
  /// [head][piece][low, high nibble][high, low plane][16].
  int8_t *queries;
  /// Weighted values: [head][piece][low, high nibble][16].
  float *sums;
  /// Running maximum; sum of weights and of weight * zero of V, per quarter.
  lanes largest, weight, zeros;
  /// What one unit of a whole query is worth, and the query's sum.
  lanes unit, query_sum;
} block_state;

/// Pieces of 16 bytes that a row of codes is read in; the last may be half a piece.
KV_INLINE int64_t piece_count(int64_t half) { return (half + 15) / 16; }

/// A quarter's lanes for all four.
KV_INLINE lanes each_quarter(const float four[KV_BLOCK_HEADS]) {
  return _mm512_broadcast_f32x4(_mm_loadu_ps(four));
}

/// The largest of each head over the quarters, in all of them.
KV_INLINE lanes largest_of_quarters(lanes a) {
  a = lanes_max(a, _mm512_shuffle_f32x4(a, a, 0x4E));
  return lanes_max(a, _mm512_shuffle_f32x4(a, a, 0xB1));
}

KV_INLINE lanes sum_of_quarters(lanes a) {
  a = lanes_add(a, _mm512_shuffle_f32x4(a, a, 0x4E));
  return lanes_add(a, _mm512_shuffle_f32x4(a, a, 0xB1));
}

/// One query as whole numbers in the order in which rows hold their codes.
///
/// The sum is that of the whole numbers, not of the query: with it a score is the rounded query
/// times the key as it was read back, and rounding counts as much as the key's elements, not as
/// its codes, which outlier channels make far larger.
static void store_query(
    const float *row, int64_t half, int8_t *to, float *unit, float *query_sum) {
  lanes largest = lanes_zero();
  __m512i sum = _mm512_setzero_si512();
  for (int64_t i = 0; i < 2 * half; i += LANES) {
    largest = lanes_max(largest, _mm512_abs_ps(lanes_load(row + i)));
  }
  const float most = lanes_largest(largest);
  *unit = most / KV_WHOLE_LIMIT;
  const lanes inverse = lanes_all(most > 0 ? KV_WHOLE_LIMIT / most : 0);
  for (int64_t i = 0; i < half; i += 16) {
    for (int64_t nibble = 0; nibble < 2; nibble++, to += 32) {
      const lanes x = lanes_load_first(row + nibble * half + i, mask_first(half - i));
      const __m512i v = _mm512_cvtps_epi32(lanes_mul(x, inverse));
      sum = _mm512_add_epi32(sum, v);
      const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(v, _mm512_set1_epi32(128)), 8);
      _mm_storeu_si128((__m128i *)(void *)to, _mm512_cvtepi32_epi8(high));
      // The low byte of `v` is what it has beyond 256 `high`.
      _mm_storeu_si128((__m128i *)(void *)(to + 16), _mm512_cvtepi32_epi8(v));
    }
  }
  *query_sum = (float)_mm512_reduce_add_epi32(sum) * *unit;
}

static void begin_block(
    const kv_shape *shape, const float *queries, int64_t heads, block_state *s) {
  const int64_t dim = shape->head_dim, half = dim / 2, pieces = piece_count(half);
  float unit[KV_BLOCK_HEADS] = {0}, query_sum[KV_BLOCK_HEADS] = {0};
  for (int64_t head = 0; head < heads; head++) {
    store_query(
        queries + head * dim, half, s->queries + head * pieces * 64, &unit[head],
        &query_sum[head]);
  }
  memset(s->sums, 0, (size_t)(heads * pieces * 32) * sizeof(float));
  s->largest = lanes_all(-INFINITY);
  s->weight = s->zeros = lanes_zero();
  s->unit = each_quarter(unit);
  s->query_sum = each_quarter(query_sum);
}

/// 16 bytes of four rows side by side; a tail has 8, and zeros behind them.
KV_INLINE __m512i four_rows(const uint8_t *const *rows, int64_t at, const bool is_tail) {
  __m128i part[4];
  for (int i = 0; i < 4; i++) {
    const __m128i *from = (const __m128i *)(const void *)(rows[i] + at);
    part[i] = is_tail ? _mm_loadl_epi64(from) : _mm_loadu_si128(from);
  }
  __m512i all = _mm512_zextsi128_si512(part[0]);
  all = _mm512_mask_broadcast_i32x4(all, 0x00F0, part[1]);
  all = _mm512_mask_broadcast_i32x4(all, 0x0F00, part[2]);
  return _mm512_mask_broadcast_i32x4(all, 0xF000, part[3]);
}

KV_INLINE __m512i low_nibbles(__m512i bytes) {
  return _mm512_and_si512(bytes, _mm512_set1_epi8(15));
}
KV_INLINE __m512i high_nibbles(__m512i bytes) {
  return _mm512_and_si512(_mm512_srli_epi16(bytes, 4), _mm512_set1_epi8(15));
}

/// One piece of eight rows against `heads` queries: sums[head][rows 0-3, 4-7][plane].
KV_INLINE void score_piece(
    const int heads, const bool is_tail, const block_state *s, const uint8_t *const *rows,
    int64_t offset, int64_t piece, int64_t pieces, __m512i sums[KV_BLOCK_HEADS][2][2]) {
  __m512i codes[2][2];
#pragma clang loop unroll(full)
  for (int g = 0; g < 2; g++) {
    const __m512i bytes = four_rows(rows + 4 * g, offset + 16 * piece, is_tail);
    codes[g][0] = low_nibbles(bytes);
    codes[g][1] = high_nibbles(bytes);
  }
#pragma clang loop unroll(full)
  for (int h = 0; h < heads; h++) {
    const int8_t *q = s->queries + (h * pieces + piece) * 64;
#pragma clang loop unroll(full)
    for (int part = 0; part < 4; part++) {
      const __m512i whole = _mm512_broadcast_i32x4(
          _mm_loadu_si128((const __m128i *)(const void *)(q + 16 * part)));
      for (int g = 0; g < 2; g++) {
        sums[h][g][part % 2] =
            _mm512_dpbusd_epi32(sums[h][g][part % 2], codes[g][part / 2], whole);
      }
    }
  }
}

/// The sums of 4 lanes within each quarter for four heads: [quarter][head].
KV_INLINE __m512i reduce_heads(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

/// Products of eight keys with `heads` queries, as whole numbers in floats: [token][head].
KV_INLINE void score_eight(
    const int heads, const block_state *s, const uint8_t *const *rows, int64_t offset,
    int64_t half, float *scores) {
  const int64_t pieces = piece_count(half), whole = half / 16;
  __m512i sums[KV_BLOCK_HEADS][2][2];
#pragma clang loop unroll(full)
  for (int h = 0; h < KV_BLOCK_HEADS; h++) {
    for (int g = 0; g < 2; g++) sums[h][g][0] = sums[h][g][1] = _mm512_setzero_si512();
  }
  for (int64_t piece = 0; piece < whole; piece++) {
    score_piece(heads, false, s, rows, offset, piece, pieces, sums);
  }
  if (whole < pieces) score_piece(heads, true, s, rows, offset, whole, pieces, sums);
#pragma clang loop unroll(full)
  for (int g = 0; g < 2; g++) {
    __m512i all[KV_BLOCK_HEADS];
    for (int h = 0; h < KV_BLOCK_HEADS; h++) {
      all[h] = _mm512_add_epi32(_mm512_slli_epi32(sums[h][g][0], 8), sums[h][g][1]);
    }
    lanes_store(
        scores + 16 * g, _mm512_cvtepi32_ps(reduce_heads(all[0], all[1], all[2], all[3])));
  }
}

/// Lane `4 * token + head` of a vector takes the metadata of token `first + token`.
KV_INLINE lanes each_head(const float *metadata, int64_t first) {
  const __m512i index = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  return _mm512_permutexvar_ps(
      index, _mm512_castps128_ps512(_mm_loadu_ps(metadata + first)));
}

/// Scores of a tile into weights times the scales of V, still floats. Returns the factor that the
/// tile puts on everything before it; `top` takes the largest magnitude of what is left in
/// `scores`.
KV_INLINE lanes weigh_block(
    block_state *s, const kv_walk *walk, float soft_cap, float *scores,
    lanes *top) {
  const int64_t count = walk->tile->count;
  lanes largest = s->largest;
  for (int64_t token = 0; token < count; token += 4) {
    const lanes scale = lanes_mul(each_head(walk->metadata[0], token), s->unit);
    const lanes zero = lanes_mul(each_head(walk->metadata[1], token), s->query_sum);
    lanes x = lanes_fma(lanes_load(scores + 4 * token), scale, zero);
    if (soft_cap > 0) x = lanes_soft_cap(x, soft_cap);
    if (token + 4 > count) {
      x = _mm512_mask_mov_ps(
          lanes_all(-INFINITY), mask_first(4 * (count - token)), x);
    }
    largest = lanes_max(largest, x);
    lanes_store(scores + 4 * token, x);
  }
  largest = largest_of_quarters(largest);
  const lanes decay = lanes_exp(lanes_sub(s->largest, largest));
  s->largest = largest;
  lanes weight = lanes_mul(s->weight, decay), zeros = lanes_mul(s->zeros, decay);
  lanes most = lanes_zero();
  for (int64_t token = 0; token < count; token += 4) {
    const lanes p = lanes_exp(lanes_sub(lanes_load(scores + 4 * token), largest));
    const lanes w = lanes_mul(p, each_head(walk->metadata[2], token));
    weight = lanes_add(weight, p);
    zeros = lanes_fma(p, each_head(walk->metadata[3], token), zeros);
    most = lanes_max(most, _mm512_abs_ps(w));
    lanes_store(scores + 4 * token, w);
  }
  s->weight = weight;
  s->zeros = zeros;
  *top = largest_of_quarters(most);
  return decay;
}

/// Weights as whole numbers: for each four tokens 32 bytes, [high, low plane][head][token].
KV_INLINE void store_weights(
    const float *scores, int64_t count, lanes inverse, uint8_t *to) {
  // Bytes 1 (high) and 0 (low) of lane 4 * token + head.
  uint8_t order[64] = {0};
  for (int plane = 0; plane < 2; plane++) {
    for (int head = 0; head < 4; head++) {
      for (int token = 0; token < 4; token++) {
        order[16 * plane + 4 * head + token] = (uint8_t)(4 * (4 * token + head) + 1 - plane);
      }
    }
  }
  const __m512i index = _mm512_loadu_si512(order);
  for (int64_t token = 0; token < count; token += 4, to += 32) {
    const __m512i v =
        _mm512_cvtps_epi32(lanes_mul(lanes_load(scores + 4 * token), inverse));
    const __m512i high = _mm512_add_epi32(v, _mm512_set1_epi32(128));
    // Bits of `v` below 256, of `high` above.
    const __m512i both =
        _mm512_ternarylogic_epi32(_mm512_set1_epi32(255), v, high, 0xCA);
    _mm256_storeu_si256(
        (__m256i *)(void *)to,
        _mm512_castsi512_si256(_mm512_permutexvar_epi8(index, both)));
  }
}

/// Adds the weighted values of a tile to one piece of `heads` sums.
KV_INLINE void add_piece(
    const int heads, const bool is_tail, const block_state *s, kv_walk *walk,
    const uint8_t *weights, lanes decay, lanes unit, int64_t piece, int64_t pieces) {
  uint8_t order[64];
  for (int column = 0; column < 16; column++) {
    for (int token = 0; token < 4; token++) {
      order[4 * column + token] = (uint8_t)(16 * token + column);
    }
  }
  const __m512i weave = _mm512_loadu_si512(order);
  __m512i sums[KV_BLOCK_HEADS][2][2];
#pragma clang loop unroll(full)
  for (int h = 0; h < heads; h++) {
    for (int i = 0; i < 4; i++) sums[h][i / 2][i % 2] = _mm512_setzero_si512();
  }
  const int64_t offset = walk->values + 16 * piece;
  for (int64_t token = 0; token < walk->tile->count; token += 4) {
    const __m512i bytes = _mm512_permutexvar_epi8(
        weave, four_rows(walk->tile->keys + token, offset, is_tail));
    // Sixteen times the high nibbles, and bytes as they are: what low nibbles add up to follows.
    const __m512i high = _mm512_and_si512(bytes, _mm512_set1_epi8((char)0xF0));
    const int32_t *w = (const int32_t *)(const void *)(weights + 8 * token);
#pragma clang loop unroll(full)
    for (int h = 0; h < heads; h++) {
      for (int plane = 0; plane < 2; plane++) {
        const __m512i all = _mm512_set1_epi32(w[4 * plane + h]);
        sums[h][0][plane] = _mm512_dpbusd_epi32(sums[h][0][plane], bytes, all);
        sums[h][1][plane] = _mm512_dpbusd_epi32(sums[h][1][plane], high, all);
      }
    }
  }
#pragma clang loop unroll(full)
  for (int h = 0; h < heads; h++) {
    const __m512i head = _mm512_set1_epi32(h);
    const lanes decays = _mm512_permutexvar_ps(head, decay);
    const lanes units = _mm512_permutexvar_ps(head, unit);
    float *to = s->sums + (h * pieces + piece) * 32;
    __m512i all[2];
    for (int i = 0; i < 2; i++) {
      all[i] = _mm512_add_epi32(_mm512_slli_epi32(sums[h][i][0], 8), sums[h][i][1]);
    }
    const lanes low = _mm512_cvtepi32_ps(_mm512_sub_epi32(all[0], all[1]));
    const lanes high = lanes_mul(_mm512_cvtepi32_ps(all[1]), lanes_all(1.0f / 16));
    lanes_store(to, lanes_fma(low, units, lanes_mul(lanes_load(to), decays)));
    lanes_store(to + 16, lanes_fma(high, units, lanes_mul(lanes_load(to + 16), decays)));
  }
}

/// One KV head's rows for one block of its query heads.
KV_INLINE void attend_block(
    const int heads, block_state *s, kv_walk *walk, int64_t half, float soft_cap) {
  float scores[KV_BLOCK_HEADS * KV_TILE];
  uint8_t weights[8 * KV_TILE];
  const int64_t pieces = piece_count(half), whole = half / 16, count = walk->tile->count;
  for (int64_t token = 0; token < count; token += 8) {
    kv_walk_ask(walk, 8);
    score_eight(heads, s, walk->tile->keys + token, walk->keys, half, scores + 4 * token);
  }
  lanes top;
  const lanes decay = weigh_block(s, walk, soft_cap, scores, &top);
  top = lanes_max(top, lanes_all(1e-30f));
  const lanes limit = lanes_all(KV_WHOLE_LIMIT);
  store_weights(scores, count, lanes_div(limit, top), weights);
  const lanes unit = lanes_div(top, limit);
  for (int64_t piece = 0; piece < whole; piece++) {
    kv_walk_ask(walk, (count + pieces - 1) / pieces);
    add_piece(heads, false, s, walk, weights, decay, unit, piece, pieces);
  }
  if (whole < pieces) {
    kv_walk_ask(walk, (count + pieces - 1) / pieces);
    add_piece(heads, true, s, walk, weights, decay, unit, whole, pieces);
  }
}

static void attend_heads(
    int64_t heads, block_state *s, kv_walk *walk, int64_t half, float soft_cap) {
  switch (heads) {
    case 4: attend_block(4, s, walk, half, soft_cap); break;
    case 3: attend_block(3, s, walk, half, soft_cap); break;
    case 2: attend_block(2, s, walk, half, soft_cap); break;
    default: attend_block(1, s, walk, half, soft_cap); break;
  }
}

static void end_block(const block_state *s, int64_t heads, int64_t dim, float *partial) {
  const int64_t half = dim / 2, pieces = piece_count(half);
  float largest[16], weight[16], zeros[16];
  lanes_store(largest, s->largest);
  lanes_store(weight, sum_of_quarters(s->weight));
  lanes_store(zeros, sum_of_quarters(s->zeros));
  for (int64_t head = 0; head < heads; head++, partial += dim + 2) {
    partial[0] = largest[head];
    partial[1] = weight[head];
    const lanes zero = lanes_all(zeros[head]);
    for (int64_t piece = 0; piece < pieces; piece++) {
      const lane_mask m = mask_first(half - piece * 16);
      const float *from = s->sums + (head * pieces + piece) * 32;
      float *to = partial + 2 + piece * 16;
      lanes_store_first(to, lanes_add(lanes_load(from), zero), m);
      lanes_store_first(to + half, lanes_add(lanes_load(from + 16), zero), m);
    }
  }
}

static void decode_codes_span(const kv_decode *call, const kv_span *span, float *scratch) {
  const kv_shape *shape = &call->shape;
  const int64_t heads = shape->group_size, dim = shape->head_dim, half = dim / 2;
  const int64_t pieces = piece_count(half), blocks = (heads + 3) / KV_BLOCK_HEADS;
  // Vectors lie at whole cache lines; `kv_decode_scratch_count` has one to spare.
  scratch = (float *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
  block_state *states = (block_state *)(void *)scratch;
  float *room = scratch
      + span->kv_heads * blocks * (int64_t)(sizeof *states / sizeof *scratch);
  for (int64_t i = 0; i < span->kv_heads * blocks; i++) {
    block_state *s = &states[i];
    const int64_t kv_head = span->kv_head + i / blocks;
    const int64_t first = i % blocks * KV_BLOCK_HEADS, count = kv_min(4, heads - first);
    const int64_t query = (span->sequence * shape->kv_heads + kv_head) * heads + first;
    s->sums = room;
    s->queries = (int8_t *)(void *)(room + KV_BLOCK_HEADS * pieces * 32);
    room += KV_BLOCK_HEADS * pieces * 48;
    begin_block(shape, call->turned + query * dim, count, s);
  }
  kv_walk walk;
  kv_walk_begin(&walk, call, span, 2 * blocks);
  do {
    const int64_t i = walk.index;
    KERNEL(read_metadata)(walk.metadata, shape, walk.tile, span->kv_head + i);
    for (int64_t block = 0; block < blocks; block++) {
      attend_heads(
          kv_min(4, heads - block * KV_BLOCK_HEADS), &states[i * blocks + block], &walk, half,
          call->soft_cap);
    }
  } while (kv_walk_next(&walk));
  for (int64_t i = 0; i < span->kv_heads * blocks; i++) {
    const int64_t head = i % blocks * KV_BLOCK_HEADS;
    end_block(
        &states[i], kv_min(4, heads - head), dim,
        kv_partial(call, span, span->kv_head + i / blocks, head));
  }
}

void kv_decode_codes_vnni(
    const kv_decode *call, int64_t first, int64_t last, float *scratch) {
  for (int64_t i = first; i < last; i++) decode_codes_span(call, &call->spans[i], scratch);
}
