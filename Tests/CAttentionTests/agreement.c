// Do all paths of the CPU kernels agree? Seeded random worlds run on every path that this machine
// has, and what comes out is held against the scalar path: page bytes must be the same, sums may
// differ by their rounding. Plain C, so that an emulator or a sanitizer can run it without Swift.
//
//     agreement [worlds] [seed]
//
// Prints cases and the worst error per operator and path, and a digest of all page bytes, which is
// the same on every architecture: that of the worlds drawn by default is on record below. Exits 0
// where all agree, 1 otherwise.

#include "operators.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct path_name {
  kv_path path;
  const char *name;
} path_name;

static const path_name paths[] = {
    {KV_PATH_SCALAR, "scalar"},
    {KV_PATH_AVX2, "avx2"},
    {KV_PATH_AVX512_BASE, "avx512-base"},
    {KV_PATH_AVX512, "avx512"},
    {KV_PATH_NEON, "neon"},
};
enum { PATHS = sizeof paths / sizeof *paths };

static const long default_worlds = 300;
static const uint64_t default_seed = 20261124;
/// To be recorded anew where formats or worlds change on purpose, and never else.
static const uint64_t recorded_digest = 0x53af1f0489484fc6;

/// What came of one operator on one path.
typedef struct tally {
  int64_t cases, failures;
  double worst;
} tally;

static tally tallies[OPERATORS][PATHS];
/// The case at hand, for whoever asks after a crash.
static char description[512];

#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer)
static void tell(int number) {
  static const char message[] = "memory was left in: ";
  ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
  written += write(STDERR_FILENO, description, strlen(description));
  written += write(STDERR_FILENO, "\n", 1);
  _exit(written > 0 ? 128 + number : 2);
}
static void catch_faults(void) {
  signal(SIGSEGV, tell);
  signal(SIGBUS, tell);
}
#else
static void catch_faults(void) {}
#endif

static double most(const operator_test *test, kv_path path) {
  const bool in_codes = path == KV_PATH_AVX512 && test->most_in_codes > 0;
  return in_codes ? test->most_in_codes : test->most;
}

/// Runs one operator on all paths over one world; what scalar makes is what the others must make.
static void run_operator(const operator_test *test, int number, const world *w, generator *r) {
  guarded blocks = {0};
  const uint64_t seed = random_next(r);
  char text[400];
  world_describe(w, text, sizeof text);
  result expected = {0};
  for (int p = 0; p < PATHS; p++) {
    if (!kv_path_available(paths[p].path)) continue;
    snprintf(description, sizeof description, "%s, %s: %s", test->name, paths[p].name, text);
    generator same = {seed};
    const result got = test->run(paths[p].path, w, &same, &blocks);
    if (p == 0) expected = got;
    const double error = result_error(&got, &expected, test->is_exact);
    tally *t = &tallies[number][p];
    t->cases++;
    t->worst = fmax(t->worst, error);
    if (error <= most(test, paths[p].path) && guarded_intact(&blocks)) continue;
    const char *also = guarded_intact(&blocks) ? "" : ", sentinels overwritten";
    if (t->failures++ < 3) printf("FAILED %s: error %g%s\n", description, error, also);
  }
  guarded_clear(&blocks, 0);
}

static int64_t print_tallies(void) {
  int64_t failures = 0;
  printf("%-16s  %-12s  %6s  %6s  %s\n", "operator", "path", "cases", "failed", "worst error");
  for (int number = 0; number < OPERATORS; number++) {
    for (int p = 0; p < PATHS; p++) {
      const tally *t = &tallies[number][p];
      failures += t->failures;
      if (t->cases == 0) continue;
      printf(
          "%-16s  %-12s  %6d  %6d  %.2g (at most %.0e)\n", operator_tests[number].name,
          paths[p].name, (int)t->cases, (int)t->failures, t->worst,
          most(&operator_tests[number], paths[p].path));
    }
  }
  for (int p = 0; p < PATHS; p++) {
    if (!kv_path_available(paths[p].path)) printf("%s does not run here\n", paths[p].name);
  }
  return failures;
}

int main(int count, char **arguments) {
  const long worlds = count > 1 ? atol(arguments[1]) : default_worlds;
  const uint64_t seed = count > 2 ? strtoull(arguments[2], NULL, 0) : default_seed;
  generator r = {seed}, small = {~seed};
  if (count > 3 || worlds < 1) {
    fprintf(stderr, "usage: agreement [worlds] [seed]\n");
    return 2;
  }
  catch_faults();
  uint64_t digest = 0;
  for (long i = 0; i < worlds; i++) {
    guarded blocks = {0};
    world w = world_draw(&r, &blocks);
    // Hostile rows come last: sums could not be compared on them.
    for (int number = 0; number < OPERATORS; number++) {
      const operator_test *test = &operator_tests[number];
      if (test->is_hostile) world_make_hostile(&r, &w);
      run_operator(test, number, &w, test->is_small ? &small : &r);
      if (test->makes_pages) digest = digest * 31 + world_digest(&w);
    }
    if (!guarded_intact(&blocks)) {
      printf("FAILED %s: inputs overwritten\n", description);
      return 1;
    }
    guarded_clear(&blocks, 0);
  }
  int64_t failures = print_tallies();
  printf("page bytes of %ld worlds: %016llx\n", worlds, (unsigned long long)digest);
  if (worlds == default_worlds && seed == default_seed && digest != recorded_digest) {
    printf("FAILED page bytes on record: %016llx\n", (unsigned long long)recorded_digest);
    failures++;
  }
  printf(failures == 0 ? "all paths agree\n" : "paths differ\n");
  return failures == 0 ? 0 : 1;
}
