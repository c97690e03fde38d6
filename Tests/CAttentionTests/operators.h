// The operators as the harness runs them: over a world, on a path, into guarded memory.

#ifndef OPERATORS_H
#define OPERATORS_H

#include "worlds.h"

/// What an operator made: bytes to compare, or floats.
typedef struct result {
  const void *at;
  size_t bytes;
} result;

typedef struct operator_test {
  const char *name;
  /// The largest error that passes.
  double most;
  /// The same where products are of whole numbers and not of FP32 (AVX-512 VNNI); 0 where none are.
  double most_in_codes;
  /// Whether bytes must be the same; else the error is the NMSE of FP32.
  bool is_exact, is_hostile, makes_pages;
  /// Whether it takes nothing of the world and draws from a generator of its own, so that the
  /// worlds are what they were without it.
  bool is_small;
  /// Runs over a world; `r` is in the same state for every path.
  result (*run)(kv_path path, const world *w, generator *r, guarded *blocks);
} operator_test;

enum { OPERATORS = 12 };
extern const operator_test operator_tests[OPERATORS];

/// A block of `count` floats.
float *floats(guarded *blocks, int64_t count);
result result_of(const float *at, int64_t count);

// The small operators of a layer.
result run_rms_norm(kv_path path, const world *w, generator *r, guarded *blocks);
result run_rotary(kv_path path, const world *w, generator *r, guarded *blocks);
result run_silu_multiply(kv_path path, const world *w, generator *r, guarded *blocks);
result run_add(kv_path path, const world *w, generator *r, guarded *blocks);

/// Bytes that differ, or the NMSE in double; infinite where anything is not finite.
double result_error(const result *got, const result *expected, bool is_exact);
/// A digest (FNV-1a) of the pages that the scalar path makes of a world.
uint64_t world_digest(const world *w);

#endif
