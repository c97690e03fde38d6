// Which rows a kernel is about to read: some tokens of a sequence, found through its block table
// once for all KV heads, and asked for early.

#ifndef CATTENTION_TILES_H
#define CATTENTION_TILES_H

#include "kernels.h"

/// Tokens that lie side by side in one page.
typedef struct kv_run {
  /// The slab of the page's first KV head; the others follow.
  const uint8_t *slab;
  /// Of the page's tokens, the first, and how many.
  int64_t offset, count;
} kv_run;

/// Tokens whose rows are read together.
typedef struct kv_tile {
  int64_t count, run_count;
  kv_run runs[KV_TILE];
  /// Where each token's key lies for the first KV head. The last one is repeated up to a multiple
  /// of eight, so that no loop over four or eight has a tail.
  const uint8_t *keys[KV_TILE];
} kv_tile;

/// Scale and zero of K, scale and zero of V of a tile's tokens, as floats. The last vector of a run
/// may reach beyond the tile.
typedef float kv_metadata[4][KV_TILE + 16];

/// From a key of the first KV head to that of another.
KV_INLINE int64_t kv_head_offset(const kv_shape *shape, int64_t kv_head) {
  return kv_head * kv_slab_bytes(shape);
}

/// Looks up `count` tokens from `first` on.
KV_INLINE void kv_find_tile(
    kv_tile *tile, const kv_shape *shape, const uint8_t *pages, const int32_t *table,
    int64_t first, int64_t count) {
  const int64_t size = shape->block_size, row = kv_code_bytes(shape);
  int64_t done = 0, runs = 0;
  while (done < count) {
    const int64_t page = (first + done) / size, offset = (first + done) % size;
    const int64_t length = kv_min(size - offset, count - done);
    const uint8_t *slab = pages + table[page] * shape->kv_heads * kv_slab_bytes(shape);
    tile->runs[runs++] = (kv_run){slab, offset, length};
    for (int64_t i = 0; i < length; i++) tile->keys[done + i] = slab + (offset + i) * row;
    done += length;
  }
  tile->count = count;
  tile->run_count = runs;
  for (int64_t i = count; i % 8 != 0; i++) tile->keys[i] = tile->keys[count - 1];
}

/// A walk over the cache lines of one KV head's part of a tile, in the order in which they lie,
/// which asks for them. They go to the second-level cache: there a core keeps more lines on their
/// way than in its first level, and they wait for nothing that is needed sooner.
typedef struct kv_asking {
  const kv_tile *tile;
  /// The slab of the KV head behind that of the first.
  int64_t head_offset;
  /// The run that is walked, and how many of its stretches are behind.
  int64_t run, stretch;
  /// What is left of a stretch.
  const uint8_t *at, *end;
} kv_asking;

KV_INLINE kv_asking kv_ask_for(const kv_shape *shape, const kv_tile *tile, int64_t kv_head) {
  return (kv_asking){.tile = tile, .head_offset = kv_head_offset(shape, kv_head)};
}

/// Turns to the next stretch. A run of a whole page is one; of another, keys, values and each kind
/// of metadata are one each.
KV_INLINE bool kv_ask_next_stretch(kv_asking *a, const kv_shape *shape) {
  const int64_t size = shape->block_size, row = kv_code_bytes(shape);
  for (; a->run < a->tile->run_count; a->run++, a->stretch = 0) {
    const kv_run *run = &a->tile->runs[a->run];
    const int64_t stretches = run->count == size ? 1 : shape->bits == 4 ? 6 : 2;
    if (a->stretch == stretches) continue;
    const int64_t stretch = a->stretch++;
    a->at = run->slab + a->head_offset;
    if (run->count == size) {
      a->end = a->at + kv_slab_bytes(shape);
    } else if (stretch < 2) {
      a->at += (stretch * size + run->offset) * row;
      a->end = a->at + run->count * row;
    } else {
      a->at += kv_metadata_offset(shape) + 2 * ((stretch - 2) * size + run->offset);
      a->end = a->at + 2 * run->count;
    }
    // Whole lines from the first, or the last would be missed where rows are not aligned.
    a->at -= (uintptr_t)a->at % 64;
    return true;
  }
  return false;
}

/// Asks for `lines` lines more, or what is left.
KV_INLINE void kv_ask(kv_asking *a, const kv_shape *shape, int64_t lines) {
  while (lines > 0) {
    if (a->at >= a->end && !kv_ask_next_stretch(a, shape)) return;
    const int64_t count = kv_min(lines, (a->end - a->at + 63) / 64);
    for (int64_t i = 0; i < count; i++) __builtin_prefetch(a->at + 64 * i, 0, 2);
    a->at += 64 * count;
    lines -= count;
  }
}

/// The way of a decode span through its pages. Tokens go in tiles, and all KV heads of a tile come
/// before the next, so that pages are read from their first byte to their last; while the rows of
/// one KV head are read, those of the next are asked for.
typedef struct kv_walk {
  const kv_decode *call;
  const kv_span *span;
  /// Tokens of a tile.
  int64_t most;
  kv_tile tiles[2];
  /// The rows to read now.
  const kv_tile *tile;
  /// The KV head to read now, counted from the span's first.
  int64_t index;
  /// From `tile->keys` to the keys and values of this KV head.
  int64_t keys, values;
  /// For kernels of four-bit pages to read into.
  kv_metadata metadata;
  /// The rows of the next KV head, and how many of their lines to ask for with every four tokens
  /// of a pass over these.
  kv_asking asking;
  int64_t pace;
  /// The first token behind `tile` and the one behind it.
  int64_t token;
} kv_walk;

KV_INLINE void kv_walk_find(kv_walk *walk, kv_tile *tile) {
  const int64_t count = kv_min(walk->most, walk->span->last_token - walk->token);
  kv_find_tile(
      tile, &walk->call->shape, walk->call->pages,
      walk->call->tables + walk->span->sequence * walk->call->table_stride, walk->token, count);
  walk->token += count;
}

KV_INLINE void kv_walk_enter(kv_walk *walk) {
  const kv_shape *shape = &walk->call->shape;
  const int64_t kv_head = walk->span->kv_head + walk->index;
  const kv_tile *other = walk->tile == walk->tiles ? walk->tiles + 1 : walk->tiles;
  walk->keys = kv_head_offset(shape, kv_head);
  walk->values = walk->keys + kv_value_offset(shape);
  walk->asking = walk->index + 1 < walk->span->kv_heads
      ? kv_ask_for(shape, walk->tile, kv_head + 1)
      : kv_ask_for(shape, other, walk->span->kv_head);
}

/// Begins with the first tokens and KV head. `passes` go over each tile's rows and ask.
KV_INLINE void kv_walk_begin(
    kv_walk *walk, const kv_decode *call, const kv_span *span, int64_t passes) {
  const kv_shape *shape = &call->shape;
  const int64_t lines = (4 * kv_slab_bytes(shape) / shape->block_size + 63) / 64;
  walk->call = call;
  walk->span = span;
  walk->most = shape->bits == 4 ? KV_TILE : KV_TILE / 2;
  walk->pace = (lines + passes - 1) / passes;
  walk->token = span->first_token;
  kv_walk_find(walk, &walk->tiles[0]);
  kv_walk_find(walk, &walk->tiles[1]);
  walk->tile = &walk->tiles[0];
  walk->index = 0;
  // Nothing has asked for the first rows yet.
  walk->asking = kv_ask_for(shape, walk->tile, span->kv_head);
  kv_ask(&walk->asking, shape, INT64_MAX);
  kv_walk_enter(walk);
}

/// Asks for a pass's share of lines with `tokens` tokens.
KV_INLINE void kv_walk_ask(kv_walk *walk, int64_t tokens) {
  kv_ask(&walk->asking, &walk->call->shape, walk->pace * tokens / 4);
}

/// Turns to the next KV head or tile; false where the span ends.
KV_INLINE bool kv_walk_next(kv_walk *walk) {
  kv_ask(&walk->asking, &walk->call->shape, INT64_MAX);
  if (++walk->index == walk->span->kv_heads) {
    const int64_t done = walk->tile - walk->tiles;
    walk->tile = &walk->tiles[1 - done];
    if (walk->tile->count == 0) return false;
    kv_walk_find(walk, &walk->tiles[done]);
    walk->index = 0;
  }
  kv_walk_enter(walk);
  return true;
}

#endif
