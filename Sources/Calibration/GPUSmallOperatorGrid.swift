import Operators

extension GPUGrid {
  /// The small operators that have kernels: the residual addition with the norm behind it, the norm
  /// alone, the rotary embedding and the activation. Looking up embeddings and sampling have none.
  ///
  /// Rows from 1 to 8,192, narrow ones to as many elements as a layer of Qwen3-0.6B has, wide ones
  /// to those of Llama 3.1 70B.
  static func smallOperators() -> [ExperimentGroup] {
    let widths: [(kind: ElementwiseOperator, fit: [Int], heldOut: [Int])] = [
      (.norm, [1024, 2048, 4096, 8192], [2560, 5120]),
      (.finalNorm, [1024, 2048, 4096, 8192], [2560, 5120]),
      (.rotary, [3072, 5120, 7168, 9216], [4096, 6144]),
      (.activation, [3072, 6144, 12288, 20480, 28672], [9728, 14336]),
    ]
    // Finer where rows begin to exceed a cache.
    let rows = [1, 8, 32, 128, 256, 512, 768, 1024, 1536, 2048, 3072, 4096, 5120, 6144, 8192]
    let between = [4, 16, 64, 200, 400, 700, 1250, 1500, 2500, 3000, 5000, 6000]
    return widths.map { kind, fit, heldOut in
      ExperimentGroup(
        fit: fit.flatMap { width in
          rows.map { .elementwise(kind, rows: $0, width: width) }
        },
        heldOut: heldOut.flatMap { width in
          between.map { .elementwise(kind, rows: $0, width: width) }
        })
    }
  }
}
