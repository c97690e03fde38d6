// Memory that tells on whoever leaves it: sentinels before each block, an unmapped page behind.
// Blocks begin as NaN (all bits set), in FP32 as in FP16.

#ifndef GUARDED_H
#define GUARDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GUARDED_MOST = 48 };

/// The blocks of one case.
typedef struct guarded {
  int count;
  struct {
    uint8_t *map;
    size_t mapped;
    uint8_t *at;
  } blocks[GUARDED_MOST];
} guarded;

/// A block of `bytes` bytes that ends where mapped memory does; ends the program where the system
/// gives none.
void *guarded_new(guarded *blocks, size_t bytes);
/// Whether all sentinels stand: 4,096 bytes or more before each block.
bool guarded_intact(const guarded *blocks);
/// Gives all blocks from the `first` on back.
void guarded_clear(guarded *blocks, int first);

#endif
