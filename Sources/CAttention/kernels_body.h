// One path's kernels, in terms of the lanes that the including file has defined.

#include "lanes_math.h"
#include "rows_body.h"
#include "gemm_body.h"
#include "append_body.h"
#include "gather_body.h"
#include "decode_body.h"
#include "merge_body.h"
#include "prefill_body.h"
#include "linear_body.h"
#include "norm_body.h"
#include "rotary_body.h"
#include "pairwise_body.h"
#include "peak_body.h"

/// Sums memory as floats, whatever they are; four sums, since one chain of additions would wait
/// for itself.
static uint64_t KERNEL(read)(const void *memory, int64_t bytes) {
  const float *p = memory;
  lanes a = lanes_zero(), b = a, c = a, d = a;
  for (int64_t i = 0; i < bytes / 4; i += 4 * LANES) {
    a = lanes_add(a, lanes_load(p + i));
    b = lanes_add(b, lanes_load(p + i + LANES));
    c = lanes_add(c, lanes_load(p + i + 2 * LANES));
    d = lanes_add(d, lanes_load(p + i + 3 * LANES));
  }
  const float sum = lanes_sum(lanes_add(lanes_add(a, b), lanes_add(c, d)));
  uint32_t bits;
  memcpy(&bits, &sum, sizeof bits);
  return bits;
}

#define KV_KERNEL_TABLE \
  { \
    .append = KERNEL(append), .rotate = KERNEL(rotate), \
    .gather = KERNEL(gather_tokens), .turn = KERNEL(turn), .decode = KERNEL(decode), \
    .merge = KERNEL(merge), .prefill = KERNEL(prefill), .linear_rows = KERNEL(linear_rows), \
    .linear_panels = KERNEL(linear_panels), .rms_norm = KERNEL(rms_norm), \
    .rotary = KERNEL(rotary), .silu_multiply = KERNEL(silu_multiply), .add = KERNEL(add), \
    .read = KERNEL(read), .peak = KERNEL(peak), .peak_operations = KERNEL(peak_operations), \
  }
