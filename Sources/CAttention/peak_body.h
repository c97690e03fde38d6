// The peak of fused multiply-adds: what prefill and linear could reach if they did nothing else.
//
// Each chain waits for itself, four cycles a link on today's cores, and cores start two to four
// vectors a cycle: 8 to 16 chains keep them busy. AVX2's 16 registers hold 12 chains and two
// operands; the others' 32 hold 24. Operations: 2 * LANES per chain and iteration; no bytes.

#define PEAK_CHAINS (LANES == 8 ? 12 : 24)

static int64_t KERNEL(peak_operations)(void) { return 2 * LANES * PEAK_CHAINS; }

/// The sums tend to `addend / (1 - factor)`: no chain grows, vanishes or ends in denormals.
static float KERNEL(peak)(int64_t iterations, float factor, float addend) {
  const lanes m = lanes_all(factor), a = lanes_all(addend);
  lanes r[PEAK_CHAINS];
#pragma clang loop unroll(full)
  for (int64_t i = 0; i < PEAK_CHAINS; i++) r[i] = lanes_all((float)i);
  for (int64_t n = 0; n < iterations; n++) {
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < PEAK_CHAINS; i++) r[i] = lanes_fma(r[i], m, a);
  }
  lanes sum = r[0];
#pragma clang loop unroll(full)
  for (int64_t i = 1; i < PEAK_CHAINS; i++) sum = lanes_add(sum, r[i]);
  return lanes_sum(sum);
}
