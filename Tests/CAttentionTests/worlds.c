#include "worlds.h"

#include <stdio.h>

#define COUNT(list) ((int64_t)(sizeof(list) / sizeof *(list)))

uint64_t random_next(generator *r) {
  uint64_t z = r->state += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

int64_t random_below(generator *r, int64_t count) {
  return (int64_t)(random_next(r) % (uint64_t)count);
}

static int64_t choose(generator *r, const int64_t *from, int64_t count) {
  return from[random_below(r, count)];
}

void random_fill(generator *r, float *to, int64_t count, float scale) {
  for (int64_t i = 0; i < count; i++) {
    const uint64_t bits = random_next(r);
    int64_t sum = -2 * 65535;
    for (int part = 0; part < 4; part++) sum += (int64_t)(bits >> 16 * part & 0xFFFF);
    // 65,536 / sqrt(3) is the standard deviation of the sum.
    to[i] = (float)sum * (scale * 0x1.bb67aep-16f);
  }
}

static kv_shape draw_shape(generator *r) {
  static const int64_t dims[] = {64, 80, 96, 112, 128, 192, 256, 64, 128, 16, 48, 512};
  static const int64_t groups[] = {1, 2, 4, 5, 7, 8, 16, 3, 9};
  static const int64_t blocks[] = {1, 8, 16, 32, 64, 3, 100, 1024};
  kv_shape shape = {
      .bits = random_below(r, 3) == 0 ? 16 : 4,
      .block_size = choose(r, blocks, COUNT(blocks)),
      .kv_heads = 1 + random_below(r, 5),
      .group_size = choose(r, groups, COUNT(groups)),
      .head_dim = choose(r, dims, COUNT(dims)),
  };
  if (random_below(r, 3) > 0) {
    const int64_t order = (int64_t)16 << random_below(r, 5);
    const int64_t most = shape.head_dim & -shape.head_dim;
    shape.key_rotation = order < most ? order : most;
    shape.value_rotation = random_below(r, 2) == 0 ? shape.key_rotation : 0;
  }
  return shape;
}

static void shuffle(generator *r, int64_t *list, int64_t count) {
  for (int64_t i = count - 1; i > 0; i--) {
    const int64_t j = random_below(r, i + 1), kept = list[i];
    list[i] = list[j];
    list[j] = kept;
  }
}

/// Deals the pool's pages to the sequences in random order.
static void draw_tables(generator *r, guarded *blocks, world *w) {
  const int64_t size = w->shape.block_size;
  int64_t used = 0;
  for (int64_t s = 0; s < w->sequences; s++) {
    const int64_t count = (w->contexts[s] + size - 1) / size;
    w->width = count > w->width ? count : w->width;
    used += count;
  }
  w->pages = used + random_below(r, 3);
  int64_t *order = guarded_new(blocks, (size_t)w->pages * sizeof *order);
  for (int64_t i = 0; i < w->pages; i++) order[i] = i;
  shuffle(r, order, w->pages);
  w->tables = guarded_new(blocks, (size_t)(w->sequences * w->width) * sizeof *w->tables);
  for (int64_t s = 0; s < w->sequences; s++) {
    for (int64_t page = 0; page < w->width; page++) {
      const bool exists = page * size < w->contexts[s];
      w->tables[s * w->width + page] = exists ? (int32_t)*order++ : INT32_MAX;
    }
  }
}

static void draw_slots(generator *r, guarded *blocks, world *w) {
  const int64_t size = w->shape.block_size;
  w->slots = guarded_new(blocks, (size_t)w->tokens * sizeof *w->slots);
  int64_t *slot = w->slots;
  for (int64_t s = 0; s < w->sequences; s++) {
    for (int64_t token = 0; token < w->contexts[s]; token++) {
      *slot++ = w->tables[s * w->width + token / size] * size + token % size;
    }
  }
  shuffle(r, w->slots, w->tokens);
}

world world_draw(generator *r, guarded *blocks) {
  static const int64_t contexts[] = {1,  2,  7,  15, 16,  17,  31,  32,  33, 63,
                                     64, 65, 97, 127, 128, 129, 200, 257, 300};
  world w = {.shape = draw_shape(r), .sequences = 1 + random_below(r, WORLD_SEQUENCES)};
  for (int64_t s = 0; s < w.sequences; s++) {
    w.contexts[s] = choose(r, contexts, COUNT(contexts));
    w.tokens += w.contexts[s];
  }
  const kv_shape *shape = &w.shape;
  w.page_bytes = shape->kv_heads * shape->block_size
      * (shape->head_dim * shape->bits / 4 + (shape->bits == 4 ? 8 : 0));
  draw_tables(r, blocks, &w);
  draw_slots(r, blocks, &w);
  const int64_t row = shape->kv_heads * shape->head_dim, count = w.tokens * row;
  w.keys = guarded_new(blocks, (size_t)count * sizeof(float));
  w.values = guarded_new(blocks, (size_t)count * sizeof(float));
  random_fill(r, w.keys, count, 1);
  random_fill(r, w.values, count, 1);
  // One channel stands out, as in real keys.
  const int64_t channel = random_below(r, row);
  for (int64_t token = 0; token < w.tokens; token++) w.keys[token * row + channel] *= 16;
  if (random_below(r, 3) == 0) w.soft_cap = (float)(1 + random_below(r, 50));
  if (random_below(r, 3) == 0) w.window = 1 + random_below(r, 100);
  return w;
}

void world_make_hostile(generator *r, const world *w) {
  static const float extremes[] = {
      0x1p-149f, -0x1p-149f, 0x1.8p-130f, 0x1p-24f, 0x1.8p-25f, 0x1.002p0f, 0x1.006p0f,
      65504, 65519, -65520, 1e30f, -1e30f, 0, -0.0f, 1, -1,
  };
  const int64_t dim = w->shape.head_dim, rows = w->tokens * w->shape.kv_heads;
  for (int64_t row = 0; row < 2 * rows; row++) {
    float *x = row < rows ? w->keys + row * dim : w->values + (row - rows) * dim;
    const int64_t kind = random_below(r, 7);
    // Without 1e30 and its like, which would leave nothing of the rest of the row.
    const int64_t choices = random_below(r, 2) == 0 ? 8 : COUNT(extremes);
    for (int64_t i = 0; i < dim; i++) {
      const int64_t whole = random_below(r, 31);
      switch (kind) {
        case 0: x[i] = 0; break;
        case 1: x[i] = whole % 2 == 0 ? 0.0f : -0.0f; break;
        case 2: x[i] = 3.25f; break;
        // Halves between 0 and 15: every other one a tie between two codes.
        case 3: x[i] = i < 2 ? (float)(15 * i) : (float)whole / 2; break;
        case 4: x[i] = extremes[random_below(r, choices)]; break;
        case 5: x[i] = (float)(whole - 15) * 0x1p-140f; break;
        default: break;
      }
    }
  }
}

void world_describe(const world *w, char *text, size_t size) {
  const kv_shape *s = &w->shape;
  snprintf(
      text, size,
      "bits %d, rotations %d %d, block %d, KV heads %d, group %d, head dimension %d, contexts "
      "%d %d %d, soft cap %g, window %d",
      (int)s->bits, (int)s->key_rotation, (int)s->value_rotation, (int)s->block_size,
      (int)s->kv_heads, (int)s->group_size, (int)s->head_dim, (int)w->contexts[0],
      (int)w->contexts[1], (int)w->contexts[2], (double)w->soft_cap, (int)w->window);
}
