// Rotary position embedding in place (J. Su et al., RoFormer, 2021, equation 34), in the pairing of
// Hugging Face's Llama and Qwen (rotate_half): elements i and i + head_dim / 2 of a head turn by
// one angle.
//
// An angle is a position times a frequency in whole numbers modulo one turn, which is exact: in
// FP32 the angle at position 100,000 would be off by 2^-8. Sine and cosine of a token's angles are
// taken once for all of its heads.
//
// Bytes per element: reads 4, writes 4. Operations: 3 per element, and some 25 per pair and token
// for its angle. The floor is memory.
//
// Measured on one core of a shared Zen 4 EPYC; 4,096 tokens of 32 heads of 128, cold, median of 9:
// 3.1 ms on AVX2, 3.3 on AVX-512 (44 and 40 GB/s; scalar 19.2). With one head a token, where angles
// are most of the work, 0.31 and 0.19 ms (13 and 22 GB/s).

/// Cosines and sines of `position`'s angles, to some 10^-7: within an eighth of a turn of a
/// quarter, the polynomials of Cephes (S. Moshier, sinf.c). Plain C, which compilers turn into
/// lanes.
KV_INLINE void KERNEL(turn_of)(
    uint32_t position, const uint64_t *frequencies, int64_t count, float *cosines, float *sines) {
  for (int64_t i = 0; i < count; i++) {
    const uint32_t turns = (uint32_t)(position * frequencies[i] >> 32);
    const uint32_t quarter = (turns + 0x20000000u) >> 30;
    const float angle = (float)(int32_t)(turns - (quarter << 30)) * 0x1.921fb6p-30f;
    const float z = angle * angle;
    const float s = angle
        + angle * z * (-1.6666654611e-1f + z * (8.3321608736e-3f - z * 1.9515295891e-4f));
    const float c = 1.0f - 0.5f * z
        + z * z * (4.1666645683e-2f + z * (-1.3887316255e-3f + z * 2.4433157118e-5f));
    // Of quarters 0 to 3: (c, s), (-s, c), (-c, -s), (s, -c).
    const float across = quarter & 1 ? -s : c, up = quarter & 1 ? c : s;
    cosines[i] = quarter & 2 ? -across : across;
    sines[i] = quarter & 2 ? -up : up;
  }
}

static void KERNEL(rotary)(const kv_rotary *call, int64_t first, int64_t last) {
  const int64_t half = call->head_dim / 2;
  float cosines[KV_MAX_HEAD_DIM / 2], sines[KV_MAX_HEAD_DIM / 2];
  for (int64_t token = first; token < last; token++) {
    KERNEL(turn_of)(call->positions[token], call->frequencies, half, cosines, sines);
    for (int64_t head = 0; head < call->heads; head++) {
      float *x = call->x + (token * call->heads + head) * call->head_dim;
      for (int64_t i = 0; i < half; i += LANES) {
        const lane_mask m = mask_first(half - i);
        const lanes a = lanes_load_first(x + i, m), b = lanes_load_first(x + half + i, m);
        const lanes c = lanes_load_first(cosines + i, m), s = lanes_load_first(sines + i, m);
        lanes_store_first(x + i, lanes_sub(lanes_mul(a, c), lanes_mul(b, s)), m);
        lanes_store_first(x + half + i, lanes_fma(b, c, lanes_mul(a, s)), m);
      }
    }
  }
}
