// What the kernels of all paths share: the table that the dispatcher picks from, the address of
// a vector in its page, and half precision in plain C.

#ifndef CATTENTION_KERNELS_H
#define CATTENTION_KERNELS_H

#include "CAttention.h"

#include <math.h>
#include <string.h>

#define KV_INLINE static inline __attribute__((always_inline, unused))

/// One path's kernels.
typedef struct kv_kernels {
  void (*append)(const kv_append *, int64_t, int64_t);
  void (*rotate)(float *, int64_t, int64_t, int64_t);
  void (*gather)(const kv_gather *, int64_t, int64_t);
  void (*turn)(const kv_decode *, int64_t, int64_t);
  void (*decode)(const kv_decode *, int64_t, int64_t, float *);
  void (*merge)(const kv_decode *, int64_t, int64_t);
  void (*prefill)(const kv_prefill *, int64_t, int64_t, float *);
  void (*linear_rows)(const kv_linear *, int64_t, int64_t);
  void (*linear_panels)(const kv_linear *, int64_t, int64_t, float *);
  void (*rms_norm)(const kv_rms_norm *, int64_t, int64_t);
  void (*rotary)(const kv_rotary *, int64_t, int64_t);
  void (*silu_multiply)(const kv_pairwise *, int64_t, int64_t);
  void (*add)(const kv_pairwise *, int64_t, int64_t);
  uint64_t (*read)(const void *, int64_t);
  float (*peak)(int64_t, float, float);
  int64_t (*peak_operations)(void);
} kv_kernels;

extern const kv_kernels kv_scalar_kernels;
#if defined(__x86_64__)
extern const kv_kernels kv_avx2_kernels;
extern const kv_kernels kv_avx512_base_kernels;
/// Four-bit pages only.
void kv_decode_codes_vnni(const kv_decode *, int64_t first, int64_t last, float *scratch);
#elif defined(__aarch64__)
extern const kv_kernels kv_neon_kernels;
#endif

enum {
  /// Keys that decode scores before it turns to their values: more make the softmax and what is
  /// done once for them cheaper per token. Halves take half as many, so that the rows stay within
  /// reach while all query heads of a group go over them.
  KV_TILE = 128,
  /// Keys that prefill dequantises at once.
  KV_PREFILL_TILE = 64,
  /// Inputs of one block of `kv_linear_pack`.
  KV_LINEAR_DEPTH = 256,
};

KV_INLINE int64_t kv_min(int64_t a, int64_t b) { return a < b ? a : b; }
KV_INLINE int64_t kv_max(int64_t a, int64_t b) { return a > b ? a : b; }

/// Elements of a head's vector padded so that each half is whole vectors of every path.
KV_INLINE int64_t kv_padded_dim(int64_t head_dim) { return (head_dim + 31) / 32 * 32; }

KV_INLINE int64_t kv_code_bytes(const kv_shape *shape) {
  return shape->head_dim * shape->bits / 8;
}

KV_INLINE int64_t kv_slab_bytes(const kv_shape *shape) {
  return shape->block_size * 2 * (kv_code_bytes(shape) + (shape->bits == 4 ? 4 : 0));
}

/// From the start of a slab to its values and to its metadata.
KV_INLINE int64_t kv_value_offset(const kv_shape *shape) {
  return shape->block_size * kv_code_bytes(shape);
}
KV_INLINE int64_t kv_metadata_offset(const kv_shape *shape) {
  return 2 * kv_value_offset(shape);
}

/// Where one token's vectors of one KV head lie.
typedef struct kv_place {
  uint8_t *key;
  uint8_t *value;
  /// Scale of K; zero of K, scale of V and zero of V follow, each `block_size` halves on.
  uint16_t *metadata;
} kv_place;

/// The place of `slot` (page * block_size + offset).
KV_INLINE kv_place kv_locate(
    const kv_shape *shape, const uint8_t *pages, int64_t page, int64_t offset, int64_t kv_head) {
  uint8_t *slab = (uint8_t *)pages + (page * shape->kv_heads + kv_head) * kv_slab_bytes(shape);
  const int64_t row = kv_code_bytes(shape), size = shape->block_size;
  kv_place place = {
      .key = slab + offset * row,
      .value = slab + (size + offset) * row,
      .metadata = (uint16_t *)(void *)(slab + kv_metadata_offset(shape)) + offset,
  };
  return place;
}

/// The partial that a span left for a query head `head` of KV head `kv_head`'s group; NULL where
/// the span does not speak of that KV head.
KV_INLINE float *kv_partial(
    const kv_decode *call, const kv_span *span, int64_t kv_head, int64_t head) {
  const int64_t within = kv_head - span->kv_head;
  if (within < 0 || within >= span->kv_heads) return NULL;
  return call->partials
      + ((span->first_partial + within) * call->shape.group_size + head)
      * (call->shape.head_dim + 2);
}

KV_INLINE float kv_half_to_float(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7FFF;
  uint32_t bits;
  float value;
  if (rest >= 0x7C00) {
    bits = sign | 0x7F800000 | (rest & 0x3FF) << 13;
  } else if (rest >= 0x0400) {
    bits = sign | ((rest << 13) + (112u << 23));
  } else {
    value = (float)rest * 0x1p-24f;
    memcpy(&bits, &value, sizeof bits);
    bits |= sign;
  }
  memcpy(&value, &bits, sizeof value);
  return value;
}

/// Rounds to nearest, ties to even, as the hardware does.
KV_INLINE uint16_t kv_float_to_half(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000;
  uint32_t rest = bits & 0x7FFFFFFF;
  if (rest > 0x7F800000) return (uint16_t)(sign | 0x7E00 | (rest >> 13 & 0x3FF));
  if (rest >= 0x477FF000) return (uint16_t)(sign | 0x7C00);
  if (rest < 0x38800000) {
    // Below the smallest normal half: adding 0.5 leaves the rounded significand in the low bits.
    float magnitude;
    memcpy(&magnitude, &rest, sizeof magnitude);
    magnitude += 0.5f;
    memcpy(&rest, &magnitude, sizeof rest);
    return (uint16_t)(sign | (rest - 0x3F000000));
  }
  rest += 0xC8000FFF + (rest >> 13 & 1);
  return (uint16_t)(sign | rest >> 13);
}

#endif
