import CostModel
import Operators

extension CPUGrid {
  /// Elements of a work item.
  private static let itemElements = 1 << 14

  /// The small operators that have kernels, over 1 to 1,024 rows. Rows stand on both sides of where
  /// they become a second item, which wakes the threads, and of where there is one for each thread.
  func smallOperators() -> [ExperimentGroup] {
    let widths: [(kind: ElementwiseOperator, fit: [Int], layers: [Int])] = [
      (.norm, [1024, 2048, 4096, 6144, 8192], [1536, 2560, 3072, 3584, 4608, 5120, 7168]),
      (.finalNorm, [1024, 2048, 4096, 6144, 8192], [1536, 2560, 3072, 3584, 4608, 5120, 7168]),
      (.rotary, [3072, 4096, 5120, 7168, 9216], [3584, 4608, 6144, 8192]),
      (
        .activation, [3072, 6144, 9216, 12288, 20480, 28672],
        [4096, 8192, 9728, 10240, 13824, 14336, 18944, 25600]
      ),
    ]
    let most = 1024
    return widths.enumerated().map { index, operators in
      let (kind, fit, layers) = operators
      return ExperimentGroup(
        fit: fit.flatMap { width in
          rows(width).filter { $0 <= most }.map { .elementwise(kind, rows: $0, width: width) }
        }, start: index + 1,
        heldOut: { place in
          .elementwise(
            kind, rows: spread(place.u, from: 1, to: most),
            width: layers[Int(place.v * Double(layers.count))])
        })
    }
  }

  /// Rows of a width, ascending: few, and as many elements as are so many items, and one row more.
  private func rows(_ width: Int) -> [Int] {
    let items = [1, 2, threads, 2 * threads].map { $0 * CPUGrid.itemElements / width }
    return Set([1, 2, 4, 16, 64, 128, 256, 512, 1024] + items + items.map { $0 + 1 })
      .filter { $0 > 0 }.sorted()
  }
}
