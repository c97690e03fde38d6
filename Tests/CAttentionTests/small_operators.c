#include "operators.h"

#include <string.h>

/// Around whole vectors of every path, and the widths of models.
static int64_t draw_width(generator *r) {
  static const int64_t widths[] = {1,  2,  3,  7,  8,  9,   15,  16,  17,  31,  32,  33,
                                   63, 64, 65, 80, 96, 128, 129, 255, 896, 1000, 2048};
  const uint64_t count = sizeof widths / sizeof *widths;
  return widths[random_below(r, (int64_t)count)];
}

/// Draws of any magnitude from 2^-40 to 2^40, now and then all zeros.
static float *draw_floats(generator *r, guarded *blocks, int64_t count) {
  float *made = floats(blocks, count);
  const int64_t power = random_below(r, 81);
  float scale = random_below(r, 9) == 0 ? 0 : 0x1p-40f;
  for (int64_t i = 0; i < power; i++) scale *= 2;
  random_fill(r, made, count, scale);
  return made;
}

/// A new output, or, so that both are tried, the input itself.
static float *draw_output(generator *r, guarded *blocks, float *input, int64_t count) {
  return random_below(r, 2) == 0 ? input : floats(blocks, count);
}

result run_rms_norm(kv_path path, const world *w, generator *r, guarded *blocks) {
  (void)w;
  const int64_t rows = 1 + random_below(r, 9), width = draw_width(r);
  float *x = draw_floats(r, blocks, rows * width), *weight = floats(blocks, width);
  random_fill(r, weight, width, 1);
  const kv_rms_norm call = {
      .width = width, .epsilon = random_below(r, 2) == 0 ? 1e-5f : 1e-6f, .x = x,
      .weight = weight, .to = draw_output(r, blocks, x, rows * width)};
  const int64_t middle = random_below(r, rows + 1);
  kv_rms_norm_rows(path, &call, 0, middle);
  kv_rms_norm_rows(path, &call, middle, rows);
  return result_of(call.to, rows * width);
}

result run_rotary(kv_path path, const world *w, generator *r, guarded *blocks) {
  (void)w;
  const int64_t tokens = 1 + random_below(r, 9), heads = 1 + random_below(r, 9);
  const int64_t half = 8 * (1 + random_below(r, KV_MAX_HEAD_DIM / 16));
  const int64_t count = tokens * heads * 2 * half;
  float *x = draw_floats(r, blocks, count);
  uint32_t *positions = guarded_new(blocks, (size_t)tokens * sizeof *positions);
  uint64_t *frequencies = guarded_new(blocks, (size_t)half * sizeof *frequencies);
  // Any whole numbers are angles: of small positions, of large ones, and at the ends of quarters.
  for (int64_t i = 0; i < tokens; i++) {
    positions[i] = (uint32_t)(random_next(r) >> (32 + random_below(r, 32)));
  }
  for (int64_t i = 0; i < half; i++) {
    frequencies[i] = random_next(r) >> random_below(r, 40);
    if (random_below(r, 4) == 0) frequencies[i] = (uint64_t)random_below(r, 8) << 61;
    if (random_below(r, 9) == 0) frequencies[i] -= 1;
  }
  const kv_rotary call = {
      .heads = heads, .head_dim = 2 * half, .x = x, .positions = positions,
      .frequencies = frequencies};
  const int64_t middle = random_below(r, tokens + 1);
  kv_rotary_tokens(path, &call, 0, middle);
  kv_rotary_tokens(path, &call, middle, tokens);
  return result_of(x, count);
}

/// Runs one of the two in two calls.
static result run_pairwise(
    void (*run)(kv_path, const kv_pairwise *, int64_t, int64_t), kv_path path, generator *r,
    guarded *blocks, float *a, float *b, int64_t count) {
  const kv_pairwise call = {.a = a, .b = b, .to = draw_output(r, blocks, a, count)};
  const int64_t middle = random_below(r, count + 1);
  run(path, &call, 0, middle);
  run(path, &call, middle, count);
  return result_of(call.to, count);
}

result run_silu_multiply(kv_path path, const world *w, generator *r, guarded *blocks) {
  (void)w;
  const int64_t count = (1 + random_below(r, 5)) * draw_width(r);
  float *gate = floats(blocks, count), *up = draw_floats(r, blocks, count);
  random_fill(r, gate, count, (float)(1 + random_below(r, 20)));
  // Now and then far beyond where the exponential ends, on both sides.
  const bool is_far = random_below(r, 3) == 0;
  for (int64_t i = 0; i < count; i++) {
    if (random_below(r, 40) == 0 && is_far) gate[i] = random_below(r, 2) == 0 ? 1e6f : -1e6f;
  }
  return run_pairwise(kv_silu_multiply, path, r, blocks, gate, up, count);
}

result run_add(kv_path path, const world *w, generator *r, guarded *blocks) {
  (void)w;
  const int64_t count = (1 + random_below(r, 5)) * draw_width(r);
  float *a = draw_floats(r, blocks, count), *b = draw_floats(r, blocks, count);
  return run_pairwise(kv_add, path, r, blocks, a, b, count);
}
