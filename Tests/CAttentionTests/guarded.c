#include "guarded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint8_t sentinel = 0xFF;

void *guarded_new(guarded *blocks, size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const size_t readable = (bytes + page - 1) / page * page + page;
  uint8_t *map = mmap(
      NULL, readable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (blocks->count == GUARDED_MOST || map == MAP_FAILED
      || mprotect(map + readable, page, PROT_NONE) != 0) {
    fprintf(stderr, "no guarded memory left\n");
    exit(2);
  }
  memset(map, sentinel, readable);
  uint8_t *at = map + readable - bytes;
  blocks->blocks[blocks->count].map = map;
  blocks->blocks[blocks->count].mapped = readable + page;
  blocks->blocks[blocks->count++].at = at;
  return at;
}

bool guarded_intact(const guarded *blocks) {
  for (int i = 0; i < blocks->count; i++) {
    for (const uint8_t *p = blocks->blocks[i].map; p < blocks->blocks[i].at; p++) {
      if (*p != sentinel) return false;
    }
  }
  return true;
}

void guarded_clear(guarded *blocks, int first) {
  while (blocks->count > first) {
    blocks->count--;
    munmap(blocks->blocks[blocks->count].map, blocks->blocks[blocks->count].mapped);
  }
}
