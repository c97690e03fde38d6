// The lanes of arm64's NEON: eight floats in two registers. The names are those of lanes_avx2.h.
//
// Two by two, NEON's 32 registers are the 16 of AVX2, so the tiles that fit there fit here.
// Masks are counts as in lanes_avx2.h.

#define LANES 8
/// Vectors of one GEMM tile row: 24 accumulators, 4 operands and a broadcast fill 29 of 32.
#define TILE_VECTORS 2
/// Pairs of value vectors that decode accumulates at a time: 4 heads x 1 pair = 16 registers.
#define VALUE_PAIRS 1
/// Heads that decode scores at a time: 2 heads x 4 keys = 16 registers.
#define SCORE_HEADS 2
#define KERNEL(name) name##_neon

typedef struct lanes {
  float32x4_t low, high;
} lanes;
typedef int64_t lane_mask;

KV_INLINE lane_mask mask_first(int64_t count) { return count < LANES ? count : LANES; }
KV_INLINE lanes lanes_of(float32x4_t low, float32x4_t high) {
  const lanes a = {low, high};
  return a;
}
KV_INLINE lanes lanes_all(float x) { return lanes_of(vdupq_n_f32(x), vdupq_n_f32(x)); }
KV_INLINE lanes lanes_zero(void) { return lanes_all(0); }
KV_INLINE lanes lanes_load(const float *p) { return lanes_of(vld1q_f32(p), vld1q_f32(p + 4)); }
KV_INLINE void lanes_store(float *p, lanes a) {
  vst1q_f32(p, a.low);
  vst1q_f32(p + 4, a.high);
}
KV_INLINE lanes lanes_load_first(const float *p, lane_mask m) {
  if (m == LANES) return lanes_load(p);
  float whole[LANES] = {0};
  memcpy(whole, p, (size_t)m * sizeof *p);
  return lanes_load(whole);
}
KV_INLINE void lanes_store_first(float *p, lanes a, lane_mask m) {
  if (m == LANES) {
    lanes_store(p, a);
  } else {
    float whole[LANES];
    lanes_store(whole, a);
    memcpy(p, whole, (size_t)m * sizeof *p);
  }
}
KV_INLINE lanes lanes_add(lanes a, lanes b) {
  return lanes_of(vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high));
}
KV_INLINE lanes lanes_sub(lanes a, lanes b) {
  return lanes_of(vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high));
}
KV_INLINE lanes lanes_mul(lanes a, lanes b) {
  return lanes_of(vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high));
}
KV_INLINE lanes lanes_div(lanes a, lanes b) {
  return lanes_of(vdivq_f32(a.low, b.low), vdivq_f32(a.high, b.high));
}
KV_INLINE lanes lanes_fma(lanes a, lanes b, lanes c) {
  return lanes_of(vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high));
}
KV_INLINE lanes lanes_max(lanes a, lanes b) {
  return lanes_of(vmaxq_f32(a.low, b.low), vmaxq_f32(a.high, b.high));
}
KV_INLINE lanes lanes_min(lanes a, lanes b) {
  return lanes_of(vminq_f32(a.low, b.low), vminq_f32(a.high, b.high));
}
KV_INLINE lanes lanes_round(lanes a) { return lanes_of(vrndnq_f32(a.low), vrndnq_f32(a.high)); }
KV_INLINE float32x4_t power_of_two(float32x4_t n) {
  const int32x4_t exponent = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
  return vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23));
}
/// a * 2^n for whole n in -126...127.
KV_INLINE lanes lanes_scale(lanes a, lanes n) {
  return lanes_mul(a, lanes_of(power_of_two(n.low), power_of_two(n.high)));
}
KV_INLINE float lanes_sum(lanes a) { return vaddvq_f32(vaddq_f32(a.low, a.high)); }
KV_INLINE float lanes_largest(lanes a) { return vmaxvq_f32(vmaxq_f32(a.low, a.high)); }
/// The smallest element of `low` and the largest of `high`.
KV_INLINE void lanes_extremes(lanes low, lanes high, float *smallest, float *largest) {
  *smallest = vminvq_f32(vminq_f32(low.low, low.high));
  *largest = vmaxvq_f32(vmaxq_f32(high.low, high.high));
}

/// The sums of four vectors, to `p[0 ..< 4]`.
KV_INLINE void lanes_sum4(lanes a, lanes b, lanes c, lanes d, float *p) {
  const float32x4_t ab = vpaddq_f32(vaddq_f32(a.low, a.high), vaddq_f32(b.low, b.high));
  const float32x4_t cd = vpaddq_f32(vaddq_f32(c.low, c.high), vaddq_f32(d.low, d.high));
  vst1q_f32(p, vpaddq_f32(ab, cd));
}

KV_INLINE lanes lanes_of_halves(uint16x8_t bits) {
  const float16x8_t halves = vreinterpretq_f16_u16(bits);
  return lanes_of(vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves));
}
KV_INLINE lanes lanes_load_half(const uint16_t *p, lane_mask m) {
  if (m == LANES) return lanes_of_halves(vld1q_u16(p));
  uint16_t whole[LANES] = {0};
  memcpy(whole, p, (size_t)m * sizeof *p);
  return lanes_of_halves(vld1q_u16(whole));
}
KV_INLINE void lanes_store_half(uint16_t *p, lanes a, lane_mask m) {
  uint16_t whole[LANES];
  const float16x8_t halves = vcvt_high_f16_f32(vcvt_f16_f32(a.low), a.high);
  vst1q_u16(whole, vreinterpretq_u16_f16(halves));
  memcpy(p, whole, (size_t)m * sizeof *p);
}
KV_INLINE lanes lanes_of_bytes(uint8x8_t bytes) {
  const uint16x8_t words = vmovl_u8(bytes);
  return lanes_of(
      vcvtq_f32_u32(vmovl_u16(vget_low_u16(words))), vcvtq_f32_u32(vmovl_high_u16(words)));
}
/// Low and high nibbles of eight bytes, as floats.
KV_INLINE void lanes_load_codes(const uint8_t *p, lane_mask m, lanes *low, lanes *high) {
  (void)m;
  const uint8x8_t bytes = vld1_u8(p);
  *low = lanes_of_bytes(vand_u8(bytes, vdup_n_u8(15)));
  *high = lanes_of_bytes(vshr_n_u8(bytes, 4));
}
KV_INLINE uint8x8_t bytes_of_lanes(lanes a) {
  const uint16x4_t low = vmovn_u32(vcvtnq_u32_f32(a.low));
  return vmovn_u16(vmovn_high_u32(low, vcvtnq_u32_f32(a.high)));
}
/// Rounds (ties to even) whole codes of 0...15 into the nibbles of eight bytes.
KV_INLINE void lanes_store_codes(uint8_t *p, lanes low, lanes high, lane_mask m) {
  (void)m;
  vst1_u8(p, vorr_u8(bytes_of_lanes(low), vshl_n_u8(bytes_of_lanes(high), 4)));
}

/// One Hadamard stage within 8 lanes: a + b in the lower of each pair of lanes, a - b in the
/// upper. A fused multiply with +-1 rounds exactly as the addition does.
KV_INLINE lanes lanes_butterfly1(lanes a) {
  const float32x4_t sign = {1, -1, 1, -1};
  return lanes_of(
      vfmaq_f32(vrev64q_f32(a.low), a.low, sign), vfmaq_f32(vrev64q_f32(a.high), a.high, sign));
}
KV_INLINE lanes lanes_butterfly2(lanes a) {
  const float32x4_t sign = {1, 1, -1, -1};
  return lanes_of(
      vfmaq_f32(vextq_f32(a.low, a.low, 2), a.low, sign),
      vfmaq_f32(vextq_f32(a.high, a.high, 2), a.high, sign));
}
KV_INLINE lanes lanes_butterfly4(lanes a) {
  return lanes_of(vaddq_f32(a.low, a.high), vsubq_f32(a.low, a.high));
}

/// Transposes a 4 x 4 block held in registers.
KV_INLINE void transpose_quarter(float32x4_t r[4]) {
  const float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(r[0], r[1]));
  const float64x2_t b = vreinterpretq_f64_f32(vtrn2q_f32(r[0], r[1]));
  const float64x2_t c = vreinterpretq_f64_f32(vtrn1q_f32(r[2], r[3]));
  const float64x2_t d = vreinterpretq_f64_f32(vtrn2q_f32(r[2], r[3]));
  r[0] = vreinterpretq_f32_f64(vtrn1q_f64(a, c));
  r[1] = vreinterpretq_f32_f64(vtrn1q_f64(b, d));
  r[2] = vreinterpretq_f32_f64(vtrn2q_f64(a, c));
  r[3] = vreinterpretq_f32_f64(vtrn2q_f64(b, d));
}

/// Transposes an 8 x 8 block held in registers: its quarters each, the off-diagonal ones swapped.
KV_INLINE void lanes_transpose(lanes r[LANES]) {
  float32x4_t a[4], b[4], c[4], d[4];
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    a[i] = r[i].low;
    b[i] = r[i].high;
    c[i] = r[i + 4].low;
    d[i] = r[i + 4].high;
  }
  transpose_quarter(a);
  transpose_quarter(b);
  transpose_quarter(c);
  transpose_quarter(d);
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    r[i] = lanes_of(a[i], c[i]);
    r[i + 4] = lanes_of(b[i], d[i]);
  }
}
