// The lanes of AVX2 with FMA and F16C: eight floats. The names are those of lanes_avx512.h.
//
// A mask is a count, and where it is whole the compiler drops the branch. Halves of a head's vector
// are multiples of eight: codes and halves of rows never meet a partial one.

#define LANES 8
/// Vectors of one GEMM tile row: 12 accumulators, 2 operands and a broadcast fill 15 of 16.
#define TILE_VECTORS 2
/// Pairs of value vectors that decode accumulates at a time: 4 heads x 1 pair = 8 registers.
#define VALUE_PAIRS 1
/// Heads that decode scores at a time: 2 heads x 4 keys = 8 registers.
#define SCORE_HEADS 2
#define KERNEL(name) name##_avx2

typedef __m256 lanes;
typedef int64_t lane_mask;

KV_INLINE lane_mask mask_first(int64_t count) { return count < LANES ? count : LANES; }
KV_INLINE __m256i lanes_of_mask(lane_mask m) {
  return _mm256_cmpgt_epi32(
      _mm256_set1_epi32((int)m), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
KV_INLINE lanes lanes_zero(void) { return _mm256_setzero_ps(); }
KV_INLINE lanes lanes_all(float x) { return _mm256_set1_ps(x); }
KV_INLINE lanes lanes_load(const float *p) { return _mm256_loadu_ps(p); }
KV_INLINE lanes lanes_load_first(const float *p, lane_mask m) {
  return m == LANES ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, lanes_of_mask(m));
}
KV_INLINE void lanes_store(float *p, lanes a) { _mm256_storeu_ps(p, a); }
KV_INLINE void lanes_store_first(float *p, lanes a, lane_mask m) {
  if (m == LANES) {
    _mm256_storeu_ps(p, a);
  } else {
    _mm256_maskstore_ps(p, lanes_of_mask(m), a);
  }
}
KV_INLINE lanes lanes_add(lanes a, lanes b) { return _mm256_add_ps(a, b); }
KV_INLINE lanes lanes_sub(lanes a, lanes b) { return _mm256_sub_ps(a, b); }
KV_INLINE lanes lanes_mul(lanes a, lanes b) { return _mm256_mul_ps(a, b); }
KV_INLINE lanes lanes_div(lanes a, lanes b) { return _mm256_div_ps(a, b); }
KV_INLINE lanes lanes_fma(lanes a, lanes b, lanes c) { return _mm256_fmadd_ps(a, b, c); }
KV_INLINE lanes lanes_max(lanes a, lanes b) { return _mm256_max_ps(a, b); }
KV_INLINE lanes lanes_min(lanes a, lanes b) { return _mm256_min_ps(a, b); }
KV_INLINE lanes lanes_round(lanes a) { return _mm256_round_ps(a, 8); }
/// a * 2^n for whole n in -126...127.
KV_INLINE lanes lanes_scale(lanes a, lanes n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return lanes_mul(a, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}
KV_INLINE float lanes_sum(lanes a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
KV_INLINE float lanes_largest(lanes a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
/// The smallest element of `low` and the largest of `high`: one reduction of [-low, high].
KV_INLINE void lanes_extremes(lanes low, lanes high, float *smallest, float *largest) {
  low = _mm256_xor_ps(low, _mm256_set1_ps(-0.0f));
  const __m128 l = _mm_max_ps(_mm256_castps256_ps128(low), _mm256_extractf128_ps(low, 1));
  const __m128 h = _mm_max_ps(_mm256_castps256_ps128(high), _mm256_extractf128_ps(high, 1));
  __m128 two = _mm_max_ps(_mm_unpacklo_ps(l, h), _mm_unpackhi_ps(l, h));
  two = _mm_max_ps(two, _mm_movehl_ps(two, two));
  *smallest = -_mm_cvtss_f32(two);
  *largest = _mm_cvtss_f32(_mm_movehdup_ps(two));
}

/// The sums of four vectors, to `p[0 ..< 4]`.
KV_INLINE void lanes_sum4(lanes a, lanes b, lanes c, lanes d, float *p) {
  const lanes all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  _mm_storeu_ps(p, _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
}

KV_INLINE lanes lanes_load_half(const uint16_t *p, lane_mask m) {
  if (m == LANES) return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
  uint16_t whole[LANES] = {0};
  memcpy(whole, p, (size_t)m * sizeof *p);
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)whole));
}
KV_INLINE void lanes_store_half(uint16_t *p, lanes a, lane_mask m) {
  uint16_t whole[LANES];
  const __m128i halves = _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT);
  _mm_storeu_si128((__m128i *)(void *)whole, halves);
  memcpy(p, whole, (size_t)m * sizeof *p);
}
/// Low and high nibbles of eight bytes, as floats.
KV_INLINE void lanes_load_codes(const uint8_t *p, lane_mask m, lanes *low, lanes *high) {
  (void)m;
  const __m256i bytes =
      _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
  *low = _mm256_cvtepi32_ps(_mm256_and_si256(bytes, _mm256_set1_epi32(15)));
  *high = _mm256_cvtepi32_ps(_mm256_srli_epi32(bytes, 4));
}
/// Rounds (ties to even) whole codes of 0...15 into the nibbles of eight bytes.
KV_INLINE void lanes_store_codes(uint8_t *p, lanes low, lanes high, lane_mask m) {
  (void)m;
  const __m256i bytes = _mm256_or_si256(
      _mm256_cvtps_epi32(low), _mm256_slli_epi32(_mm256_cvtps_epi32(high), 4));
  const __m128i words = _mm_packus_epi32(
      _mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
  _mm_storel_epi64((__m128i *)(void *)p, _mm_packus_epi16(words, words));
}

/// One Hadamard stage within 8 lanes: a + b in the lower of each pair of lanes, a - b in the
/// upper. A fused multiply with +-1 rounds exactly as the addition does.
KV_INLINE lanes lanes_butterfly1(lanes a) {
  const lanes sign = _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1);
  return _mm256_fmadd_ps(a, sign, _mm256_permute_ps(a, 0xB1));
}
KV_INLINE lanes lanes_butterfly2(lanes a) {
  const lanes sign = _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1);
  return _mm256_fmadd_ps(a, sign, _mm256_permute_ps(a, 0x4E));
}
KV_INLINE lanes lanes_butterfly4(lanes a) {
  const lanes sign = _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1);
  return _mm256_fmadd_ps(a, sign, _mm256_permute2f128_ps(a, a, 1));
}

/// Transposes an 8 x 8 block held in registers.
KV_INLINE void lanes_transpose(lanes r[LANES]) {
  lanes t[LANES];
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i += 4) {
    const lanes a = _mm256_unpacklo_ps(r[i], r[i + 1]), b = _mm256_unpackhi_ps(r[i], r[i + 1]);
    const lanes c = _mm256_unpacklo_ps(r[i + 2], r[i + 3]);
    const lanes d = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
    t[i] = _mm256_shuffle_ps(a, c, 0x44);
    t[i + 1] = _mm256_shuffle_ps(a, c, 0xEE);
    t[i + 2] = _mm256_shuffle_ps(b, d, 0x44);
    t[i + 3] = _mm256_shuffle_ps(b, d, 0xEE);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    r[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
    r[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
  }
}
