// Seeded random worlds: shapes, block tables, keys and values. Every number in them is made of
// whole numbers and one rounding, so that all architectures draw the same worlds.

#ifndef WORLDS_H
#define WORLDS_H

#include "CAttention.h"
#include "guarded.h"

typedef struct generator {
  uint64_t state;
} generator;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
uint64_t random_next(generator *r);
/// One of 0 ..< `count`.
int64_t random_below(generator *r, int64_t count);
/// Fills with something like a normal distribution: the sum of four uniform variables.
void random_fill(generator *r, float *to, int64_t count, float scale);

enum { WORLD_SEQUENCES = 3 };

/// A pool of pages and the sequences in it.
typedef struct world {
  kv_shape shape;
  int64_t sequences, contexts[WORLD_SEQUENCES];
  /// [sequence][width]; what a sequence does not use holds an id that no pool has.
  int32_t *tables;
  int64_t width, pages, page_bytes;
  /// Tokens of all sequences in random order: where they go, and what they are.
  int64_t tokens;
  int64_t *slots;
  float *keys, *values;
  /// 0, or the cap of the scores.
  float soft_cap;
  /// 0, or the keys that a query sees at most.
  int64_t window;
} world;

/// Draws a world; `blocks` own its memory.
world world_draw(generator *r, guarded *blocks);
/// Overwrites keys and values with rows that quantisers and roundings dislike: constants, zeros of
/// both signs, ties, the least and the largest numbers.
void world_make_hostile(generator *r, const world *w);
/// One line that tells a world from others.
void world_describe(const world *w, char *text, size_t size);

#endif
