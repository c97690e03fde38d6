// The lanes of AVX-512: sixteen floats. avx2's lanes have the same names, so that each kernel is
// written once (*_body.h) and compiled per instruction set.

#define LANES 16
/// Vectors of one GEMM tile row: with 6 rows, 24 accumulators, 4 operands and a broadcast fill
/// 29 of 32 registers.
#define TILE_VECTORS 4
/// Pairs of value vectors that decode accumulates at a time: 4 heads x 2 pairs = 16 registers.
#define VALUE_PAIRS 2
/// Heads that decode scores at a time: 4 heads x 4 keys = 16 registers.
#define SCORE_HEADS 4
#define KERNEL(name) name##_avx512

typedef __m512 lanes;
typedef __m512i ilanes;
typedef __mmask16 lane_mask;

KV_INLINE lane_mask mask_first(int64_t count) {
  return count >= LANES ? (lane_mask)0xFFFF : (lane_mask)((1u << count) - 1);
}
KV_INLINE lanes lanes_zero(void) { return _mm512_setzero_ps(); }
KV_INLINE lanes lanes_all(float x) { return _mm512_set1_ps(x); }
KV_INLINE lanes lanes_load(const float *p) { return _mm512_loadu_ps(p); }
KV_INLINE lanes lanes_load_first(const float *p, lane_mask m) {
  return _mm512_maskz_loadu_ps(m, p);
}
KV_INLINE void lanes_store(float *p, lanes a) { _mm512_storeu_ps(p, a); }
KV_INLINE void lanes_store_first(float *p, lanes a, lane_mask m) {
  _mm512_mask_storeu_ps(p, m, a);
}
KV_INLINE lanes lanes_add(lanes a, lanes b) { return _mm512_add_ps(a, b); }
KV_INLINE lanes lanes_sub(lanes a, lanes b) { return _mm512_sub_ps(a, b); }
KV_INLINE lanes lanes_mul(lanes a, lanes b) { return _mm512_mul_ps(a, b); }
KV_INLINE lanes lanes_div(lanes a, lanes b) { return _mm512_div_ps(a, b); }
KV_INLINE lanes lanes_fma(lanes a, lanes b, lanes c) { return _mm512_fmadd_ps(a, b, c); }
KV_INLINE lanes lanes_max(lanes a, lanes b) { return _mm512_max_ps(a, b); }
KV_INLINE lanes lanes_min(lanes a, lanes b) { return _mm512_min_ps(a, b); }
KV_INLINE lanes lanes_round(lanes a) { return _mm512_roundscale_ps(a, 8); }
/// a * 2^n for whole n in -126...127.
KV_INLINE lanes lanes_scale(lanes a, lanes n) { return _mm512_scalef_ps(a, n); }
KV_INLINE float lanes_sum(lanes a) { return _mm512_reduce_add_ps(a); }
KV_INLINE float lanes_largest(lanes a) { return _mm512_reduce_max_ps(a); }
/// The smallest element of `low` and the largest of `high`: one reduction of [-low, high].
KV_INLINE void lanes_extremes(lanes low, lanes high, float *smallest, float *largest) {
  low = _mm512_xor_ps(low, _mm512_set1_ps(-0.0f));
  const lanes both = _mm512_max_ps(
      _mm512_shuffle_f32x4(low, high, 0x44), _mm512_shuffle_f32x4(low, high, 0xEE));
  __m256 a = _mm512_castps512_ps256(both), b = _mm512_extractf32x8_ps(both, 1);
  __m128 l = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  __m128 h = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
  __m128 two = _mm_max_ps(_mm_unpacklo_ps(l, h), _mm_unpackhi_ps(l, h));
  two = _mm_max_ps(two, _mm_movehl_ps(two, two));
  *smallest = -_mm_cvtss_f32(two);
  *largest = _mm_cvtss_f32(_mm_movehdup_ps(two));
}

/// The sums of four vectors, to `p[0 ..< 4]`.
KV_INLINE void lanes_sum4(lanes a, lanes b, lanes c, lanes d, float *p) {
  const lanes ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const lanes cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  const lanes all = _mm512_add_ps(
      _mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xEE));
  const __m256 half = _mm256_add_ps(
      _mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
  _mm_storeu_ps(p, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
}

KV_INLINE lanes lanes_load_half(const uint16_t *p, lane_mask m) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, p));
}
KV_INLINE void lanes_store_half(uint16_t *p, lanes a, lane_mask m) {
  _mm256_mask_storeu_epi16(p, m, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}
/// Low and high nibbles of bytes, as floats. The permutation reads the low four bits of each
/// index, so that a table of 0...15 masks and converts at once.
KV_INLINE void lanes_load_codes(const uint8_t *p, lane_mask m, lanes *low, lanes *high) {
  const lanes table =
      _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const ilanes bytes = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(m, p));
  *low = _mm512_permutexvar_ps(bytes, table);
  *high = _mm512_permutexvar_ps(_mm512_srli_epi32(bytes, 4), table);
}
/// Rounds (ties to even) whole codes of 0...15 into the nibbles of bytes.
KV_INLINE void lanes_store_codes(uint8_t *p, lanes low, lanes high, lane_mask m) {
  const ilanes bytes = _mm512_or_si512(
      _mm512_cvtps_epi32(low), _mm512_slli_epi32(_mm512_cvtps_epi32(high), 4));
  _mm512_mask_cvtepi32_storeu_epi8(p, m, bytes);
}

/// `lanes_store_wide_codes` is there.
#define WIDE_CODES
/// 64 bytes of codes: rounds (ties to even) what is at most 15, and takes 0 for what is below.
/// Packing saturates, so that only the upper end needs an instruction of its own.
KV_INLINE void lanes_store_wide_codes(uint8_t *p, const lanes low[4], const lanes high[4]) {
  ilanes words[4];
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {
    words[i] = _mm512_packs_epi32(
        _mm512_cvtps_epi32(low[2 * i]), _mm512_cvtps_epi32(low[2 * i + 1]));
    words[2 + i] = _mm512_packs_epi32(
        _mm512_cvtps_epi32(high[2 * i]), _mm512_cvtps_epi32(high[2 * i + 1]));
  }
  const ilanes bytes = _mm512_or_si512(
      _mm512_packus_epi16(words[0], words[1]),
      _mm512_slli_epi16(_mm512_packus_epi16(words[2], words[3]), 4));
  // Packing goes by quarters: lane `4 * q + v` has what vector `v` held in its quarter `q`.
  const ilanes order =
      _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, bytes));
}

/// One Hadamard stage within 16 lanes: a + b in the lower of each pair of lanes, a - b in the
/// upper. A fused multiply with +-1 rounds exactly as the addition does.
KV_INLINE lanes lanes_butterfly1(lanes a) {
  const lanes sign = _mm512_setr_ps(1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1);
  return _mm512_fmadd_ps(a, sign, _mm512_permute_ps(a, 0xB1));
}
KV_INLINE lanes lanes_butterfly2(lanes a) {
  const lanes sign = _mm512_setr_ps(1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1);
  return _mm512_fmadd_ps(a, sign, _mm512_permute_ps(a, 0x4E));
}
KV_INLINE lanes lanes_butterfly4(lanes a) {
  const lanes sign = _mm512_setr_ps(1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1);
  return _mm512_fmadd_ps(a, sign, _mm512_shuffle_f32x4(a, a, 0xB1));
}
KV_INLINE lanes lanes_butterfly8(lanes a) {
  const lanes sign = _mm512_setr_ps(1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1);
  return _mm512_fmadd_ps(a, sign, _mm512_shuffle_f32x4(a, a, 0x4E));
}

/// Transposes a 16 x 16 block held in registers.
KV_INLINE void lanes_transpose(lanes r[LANES]) {
  lanes t[LANES];
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 4) {
    const lanes a = _mm512_unpacklo_ps(r[i], r[i + 1]), b = _mm512_unpackhi_ps(r[i], r[i + 1]);
    const lanes c = _mm512_unpacklo_ps(r[i + 2], r[i + 3]);
    const lanes d = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
    t[i] = _mm512_shuffle_ps(a, c, 0x44);
    t[i + 1] = _mm512_shuffle_ps(a, c, 0xEE);
    t[i + 2] = _mm512_shuffle_ps(b, d, 0x44);
    t[i + 3] = _mm512_shuffle_ps(b, d, 0xEE);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const lanes a = _mm512_shuffle_f32x4(t[i], t[i + 4], 0x88);
    const lanes b = _mm512_shuffle_f32x4(t[i], t[i + 4], 0xDD);
    const lanes c = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0x88);
    const lanes d = _mm512_shuffle_f32x4(t[i + 8], t[i + 12], 0xDD);
    r[i] = _mm512_shuffle_f32x4(a, c, 0x88);
    r[i + 8] = _mm512_shuffle_f32x4(a, c, 0xDD);
    r[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
    r[i + 12] = _mm512_shuffle_f32x4(b, d, 0xDD);
  }
}
