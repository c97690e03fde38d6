// The kernels in plain C: one loop per sum, no tiles, no lanes. This is what the other paths are
// held against, and what runs where no other path exists.
//
// Bytes and operations are those of the operators (OperatorShape.swift); no floor is claimed.

#include "kernels.h"

/// Stages run from stride 1 up in every path, so that all round alike.
static void rotate_row(float *row, int64_t head_dim, int64_t order) {
  const float norm = 1.0f / sqrtf((float)order);
  for (int64_t start = 0; start < head_dim; start += order) {
    float *x = row + start;
    for (int64_t stride = 1; stride < order; stride *= 2) {
      for (int64_t i = 0; i < order; i++) {
        if (i & stride) continue;
        const float a = x[i], b = x[i + stride];
        x[i] = a + b;
        x[i + stride] = a - b;
      }
    }
    for (int64_t i = 0; i < order; i++) x[i] *= norm;
  }
}

static void rotate_scalar(float *vectors, int64_t rows, int64_t head_dim, int64_t order) {
  for (int64_t i = 0; i < rows; i++) rotate_row(vectors + i * head_dim, head_dim, order);
}

/// The scale and zero of one vector, as stored and as read back.
typedef struct quantiser {
  uint16_t scale_bits, zero_bits;
  float zero, inverse_scale;
} quantiser;

/// Codes are computed against the rounded scale and zero, so that reading back errs by half a
/// step and not by the rounding of the metadata too.
static quantiser quantiser_for(float minimum, float maximum) {
  const float limit = 65504.0f;
  const float zero = minimum < -limit ? -limit : minimum > limit ? limit : minimum;
  const float scale = (maximum - minimum) / 15.0f;
  quantiser q;
  q.scale_bits = kv_float_to_half(scale > limit ? limit : scale);
  // Adding zero turns -0 into +0: which of the two a minimum yields depends on its order.
  q.zero_bits = kv_float_to_half(zero + 0.0f);
  q.zero = kv_half_to_float(q.zero_bits);
  const float rounded = kv_half_to_float(q.scale_bits);
  q.inverse_scale = rounded > 0 ? 1.0f / rounded : 0.0f;
  return q;
}

static uint8_t code_of(float x, quantiser q) {
  const float code = rintf((x - q.zero) * q.inverse_scale);
  return (uint8_t)(code < 0 ? 0 : code > 15 ? 15 : code);
}

static void append_row(
    const kv_shape *shape, uint8_t *to, uint16_t *metadata, const float *from,
    int64_t rotation) {
  const int64_t dim = shape->head_dim, half = dim / 2;
  float x[KV_MAX_HEAD_DIM];
  memcpy(x, from, (size_t)dim * sizeof *x);
  if (rotation > 0) rotate_row(x, dim, rotation);
  if (shape->bits == 16) {
    for (int64_t i = 0; i < dim; i++) ((uint16_t *)(void *)to)[i] = kv_float_to_half(x[i]);
    return;
  }
  float low = x[0], high = x[0];
  for (int64_t i = 1; i < dim; i++) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  const quantiser q = quantiser_for(low, high);
  metadata[0] = q.scale_bits;
  metadata[shape->block_size] = q.zero_bits;
  for (int64_t i = 0; i < half; i++) {
    to[i] = (uint8_t)(code_of(x[i], q) | code_of(x[half + i], q) << 4);
  }
}

static void append_scalar(const kv_append *call, int64_t first, int64_t last) {
  const kv_shape *shape = &call->shape;
  for (int64_t token = first; token < last; token++) {
    const int64_t page = call->slots[token] / shape->block_size;
    const int64_t offset = call->slots[token] % shape->block_size;
    for (int64_t head = 0; head < shape->kv_heads; head++) {
      const kv_place place = kv_locate(shape, call->pages, page, offset, head);
      const int64_t row = (token * shape->kv_heads + head) * shape->head_dim;
      append_row(shape, place.key, place.metadata, call->keys + row, shape->key_rotation);
      append_row(
          shape, place.value, place.metadata + 2 * shape->block_size, call->values + row,
          shape->value_rotation);
    }
  }
}

/// Reads one row back as floats.
static void expand_row(
    const kv_shape *shape, const uint8_t *row, const uint16_t *metadata, float *to) {
  const int64_t dim = shape->head_dim, half = dim / 2;
  if (shape->bits == 16) {
    const uint16_t *elements = (const uint16_t *)(const void *)row;
    for (int64_t i = 0; i < dim; i++) to[i] = kv_half_to_float(elements[i]);
    return;
  }
  const float scale = kv_half_to_float(metadata[0]);
  const float zero = kv_half_to_float(metadata[shape->block_size]);
  for (int64_t i = 0; i < half; i++) {
    to[i] = zero + scale * (float)(row[i] & 15);
    to[half + i] = zero + scale * (float)(row[i] >> 4);
  }
}

static void gather_scalar(const kv_gather *call, int64_t first, int64_t last) {
  const kv_shape *shape = &call->shape;
  const int64_t size = shape->block_size, dim = shape->head_dim;
  for (int64_t token = first; token < last; token++) {
    for (int64_t head = 0; head < shape->kv_heads; head++) {
      const kv_place place =
          kv_locate(shape, call->pages, call->table[token / size], token % size, head);
      float *key = call->keys + (token * shape->kv_heads + head) * dim;
      float *value = call->values + (token * shape->kv_heads + head) * dim;
      expand_row(shape, place.key, place.metadata, key);
      expand_row(shape, place.value, place.metadata + 2 * size, value);
      if (shape->key_rotation > 0) rotate_row(key, dim, shape->key_rotation);
      if (shape->value_rotation > 0) rotate_row(value, dim, shape->value_rotation);
    }
  }
}

/// A query as attention multiplies it: scaled and rotated.
static void turn_row(const kv_shape *shape, const float *query, float *to) {
  const float scale = 1.0f / sqrtf((float)shape->head_dim);
  for (int64_t i = 0; i < shape->head_dim; i++) to[i] = query[i] * scale;
  if (shape->key_rotation > 0) rotate_row(to, shape->head_dim, shape->key_rotation);
}

static void turn_scalar(const kv_decode *call, int64_t first, int64_t last) {
  const int64_t heads = call->shape.group_size, dim = call->shape.head_dim;
  for (int64_t row = first * heads; row < last * heads; row++) {
    turn_row(&call->shape, call->queries + row * dim, call->turned + row * dim);
  }
}

/// A running softmax sum: maximum, sum of weights, then the weighted values.
static void attend(
    const kv_shape *shape, const uint8_t *pages, const int32_t *table, int64_t kv_head,
    int64_t first, int64_t last, float soft_cap, const float *turned, float *partial) {
  const int64_t dim = shape->head_dim;
  float row[KV_MAX_HEAD_DIM];
  float largest = -INFINITY, weight = 0, *sums = partial + 2;
  memset(sums, 0, (size_t)dim * sizeof *sums);
  for (int64_t token = first; token < last; token++) {
    const int64_t page = table[token / shape->block_size];
    const kv_place place =
        kv_locate(shape, pages, page, token % shape->block_size, kv_head);
    expand_row(shape, place.key, place.metadata, row);
    float score = 0;
    for (int64_t i = 0; i < dim; i++) score += turned[i] * row[i];
    if (soft_cap > 0) score = soft_cap * tanhf(score / soft_cap);
    if (score > largest) {
      const float decay = expf(largest - score);
      largest = score;
      weight *= decay;
      for (int64_t i = 0; i < dim; i++) sums[i] *= decay;
    }
    const float p = expf(score - largest);
    weight += p;
    expand_row(shape, place.value, place.metadata + 2 * shape->block_size, row);
    for (int64_t i = 0; i < dim; i++) sums[i] += p * row[i];
  }
  partial[0] = largest;
  partial[1] = weight;
}

static void decode_scalar(const kv_decode *call, int64_t first, int64_t last, float *scratch) {
  (void)scratch;
  const kv_shape *shape = &call->shape;
  for (const kv_span *span = call->spans + first; span < call->spans + last; span++) {
    const int32_t *table = call->tables + span->sequence * call->table_stride;
    for (int64_t i = 0; i < span->kv_heads * shape->group_size; i++) {
      const int64_t kv_head = span->kv_head + i / shape->group_size;
      const int64_t head = i % shape->group_size;
      const int64_t row =
          (span->sequence * shape->kv_heads + kv_head) * shape->group_size + head;
      attend(
          shape, call->pages, table, kv_head, span->first_token, span->last_token,
          call->soft_cap, call->turned + row * shape->head_dim,
          kv_partial(call, span, kv_head, head));
    }
  }
}

/// Weighted values over their weight, turned back.
static void finish_output(
    const kv_shape *shape, const float *sums, float weight, float *out) {
  for (int64_t i = 0; i < shape->head_dim; i++) out[i] = sums[i] / weight;
  if (shape->value_rotation > 0) rotate_row(out, shape->head_dim, shape->value_rotation);
}

/// Joins the partials of one query head (see merge_body.h).
static void join(
    const kv_decode *call, int64_t sequence, int64_t kv_head, int64_t head, float *out) {
  const int64_t dim = call->shape.head_dim;
  float largest = -INFINITY, weight = 0;
  for (int64_t i = call->span_starts[sequence]; i < call->span_starts[sequence + 1]; i++) {
    const float *p = kv_partial(call, &call->spans[i], kv_head, head);
    if (p != NULL) largest = fmaxf(largest, p[0]);
  }
  memset(out, 0, (size_t)dim * sizeof *out);
  for (int64_t i = call->span_starts[sequence]; i < call->span_starts[sequence + 1]; i++) {
    const float *p = kv_partial(call, &call->spans[i], kv_head, head);
    if (p == NULL) continue;
    const float share = expf(p[0] - largest);
    weight += share * p[1];
    for (int64_t e = 0; e < dim; e++) out[e] += share * p[2 + e];
  }
  finish_output(&call->shape, out, weight, out);
}

static void merge_scalar(const kv_decode *call, int64_t first, int64_t last) {
  const int64_t kv_heads = call->shape.kv_heads, heads = call->shape.group_size;
  for (int64_t pair = first; pair < last; pair++) {
    for (int64_t head = 0; head < heads; head++) {
      join(
          call, pair / kv_heads, pair % kv_heads, head,
          call->outputs + (pair * heads + head) * call->shape.head_dim);
    }
  }
}

static void prefill_scalar(
    const kv_prefill *call, int64_t first, int64_t last, float *scratch) {
  (void)scratch;
  const kv_shape *shape = &call->shape;
  const int64_t heads = shape->group_size, dim = shape->head_dim;
  const int64_t blocks = (call->tokens + call->tokens_per_item - 1) / call->tokens_per_item;
  for (int64_t item = first; item < last; item++) {
    const int64_t kv_head = item % shape->kv_heads;
    const int64_t start = (blocks - 1 - item / shape->kv_heads) * call->tokens_per_item;
    const int64_t end = kv_min(start + call->tokens_per_item, call->tokens);
    for (int64_t token = start; token < end; token++) {
      const int64_t seen = call->prefix + token + 1;
      const int64_t key = call->window > 0 ? kv_max(0, seen - call->window) : 0;
      for (int64_t head = 0; head < heads; head++) {
        const int64_t row = (token * shape->kv_heads + kv_head) * heads + head;
        float partial[KV_MAX_HEAD_DIM + 2], turned[KV_MAX_HEAD_DIM];
        turn_row(shape, call->queries + row * dim, turned);
        attend(
            shape, call->pages, call->table, kv_head, key, seen, call->soft_cap, turned,
            partial);
        finish_output(shape, partial + 2, partial[1], call->outputs + row * dim);
      }
    }
  }
}

static void linear_rows_scalar(const kv_linear *call, int64_t first, int64_t last) {
  for (int64_t output = first; output < last; output++) {
    const uint16_t *w = call->w + output * call->inputs;
    for (int64_t token = 0; token < call->tokens; token++) {
      const float *x = call->x + token * call->inputs;
      float sum = 0;
      for (int64_t i = 0; i < call->inputs; i++) sum += x[i] * kv_half_to_float(w[i]);
      call->y[token * call->outputs + output] = sum;
    }
  }
}

static void linear_panels_scalar(
    const kv_linear *call, int64_t first, int64_t last, float *scratch) {
  (void)scratch;
  linear_rows_scalar(
      call, first * KV_LINEAR_PANEL, kv_min(last * KV_LINEAR_PANEL, call->outputs));
}

static void rms_norm_scalar(const kv_rms_norm *call, int64_t first, int64_t last) {
  const int64_t width = call->width;
  for (int64_t row = first; row < last; row++) {
    const float *x = call->x + row * width;
    float *to = call->to + row * width, sum = 0;
    for (int64_t i = 0; i < width; i++) sum += x[i] * x[i];
    const float scale = 1.0f / sqrtf(sum / (float)width + call->epsilon);
    for (int64_t i = 0; i < width; i++) to[i] = x[i] * scale * call->weight[i];
  }
}

/// Angles as libm takes them: the other paths have polynomials of their own.
static void rotary_scalar(const kv_rotary *call, int64_t first, int64_t last) {
  const int64_t half = call->head_dim / 2;
  for (int64_t token = first; token < last; token++) {
    for (int64_t i = 0; i < half; i++) {
      const uint64_t turns = call->positions[token] * call->frequencies[i];
      const double angle = (double)(int64_t)turns * (6.283185307179586 * 0x1p-64);
      const float cosine = (float)cos(angle), sine = (float)sin(angle);
      for (int64_t head = 0; head < call->heads; head++) {
        float *x = call->x + (token * call->heads + head) * call->head_dim + i;
        const float a = x[0], b = x[half];
        x[0] = a * cosine - b * sine;
        x[half] = b * cosine + a * sine;
      }
    }
  }
}

static void silu_multiply_scalar(const kv_pairwise *call, int64_t first, int64_t last) {
  for (int64_t i = first; i < last; i++) {
    const float x = fmaxf(call->a[i], -87.0f);
    call->to[i] = x / (1.0f + expf(-x)) * call->b[i];
  }
}

static void add_scalar(const kv_pairwise *call, int64_t first, int64_t last) {
  for (int64_t i = first; i < last; i++) call->to[i] = call->a[i] + call->b[i];
}

static uint64_t read_scalar(const void *memory, int64_t bytes) {
  const uint64_t *p = memory;
  uint64_t sum = 0;
  for (int64_t i = 0; i < bytes / 8; i++) sum += p[i];
  return sum;
}

enum { PEAK_CHAINS = 8 };

static int64_t peak_operations_scalar(void) { return 2 * PEAK_CHAINS; }

static float peak_scalar(int64_t iterations, float factor, float addend) {
  float r[PEAK_CHAINS];
  for (int i = 0; i < PEAK_CHAINS; i++) r[i] = (float)i;
  for (int64_t n = 0; n < iterations; n++) {
    for (int i = 0; i < PEAK_CHAINS; i++) r[i] = r[i] * factor + addend;
  }
  float sum = 0;
  for (int i = 0; i < PEAK_CHAINS; i++) sum += r[i];
  return sum;
}

const kv_kernels kv_scalar_kernels = {
    .append = append_scalar, .rotate = rotate_scalar, .gather = gather_scalar,
    .turn = turn_scalar, .decode = decode_scalar, .merge = merge_scalar, .prefill = prefill_scalar,
    .linear_rows = linear_rows_scalar, .linear_panels = linear_panels_scalar,
    .rms_norm = rms_norm_scalar, .rotary = rotary_scalar, .silu_multiply = silu_multiply_scalar,
    .add = add_scalar,
    .read = read_scalar, .peak = peak_scalar, .peak_operations = peak_operations_scalar,
};
