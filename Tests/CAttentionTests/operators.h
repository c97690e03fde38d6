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
  /// Whether bytes must be the same; else the error is the NMSE of FP32.
  bool is_exact, is_hostile, makes_pages;
  /// Runs over a world; `r` is in the same state for every path.
  result (*run)(kv_path path, const world *w, generator *r, guarded *blocks);
} operator_test;

enum { OPERATORS = 8 };
extern const operator_test operator_tests[OPERATORS];

/// Bytes that differ, or the NMSE in double; infinite where anything is not finite.
double result_error(const result *got, const result *expected, bool is_exact);
/// A digest (FNV-1a) of the pages that the scalar path makes of a world.
uint64_t world_digest(const world *w);

#endif
