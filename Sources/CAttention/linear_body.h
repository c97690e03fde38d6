// Dense linear: Y = X * W^T with W in IEEE half, X and Y in FP32, sums in FP32.
//
// `linear_rows` (few tokens) reads each weight once, four rows of W against up to four tokens in
// registers. `linear_panels` (many tokens) turns 64 rows x 256 inputs of W into an FP32 panel in
// L2 and drives the GEMM tile over it.
//
// Bytes: 2 * outputs * inputs + activations. Operations: 2 * tokens * outputs * inputs. One token
// is bound by memory; from some 30 tokens on, the FMA units are the floor.
//
// Measured on 2 cores of a Zen 5 EPYC that read 42 to 50 GB/s, 517 GFLOP/s of FMA; 4096 x 4096,
// cold, median of 9, in microseconds for 1, 4, 32, 64 and 256 tokens.
//   first version                               937  1348  3781  8525  22426
//   weights prefetched, panels a block ahead    914   938  3145  5941  19596
// One token reads at 36 GB/s (75 % of a plain read), 256 run at 438 GFLOP/s (85 %). AVX2: 1,159
// for one token, 36.9 ms for 256.

// One token as one stream: 58 % became 82 % of a plain read when that gave 76 GB/s. On a Zen 4 EPYC
// that read 33 GB/s the same gave 73 %, prefetched into the second level instead of the first 85 to
// 90 %; four tokens went from 66 to 74 %.

/// Four rows of W (or fewer: missing ones repeat the last) against `tokens` rows of X.
KV_INLINE void KERNEL(linear_block)(
    const int tokens, const kv_linear *call, const uint16_t *const w[4], int64_t token,
    int64_t output, int64_t count) {
  const int64_t inputs = call->inputs;
  const float *x = call->x + token * inputs;
  lanes sum[4][4];
  for (int t = 0; t < tokens; t++) {
    for (int r = 0; r < 4; r++) sum[t][r] = lanes_zero();
  }
  for (int64_t i = 0; i < inputs; i += LANES) {
    const lane_mask m = mask_first(inputs - i);
    lanes weight[4];
    for (int r = 0; r < 4; r++) {
      weight[r] = lanes_load_half(w[r] + i, m);
      // The first tokens bring the weights in; four short streams leave the hardware's own
      // prefetchers behind.
      if (token == 0) __builtin_prefetch(w[r] + i + 512, 0, 2);
    }
    for (int t = 0; t < tokens; t++) {
      const lanes a = lanes_load_first(x + t * inputs + i, m);
      for (int r = 0; r < 4; r++) sum[t][r] = lanes_fma(a, weight[r], sum[t][r]);
    }
  }
  for (int t = 0; t < tokens; t++) {
    float y[4];
    lanes_sum4(sum[t][0], sum[t][1], sum[t][2], sum[t][3], y);
    memcpy(
        call->y + (token + t) * call->outputs + output, y, (size_t)count * sizeof(float));
  }
}

/// One row of W against one row of X, in four sums that do not wait for each other.
KV_INLINE lanes KERNEL(dot_row)(const uint16_t *w, const float *x, int64_t inputs) {
  lanes sum[4];
  for (int k = 0; k < 4; k++) sum[k] = lanes_zero();
  int64_t i = 0;
  for (; i + 4 * LANES <= inputs; i += 4 * LANES) {
    // Rows follow each other in memory: what comes 1 KiB on is read next, if not of this row. Asked
    // for into the second level, which the hardware then runs ahead of.
    __builtin_prefetch(w + i + 512, 0, 2);
#if LANES == 16
    __builtin_prefetch(w + i + 512 + 32, 0, 2);
#endif
    for (int k = 0; k < 4; k++) {
      const lanes weight = lanes_load_half(w + i + k * LANES, mask_first(LANES));
      sum[k] = lanes_fma(lanes_load(x + i + k * LANES), weight, sum[k]);
    }
  }
  for (; i < inputs; i += LANES) {
    const lane_mask m = mask_first(inputs - i);
    sum[0] = lanes_fma(lanes_load_first(x + i, m), lanes_load_half(w + i, m), sum[0]);
  }
  return lanes_add(lanes_add(sum[0], sum[1]), lanes_add(sum[2], sum[3]));
}

/// One token: W is one stream from the first row to the last, as memory likes it best.
static void KERNEL(linear_one)(const kv_linear *call, int64_t first, int64_t last) {
  for (int64_t output = first; output < last; output += 4) {
    const int64_t count = kv_min(4, last - output);
    lanes sum[4];
    float y[4];
    for (int64_t r = 0; r < 4; r++) {
      sum[r] = r < count
          ? KERNEL(dot_row)(call->w + (output + r) * call->inputs, call->x, call->inputs)
          : lanes_zero();
    }
    lanes_sum4(sum[0], sum[1], sum[2], sum[3], y);
    memcpy(call->y + output, y, (size_t)count * sizeof(float));
  }
}

static void KERNEL(linear_rows)(const kv_linear *call, int64_t first, int64_t last) {
  if (call->tokens == 1) {
    KERNEL(linear_one)(call, first, last);
    return;
  }
  for (int64_t output = first; output < last; output += 4) {
    const int64_t count = kv_min(4, last - output);
    const uint16_t *w[4];
    for (int64_t r = 0; r < 4; r++) {
      w[r] = call->w + (output + kv_min(r, count - 1)) * call->inputs;
    }
    int64_t token = 0;
    for (; token + 4 <= call->tokens; token += 4) {
      KERNEL(linear_block)(4, call, w, token, output, count);
    }
    switch (call->tokens - token) {
      case 3: KERNEL(linear_block)(3, call, w, token, output, count); break;
      case 2: KERNEL(linear_block)(2, call, w, token, output, count); break;
      case 1: KERNEL(linear_block)(1, call, w, token, output, count); break;
      default: break;
    }
  }
}

/// `depth` inputs of up to 64 rows of W as FP32, [input][64]; missing rows are zero.
static void KERNEL(pack_weights)(
    const uint16_t *w, int64_t pitch, int64_t rows, int64_t depth, float *panel) {
  for (int64_t row = 0; row < KV_LINEAR_PANEL; row += LANES) {
    for (int64_t i = 0; i < depth; i += LANES) {
      const int64_t count = kv_min(LANES, depth - i);
      lanes block[LANES];
      for (int64_t r = 0; r < LANES; r++) {
        // What the next block of inputs will need has the length of a GEMM to arrive.
        if (i % 32 == 0 && row + r < rows) {
          __builtin_prefetch(w + (row + r) * pitch + i + KV_LINEAR_DEPTH, 0, 2);
        }
        block[r] = row + r < rows
            ? lanes_load_half(w + (row + r) * pitch + i, mask_first(count))
            : lanes_zero();
      }
      lanes_transpose(block);
      for (int64_t k = 0; k < count; k++) {
        lanes_store(panel + (i + k) * KV_LINEAR_PANEL + row, block[k]);
      }
    }
  }
}

static void KERNEL(linear_panels)(
    const kv_linear *call, int64_t first, int64_t last, float *scratch) {
  float *panel = scratch, *edge = scratch + KV_LINEAR_PANEL * KV_LINEAR_DEPTH;
  const KERNEL(matrix) b = {panel, KV_LINEAR_PANEL}, e = {edge, KV_LINEAR_PANEL};
  for (int64_t output = first * KV_LINEAR_PANEL;
       output < kv_min(last * KV_LINEAR_PANEL, call->outputs); output += KV_LINEAR_PANEL) {
    const int64_t columns = kv_min(KV_LINEAR_PANEL, call->outputs - output);
    for (int64_t depth = 0; depth < call->inputs; depth += KV_LINEAR_DEPTH) {
      const int64_t width = kv_min(KV_LINEAR_DEPTH, call->inputs - depth);
      KERNEL(pack_weights)(
          call->w + output * call->inputs + depth, call->inputs, columns, width, panel);
      for (int64_t token = 0; token < call->tokens; token += 6) {
        const int64_t rows = kv_min(6, call->tokens - token);
        const KERNEL(matrix) a = {
            call->packed_x + depth * call->tokens + token * width, width};
        const KERNEL(matrix) c = {call->y + token * call->outputs + output, call->outputs};
        if (columns == KV_LINEAR_PANEL) {
          KERNEL(gemm)(rows, columns, width, a, b, c, depth > 0);
          continue;
        }
        // The last panel's sums are made whole in scratch, and only what exists is kept.
        for (int64_t r = 0; r < rows && depth > 0; r++) {
          memcpy(e.at + r * e.pitch, c.at + r * c.pitch, (size_t)columns * sizeof(float));
        }
        KERNEL(gemm)(rows, KV_LINEAR_PANEL, width, a, b, e, depth > 0);
        for (int64_t r = 0; r < rows; r++) {
          memcpy(c.at + r * c.pitch, e.at + r * e.pitch, (size_t)columns * sizeof(float));
        }
      }
    }
  }
}
