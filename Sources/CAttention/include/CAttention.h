// Paged KV-cache kernels for CPUs: append, gather, decode attention, causal prefill attention and
// dense linear, for FP16, INT4 and rotated INT4 pages; and the small operators of a layer on FP32
// activations: RMS norm, rotary embedding, SiLU-multiply and residual add.
//
// Every function takes the instruction-set path and a range of work items, so that threads live
// with the caller: ranges that do not overlap may run at the same time. Nothing here allocates,
// keeps state or checks its arguments; block ids, context lengths and buffer sizes are the
// caller's duty. Sizes are in elements unless a name says bytes.

#ifndef CATTENTION_H
#define CATTENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Which instructions a kernel may use.
typedef enum kv_path {
  KV_PATH_SCALAR = 0,
  /// AVX2, FMA and F16C.
  KV_PATH_AVX2 = 1,
  /// AVX-512 F, BW, VL and DQ.
  KV_PATH_AVX512_BASE = 2,
  /// The same, and four-bit decode attention in whole numbers where VNNI and VBMI are present.
  KV_PATH_AVX512 = 3,
  /// NEON, part of every arm64 CPU.
  KV_PATH_NEON = 4,
} kv_path;

/// The pages of one layer. The offsets that follow from it stand in PageLayout.swift.
typedef struct kv_shape {
  /// Bits of one code: 16 or 4.
  int64_t bits;
  /// Order of the Hadamard blocks that keys (and queries) are rotated by; 0 means none.
  int64_t key_rotation;
  /// The same for values; outputs are rotated back once. 0 means none.
  int64_t value_rotation;
  /// Tokens per page.
  int64_t block_size;
  int64_t kv_heads;
  /// Query heads per KV head.
  int64_t group_size;
  /// Elements of one head's vector: a multiple of 16, at most KV_MAX_HEAD_DIM.
  int64_t head_dim;
} kv_shape;

enum { KV_MAX_HEAD_DIM = 512 };

/// Whether this CPU and its operating system run a path.
bool kv_path_available(kv_path path);

// Append

/// Writes K and V of new tokens into pages, rotating and quantising on the way.
/// `slots[i]` is page * block_size + offset; `keys` and `values` are [token][kv_head][head_dim].
typedef struct kv_append {
  kv_shape shape;
  uint8_t *pages;
  const int64_t *slots;
  const float *keys;
  const float *values;
} kv_append;

/// Appends tokens `first ..< last`.
void kv_append_tokens(kv_path path, const kv_append *call, int64_t first, int64_t last);

/// Rotates `rows` vectors of `head_dim` elements in place by normalised Hadamard blocks.
void kv_rotate(kv_path path, float *vectors, int64_t rows, int64_t head_dim, int64_t order);

// Gather

/// Reads tokens of one sequence back as FP32, dequantised and turned back: `keys` and `values` are
/// [token][kv_head][head_dim]; `table` lists the sequence's pages.
typedef struct kv_gather {
  kv_shape shape;
  const uint8_t *pages;
  const int32_t *table;
  float *keys;
  float *values;
} kv_gather;

/// Gathers tokens `first ..< last`.
void kv_gather_tokens(kv_path path, const kv_gather *call, int64_t first, int64_t last);

// Decode attention

/// Tokens `first_token ..< last_token` of one sequence, one at least, for some of its KV heads: a
/// unit of work.
/// Pages hold the KV heads of their tokens side by side, so that a span of all of them reads whole
/// pages.
typedef struct kv_span {
  int64_t sequence;
  /// KV heads `kv_head ..< kv_head + kv_heads`.
  int64_t kv_head;
  int64_t kv_heads;
  int64_t first_token;
  int64_t last_token;
  /// Where the span's partials begin, in KV heads: `kv_heads` of them follow.
  int64_t first_partial;
} kv_span;

/// One query token per sequence. `queries` and `outputs` are [sequence][query_head][head_dim];
/// row `s` of `tables` (at `s * table_stride`) lists the pages of sequence `s`.
/// A span leaves for each of its KV heads `group_size` partials of `head_dim + 2` floats: the
/// running maximum, the sum of weights, and the weighted values.
typedef struct kv_decode {
  kv_shape shape;
  /// Scores s become `soft_cap * tanh(s / soft_cap)`; 0 means that they stay as they are.
  float soft_cap;
  const uint8_t *pages;
  const int32_t *tables;
  int64_t table_stride;
  const float *queries;
  /// The queries as `kv_decode_turn` leaves them, in the same order: scaled by 1 / sqrt(head_dim)
  /// and rotated, once for all spans.
  float *turned;
  const kv_span *spans;
  float *partials;
  /// Spans of sequence `i` are `span_starts[i] ..< span_starts[i + 1]`.
  const int64_t *span_starts;
  float *outputs;
} kv_decode;

/// Floats of scratch that one thread of `kv_decode_spans` needs, for spans of up to `kv_heads`.
int64_t kv_decode_scratch_count(const kv_shape *shape, int64_t kv_heads);
/// Scales and rotates the queries of (sequence, KV head) pairs `first ..< last`.
void kv_decode_turn(kv_path path, const kv_decode *call, int64_t first, int64_t last);
/// Attends over spans `first ..< last`, leaving partials.
void kv_decode_spans(
    kv_path path, const kv_decode *call, int64_t first, int64_t last, float *scratch);
/// Merges the partials of (sequence, KV head) pairs `first ..< last` into outputs.
void kv_decode_merge(kv_path path, const kv_decode *call, int64_t first, int64_t last);

// Prefill attention

/// A chunk of `tokens` queries of one sequence over `prefix + tokens` cached tokens, causal.
/// `queries` and `outputs` are [token][query_head][head_dim].
typedef struct kv_prefill {
  kv_shape shape;
  /// As in `kv_decode`.
  float soft_cap;
  /// Keys that a query sees at most, its own included; 0 means all up to its own. (Decode has no
  /// need of it: its spans begin where the window does.)
  int64_t window;
  const uint8_t *pages;
  const int32_t *table;
  int64_t prefix;
  int64_t tokens;
  const float *queries;
  float *outputs;
  /// Query tokens of one work item.
  int64_t tokens_per_item;
} kv_prefill;

/// Work items of a call: KV heads times blocks of query tokens.
int64_t kv_prefill_item_count(const kv_prefill *call);
/// Floats of scratch that one thread needs.
int64_t kv_prefill_scratch_count(const kv_prefill *call);
/// Runs items `first ..< last`. Item 0 holds the last query tokens, which see the most keys.
void kv_prefill_items(
    kv_path path, const kv_prefill *call, int64_t first, int64_t last, float *scratch);

// Linear

/// `y[tokens][outputs] = x[tokens][inputs] * w[outputs][inputs]^T`, `w` in IEEE half.
typedef struct kv_linear {
  int64_t tokens;
  int64_t outputs;
  int64_t inputs;
  const float *x;
  const uint16_t *w;
  float *y;
  /// `tokens * inputs` floats for `kv_linear_pack`; only the blocked kernel reads them.
  float *packed_x;
} kv_linear;

enum {
  /// Outputs per panel of `kv_linear_panels`.
  KV_LINEAR_PANEL = 64,
  /// Floats of scratch that one thread of `kv_linear_panels` needs.
  KV_LINEAR_SCRATCH_COUNT = 64 * 256 + 6 * 64,
};

/// Few tokens: each weight is read once from memory. Computes outputs `first ..< last`.
void kv_linear_rows(kv_path path, const kv_linear *call, int64_t first, int64_t last);
/// Copies tokens `first ..< last` of `x` into the blocks that `kv_linear_panels` reads.
void kv_linear_pack(const kv_linear *call, int64_t first, int64_t last);
/// Many tokens: blocked in cache. Computes panels `first ..< last` of KV_LINEAR_PANEL outputs.
void kv_linear_panels(
    kv_path path, const kv_linear *call, int64_t first, int64_t last, float *scratch);

// Small operators

/// `to = x / sqrt(mean(x^2) + epsilon) * weight` of rows of `width` elements; `to` may be `x`. Sums
/// are in FP32: the squares of a row must not add up to infinity.
typedef struct kv_rms_norm {
  int64_t width;
  float epsilon;
  const float *x;
  const float *weight;
  float *to;
} kv_rms_norm;

/// Normalises rows `first ..< last`.
void kv_rms_norm_rows(kv_path path, const kv_rms_norm *call, int64_t first, int64_t last);

/// Rotary position embedding in place on `x`, [token][head][head_dim]: elements i and
/// i + head_dim / 2 turn by an angle of `positions[token] * frequencies[i]`, which is in 2^-64 of a
/// turn and wraps around, as angles do.
typedef struct kv_rotary {
  int64_t heads;
  /// An even number, at most KV_MAX_HEAD_DIM.
  int64_t head_dim;
  float *x;
  const uint32_t *positions;
  /// head_dim / 2 of them.
  const uint64_t *frequencies;
} kv_rotary;

/// Turns tokens `first ..< last`.
void kv_rotary_tokens(kv_path path, const kv_rotary *call, int64_t first, int64_t last);

/// Two arrays that become one, element by element; `to` may be either of them.
typedef struct kv_pairwise {
  const float *a;
  const float *b;
  float *to;
} kv_pairwise;

/// `to = silu(a) * b` with `silu(x) = x / (1 + e^-x)`, of elements `first ..< last`. Below -87 a
/// gate counts as -87, whose silu is -1.4e-36.
void kv_silu_multiply(kv_path path, const kv_pairwise *call, int64_t first, int64_t last);
/// `to = a + b`, of elements `first ..< last`.
void kv_add(kv_path path, const kv_pairwise *call, int64_t first, int64_t last);

// Memory

/// Reads `bytes` bytes (a multiple of 256, 64-byte aligned) and returns a checksum, so that the
/// loads cannot be left out.
uint64_t kv_read(kv_path path, const void *memory, int64_t bytes);

// Arithmetic

/// Runs `iterations` of as many independent chains of fused multiply-adds as the path's registers
/// hold, and returns a sum, so that none can be left out. The scalar path multiplies and adds.
float kv_fma_peak(kv_path path, int64_t iterations);
/// Floating-point operations of one iteration; a multiply and an add count as two.
int64_t kv_fma_peak_operations(kv_path path);

/// Tells the core that this thread spins, so that it yields to its sibling and saves power.
static inline void kv_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#ifdef __cplusplus
}
#endif

#endif
