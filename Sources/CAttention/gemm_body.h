// The register tile that prefill and blocked linear share:
//     C[rows x cols] (+)= A[rows x depth] * B[depth x cols],  rows <= 6, cols <= 64 (AVX-512)
// A is read by broadcast, B by whole vectors; both are expected in L1 or L2. Per step of depth,
// 24 FMAs need 10 loads (AVX-512), which leaves the FMA units the bottleneck.

enum { KERNEL(TILE_ROWS) = 6 };
#define TILE_COLUMNS (TILE_VECTORS * LANES)

typedef struct KERNEL(matrix) {
  float *at;
  int64_t pitch;
} KERNEL(matrix);

KV_INLINE void KERNEL(gemm_fixed)(
    const int rows, const int vectors, int64_t depth, KERNEL(matrix) a, KERNEL(matrix) b,
    KERNEL(matrix) c, bool adds) {
  lanes sum[6][TILE_VECTORS];
  for (int r = 0; r < rows; r++) {
    for (int v = 0; v < vectors; v++) {
      sum[r][v] = adds ? lanes_load(c.at + r * c.pitch + v * LANES) : lanes_zero();
    }
  }
  for (int64_t k = 0; k < depth; k++) {
    lanes operand[TILE_VECTORS];
    for (int v = 0; v < vectors; v++) operand[v] = lanes_load(b.at + k * b.pitch + v * LANES);
    for (int r = 0; r < rows; r++) {
      const lanes x = lanes_all(a.at[r * a.pitch + k]);
      for (int v = 0; v < vectors; v++) sum[r][v] = lanes_fma(x, operand[v], sum[r][v]);
    }
  }
  for (int r = 0; r < rows; r++) {
    for (int v = 0; v < vectors; v++) lanes_store(c.at + r * c.pitch + v * LANES, sum[r][v]);
  }
}

static void KERNEL(gemm_whole)(
    int64_t rows, int64_t depth, KERNEL(matrix) a, KERNEL(matrix) b, KERNEL(matrix) c,
    bool adds) {
  switch (rows) {
    case 6: KERNEL(gemm_fixed)(6, TILE_VECTORS, depth, a, b, c, adds); break;
    case 5: KERNEL(gemm_fixed)(5, TILE_VECTORS, depth, a, b, c, adds); break;
    case 4: KERNEL(gemm_fixed)(4, TILE_VECTORS, depth, a, b, c, adds); break;
    case 3: KERNEL(gemm_fixed)(3, TILE_VECTORS, depth, a, b, c, adds); break;
    case 2: KERNEL(gemm_fixed)(2, TILE_VECTORS, depth, a, b, c, adds); break;
    default: KERNEL(gemm_fixed)(1, TILE_VECTORS, depth, a, b, c, adds); break;
  }
}

static void KERNEL(gemm_narrow)(
    int64_t rows, int64_t depth, KERNEL(matrix) a, KERNEL(matrix) b, KERNEL(matrix) c,
    bool adds) {
  if (rows == 6) {
    KERNEL(gemm_fixed)(6, 1, depth, a, b, c, adds);
    return;
  }
  for (int64_t r = 0; r < rows; r++) {
    const KERNEL(matrix) ar = {a.at + r * a.pitch, a.pitch}, cr = {c.at + r * c.pitch, c.pitch};
    KERNEL(gemm_fixed)(1, 1, depth, ar, b, cr, adds);
  }
}

/// Up to six rows by `columns`, a multiple of LANES.
static void KERNEL(gemm)(
    int64_t rows, int64_t columns, int64_t depth, KERNEL(matrix) a, KERNEL(matrix) b,
    KERNEL(matrix) c, bool adds) {
  int64_t column = 0;
  for (; column + TILE_COLUMNS <= columns; column += TILE_COLUMNS) {
    const KERNEL(matrix) bc = {b.at + column, b.pitch}, cc = {c.at + column, c.pitch};
    KERNEL(gemm_whole)(rows, depth, a, bc, cc, adds);
  }
  for (; column < columns; column += LANES) {
    const KERNEL(matrix) bc = {b.at + column, b.pitch}, cc = {c.at + column, c.pitch};
    KERNEL(gemm_narrow)(rows, depth, a, bc, cc, adds);
  }
}
