#include "operators.h"

#include <math.h>
#include <string.h>

float *floats(guarded *blocks, int64_t count) {
  return guarded_new(blocks, (size_t)count * sizeof(float));
}

result result_of(const float *at, int64_t count) {
  const result made = {at, (size_t)count * sizeof *at};
  return made;
}

double result_error(const result *got, const result *expected, bool is_exact) {
  double differing = 0, error = 0, power = 0;
  if (is_exact) {
    const uint8_t *a = got->at, *b = expected->at;
    for (size_t i = 0; i < got->bytes; i++) differing += a[i] != b[i];
    return differing;
  }
  const float *a = got->at, *b = expected->at;
  for (size_t i = 0; i < got->bytes / sizeof *a; i++) {
    if (!isfinite(a[i]) || !isfinite(b[i])) return INFINITY;
    error += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    power += (double)b[i] * b[i];
  }
  return power > 0 ? error / power : error > 0 ? INFINITY : 0;
}

static uint8_t *append(kv_path path, const world *w, guarded *blocks) {
  uint8_t *pages = guarded_new(blocks, (size_t)(w->pages * w->page_bytes));
  const kv_append call = {
      .shape = w->shape, .pages = pages, .slots = w->slots, .keys = w->keys,
      .values = w->values};
  // In two calls, as two steps of an engine would.
  kv_append_tokens(path, &call, 0, w->tokens / 3);
  kv_append_tokens(path, &call, w->tokens / 3, w->tokens);
  return pages;
}

static result run_append(kv_path path, const world *w, generator *r, guarded *blocks) {
  (void)r;
  const result made = {append(path, w, blocks), (size_t)(w->pages * w->page_bytes)};
  return made;
}

uint64_t world_digest(const world *w) {
  guarded blocks = {0};
  const result pages = run_append(KV_PATH_SCALAR, w, NULL, &blocks);
  uint64_t digest = 0xCBF29CE484222325;
  for (size_t i = 0; i < pages.bytes; i++) {
    digest = (digest ^ ((const uint8_t *)pages.at)[i]) * 0x100000001B3;
  }
  guarded_clear(&blocks, 0);
  return digest;
}

static result run_rotate(kv_path path, const world *w, generator *r, guarded *blocks) {
  const int64_t dim = w->shape.head_dim, count = 5 * dim;
  float *rows = floats(blocks, count);
  random_fill(r, rows, count, 1);
  int64_t order = (int64_t)2 << random_below(r, 9);
  while (dim % order != 0) order /= 2;
  kv_rotate(path, rows, 5, dim, order);
  return result_of(rows, count);
}

static result run_gather(kv_path path, const world *w, generator *r, guarded *blocks) {
  const int64_t s = random_below(r, w->sequences), context = w->contexts[s];
  const int64_t count = context * w->shape.kv_heads * w->shape.head_dim;
  // Keys and values in one block, so that one comparison sees both.
  float *made = floats(blocks, 2 * count);
  const kv_gather call = {
      .shape = w->shape, .pages = append(KV_PATH_SCALAR, w, blocks),
      .table = w->tables + s * w->width, .keys = made, .values = made + count};
  const int64_t middle = random_below(r, context + 1);
  kv_gather_tokens(path, &call, 0, middle);
  kv_gather_tokens(path, &call, middle, context);
  return result_of(made, 2 * count);
}

/// Cuts each sequence's KV heads into up to three groups, and each group's tokens into up to three
/// spans, all at random; returns how many spans there are.
static int64_t draw_spans(const world *w, generator *r, kv_span *spans, int64_t *starts) {
  int64_t count = 0, partials = 0;
  *starts++ = 0;
  for (int64_t s = 0; s < w->sequences; s++) {
    const int64_t context = w->contexts[s];
    const bool is_cut = w->window > 0 && w->window < context;
    for (int64_t head = 0, group = 0; head < w->shape.kv_heads; group++) {
      const int64_t left = w->shape.kv_heads - head;
      const int64_t heads = group == 2 ? left : 1 + random_below(r, left);
      int64_t first = is_cut ? context - w->window : 0;
      for (int64_t piece = 0; piece < 3 && first < context; piece++) {
        const int64_t last =
            piece == 2 ? context : first + 1 + random_below(r, context - first);
        spans[count++] = (kv_span){
            .sequence = s, .kv_head = head, .kv_heads = heads, .first_token = first,
            .last_token = last, .first_partial = partials};
        partials += heads;
        first = last;
      }
      head += heads;
    }
    *starts++ = count;
  }
  return count;
}

static result run_decode(kv_path path, const world *w, generator *r, guarded *blocks) {
  const kv_shape *shape = &w->shape;
  const int64_t pairs = w->sequences * shape->kv_heads, heads = pairs * shape->group_size;
  const int64_t count = heads * shape->head_dim;
  float *queries = floats(blocks, count), *outputs = floats(blocks, count);
  float *turned = floats(blocks, count);
  random_fill(r, queries, count, 1);
  kv_span *spans = guarded_new(blocks, (size_t)(9 * w->sequences) * sizeof *spans);
  int64_t *starts = guarded_new(blocks, (size_t)(w->sequences + 1) * sizeof *starts);
  const int64_t span_count = draw_spans(w, r, spans, starts);
  const kv_decode call = {
      .shape = *shape, .soft_cap = w->soft_cap, .pages = append(KV_PATH_SCALAR, w, blocks),
      .tables = w->tables, .table_stride = w->width, .queries = queries, .turned = turned,
      .spans = spans,
      .partials = floats(
          blocks,
          (spans[span_count - 1].first_partial + spans[span_count - 1].kv_heads)
              * shape->group_size * (shape->head_dim + 2)),
      .span_starts = starts, .outputs = outputs};
  float *scratch = floats(blocks, kv_decode_scratch_count(shape, shape->kv_heads));
  kv_decode_turn(path, &call, 0, w->sequences * w->shape.kv_heads);
  kv_decode_spans(path, &call, 0, span_count, scratch);
  kv_decode_merge(path, &call, 0, pairs);
  return result_of(outputs, count);
}

static result run_prefill(kv_path path, const world *w, generator *r, guarded *blocks) {
  static const int64_t chunks[] = {1, 2, 5, 16, 33};
  const kv_shape *shape = &w->shape;
  const int64_t s = random_below(r, w->sequences), context = w->contexts[s];
  int64_t tokens = chunks[random_below(r, 5)];
  tokens = tokens < context ? tokens : context;
  const int64_t count = tokens * shape->kv_heads * shape->group_size * shape->head_dim;
  float *queries = floats(blocks, count), *outputs = floats(blocks, count);
  random_fill(r, queries, count, 1);
  const kv_prefill call = {
      .shape = *shape, .soft_cap = w->soft_cap, .window = w->window,
      .pages = append(KV_PATH_SCALAR, w, blocks), .table = w->tables + s * w->width,
      .prefix = context - tokens, .tokens = tokens, .queries = queries, .outputs = outputs,
      .tokens_per_item = 1 + random_below(r, tokens)};
  float *scratch = floats(blocks, kv_prefill_scratch_count(&call));
  kv_prefill_items(path, &call, 0, kv_prefill_item_count(&call), scratch);
  return result_of(outputs, count);
}

/// Both linear kernels take their shapes from `r` alone; half weights are finite.
static kv_linear draw_linear(generator *r, guarded *blocks, int64_t most_tokens) {
  kv_linear call = {
      .tokens = 1 + random_below(r, most_tokens), .outputs = 1 + random_below(r, 200),
      .inputs = 1 + random_below(r, 600)};
  float *x = floats(blocks, call.tokens * call.inputs);
  uint16_t *w = guarded_new(blocks, (size_t)(call.outputs * call.inputs) * sizeof *w);
  random_fill(r, x, call.tokens * call.inputs, 1);
  for (int64_t i = 0; i < call.outputs * call.inputs; i++) {
    // Magnitudes from 2^-14 to 2, subnormal ones now and then.
    const uint16_t bits = (uint16_t)random_next(r);
    w[i] = (uint16_t)((bits & 0x8000) | (bits & 0x7FFF) % 0x4000);
  }
  call.x = x;
  call.w = w;
  call.y = floats(blocks, call.tokens * call.outputs);
  return call;
}

static result run_linear_rows(kv_path path, const world *w, generator *r, guarded *blocks) {
  (void)w;
  const kv_linear call = draw_linear(r, blocks, 9);
  const int64_t middle = call.outputs / 2;
  kv_linear_rows(path, &call, 0, middle);
  kv_linear_rows(path, &call, middle, call.outputs);
  return result_of(call.y, call.tokens * call.outputs);
}

static result run_linear_panels(kv_path path, const world *w, generator *r, guarded *blocks) {
  (void)w;
  kv_linear call = draw_linear(r, blocks, 20);
  call.packed_x = floats(blocks, call.tokens * call.inputs);
  kv_linear_pack(&call, 0, call.tokens);
  float *scratch = floats(blocks, KV_LINEAR_SCRATCH_COUNT);
  const int64_t panels = (call.outputs + KV_LINEAR_PANEL - 1) / KV_LINEAR_PANEL;
  kv_linear_panels(path, &call, 0, panels, scratch);
  return result_of(call.y, call.tokens * call.outputs);
}

const operator_test operator_tests[OPERATORS] = {
    {.name = "append", .is_exact = true, .makes_pages = true, .run = run_append},
    {.name = "rotate", .is_exact = true, .run = run_rotate},
    {.name = "gather", .most = 1e-12, .run = run_gather},
    {.name = "decode", .most = 1e-9, .most_in_codes = 1e-6, .run = run_decode},
    {.name = "prefill", .most = 1e-9, .run = run_prefill},
    {.name = "linear rows", .most = 1e-9, .run = run_linear_rows},
    {.name = "linear panels", .most = 1e-9, .run = run_linear_panels},
    {.name = "append (hostile)",
     .is_exact = true,
     .is_hostile = true,
     .makes_pages = true,
     .run = run_append},
    {.name = "rms norm", .most = 1e-12, .is_small = true, .run = run_rms_norm},
    {.name = "rotary", .most = 1e-12, .is_small = true, .run = run_rotary},
    {.name = "silu multiply", .most = 1e-12, .is_small = true, .run = run_silu_multiply},
    {.name = "add", .is_exact = true, .is_small = true, .run = run_add},
};
