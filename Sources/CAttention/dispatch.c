// Picks the kernels of a path, and tells which paths this machine runs. The choice is the
// caller's argument, so that tests can run every path in one process.

#include "kernels.h"

bool kv_path_available(kv_path path) {
  switch (path) {
    case KV_PATH_SCALAR:
      return true;
#if defined(__x86_64__)
    // The compiler's runtime asks cpuid, and xgetbv for the registers that the system saves.
    case KV_PATH_AVX2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
          && __builtin_cpu_supports("f16c");
    case KV_PATH_AVX512_BASE:
    case KV_PATH_AVX512:
      return kv_path_available(KV_PATH_AVX2) && __builtin_cpu_supports("avx512f")
          && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
          && __builtin_cpu_supports("avx512dq");
#elif defined(__aarch64__)
    case KV_PATH_NEON:
      return true;
#endif
    default:
      return false;
  }
}

#if defined(__x86_64__)
/// Whether four-bit decode attention runs in whole numbers.
static bool decodes_codes(kv_path path, const kv_shape *shape) {
  return path == KV_PATH_AVX512 && shape->bits == 4 && __builtin_cpu_supports("avx512vnni")
      && __builtin_cpu_supports("avx512vbmi");
}
#endif

static const kv_kernels *kernels(kv_path path) {
  switch (path) {
#if defined(__x86_64__)
    case KV_PATH_AVX512_BASE:
    case KV_PATH_AVX512:
      return &kv_avx512_base_kernels;
    case KV_PATH_AVX2:
      return &kv_avx2_kernels;
#elif defined(__aarch64__)
    case KV_PATH_NEON:
      return &kv_neon_kernels;
#endif
    default:
      return &kv_scalar_kernels;
  }
}

void kv_append_tokens(kv_path path, const kv_append *call, int64_t first, int64_t last) {
  kernels(path)->append(call, first, last);
}

void kv_rotate(kv_path path, float *vectors, int64_t rows, int64_t head_dim, int64_t order) {
  kernels(path)->rotate(vectors, rows, head_dim, order);
}

void kv_gather_tokens(kv_path path, const kv_gather *call, int64_t first, int64_t last) {
  kernels(path)->gather(call, first, last);
}

int64_t kv_decode_scratch_count(const kv_shape *shape, int64_t kv_heads) {
  // Of each query head its query, sums and four scalars (see decode_body.h); in blocks of four
  // heads less, but five vectors and two pointers (see decode_codes_body.h). Once for all, the
  // scores of a group and a factor each.
  const int64_t group = (shape->group_size + 3) / 4 * 4;
  return group * (kv_heads * (2 * kv_padded_dim(shape->head_dim) + 32) + KV_TILE + 1) + 16;
}

void kv_decode_turn(kv_path path, const kv_decode *call, int64_t first, int64_t last) {
  kernels(path)->turn(call, first, last);
}

void kv_decode_spans(
    kv_path path, const kv_decode *call, int64_t first, int64_t last, float *scratch) {
#if defined(__x86_64__)
  if (decodes_codes(path, &call->shape)) {
    kv_decode_codes_vnni(call, first, last, scratch);
    return;
  }
#endif
  kernels(path)->decode(call, first, last, scratch);
}

void kv_decode_merge(kv_path path, const kv_decode *call, int64_t first, int64_t last) {
  kernels(path)->merge(call, first, last);
}

int64_t kv_prefill_item_count(const kv_prefill *call) {
  return call->shape.kv_heads
      * ((call->tokens + call->tokens_per_item - 1) / call->tokens_per_item);
}

int64_t kv_prefill_scratch_count(const kv_prefill *call) {
  const int64_t rows = (call->tokens_per_item * call->shape.group_size + 5) / 6 * 6;
  const int64_t dim = call->shape.head_dim;
  // Queries, outputs, maxima and sums of the rows; the key tile twice, values once; scores.
  return rows * (2 * dim + 2) + 3 * KV_PREFILL_TILE * dim + 6 * KV_PREFILL_TILE + 16;
}

void kv_prefill_items(
    kv_path path, const kv_prefill *call, int64_t first, int64_t last, float *scratch) {
  kernels(path)->prefill(call, first, last, scratch);
}

void kv_linear_rows(kv_path path, const kv_linear *call, int64_t first, int64_t last) {
  kernels(path)->linear_rows(call, first, last);
}

void kv_linear_pack(const kv_linear *call, int64_t first, int64_t last) {
  // Rows of one depth block lie together: at a pitch of `inputs` floats, a power of two in most
  // models, they would fight for the same few cache sets.
  for (int64_t depth = 0; depth < call->inputs; depth += KV_LINEAR_DEPTH) {
    const int64_t width = kv_min(KV_LINEAR_DEPTH, call->inputs - depth);
    float *block = call->packed_x + depth * call->tokens;
    for (int64_t row = first; row < last; row++) {
      memcpy(
          block + row * width, call->x + row * call->inputs + depth,
          (size_t)width * sizeof(float));
    }
  }
}

void kv_linear_panels(
    kv_path path, const kv_linear *call, int64_t first, int64_t last, float *scratch) {
  kernels(path)->linear_panels(call, first, last, scratch);
}

void kv_rms_norm_rows(kv_path path, const kv_rms_norm *call, int64_t first, int64_t last) {
  kernels(path)->rms_norm(call, first, last);
}

void kv_rotary_tokens(kv_path path, const kv_rotary *call, int64_t first, int64_t last) {
  kernels(path)->rotary(call, first, last);
}

void kv_silu_multiply(kv_path path, const kv_pairwise *call, int64_t first, int64_t last) {
  kernels(path)->silu_multiply(call, first, last);
}

void kv_add(kv_path path, const kv_pairwise *call, int64_t first, int64_t last) {
  kernels(path)->add(call, first, last);
}

uint64_t kv_read(kv_path path, const void *memory, int64_t bytes) {
  return kernels(path)->read(memory, bytes);
}

float kv_fma_peak(kv_path path, int64_t iterations) {
  // Operands that the compiler does not know cannot be folded.
  volatile float factor = 0.999f, addend = 0.001f;
  return kernels(path)->peak(iterations, factor, addend);
}

int64_t kv_fma_peak_operations(kv_path path) { return kernels(path)->peak_operations(); }
