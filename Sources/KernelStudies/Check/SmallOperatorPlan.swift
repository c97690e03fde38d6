import Kernels

// The cases of the small operators: a thousand each in the full plan, a part in the quick one.

extension CheckPlan {
  /// Around whole vectors of all paths, heads, and the hidden sizes of models.
  static let normWidths = [
    1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 80, 100, 127, 128, 129, 896, 1000, 1023,
    4096, 5120,
  ]
  static let epsilons: [Float] = [1e-5, 1e-6]
  /// One token or some, in no order, to the last position that there is.
  static let tokenPositions: [[Int]] = [
    [0], [1], [131_071], [131_072], [RotaryFrequencies.largestPosition], Array(0..<17),
    [5, 131_072, 0, 131_072, 77], [1_000_003, 9_999_991, 32_767],
    Array(131_060...131_090) + [1_048_576, 40_960, 8191],
  ]
  static let rotaryHeadDims = [16, 64, 80, 96, 112, 128, 192, 256, 512]
  /// Llama 2's, Llama 3's, Qwen's, and one that makes the last frequency tiny.
  static let thetas: [Double] = [10_000, 500_000, 1_000_000, 1e9]
  static let elementCounts = [
    1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 129, 255, 257, 1000, 1023,
    4096, 4097, 11_008, 14_336, 65_537, 100_001,
  ]

  /// The draws are apart from those of the other operators, whose cases stay what they are.
  static func smallOperatorShapes(_ extent: Extent, seed: UInt64) -> [SmallOperatorShape] {
    var random = CheckRandom(seed: seed, index: -3)
    return normShapes(extent, &random) + rotaryShapes(extent, &random)
      + pairwiseShapes(extent, &random)
  }

  /// Some of `shapes`, drawn, in the quick plan.
  private static func chosen(
    _ shapes: [SmallOperatorShape], _ extent: Extent, _ random: inout CheckRandom
  ) -> [SmallOperatorShape] {
    guard case .quick(let rounds) = extent else { return shapes }
    return Array(shapes.shuffled(using: &random).prefix(12 * rounds))
  }

  private static func normShapes(
    _ extent: Extent, _ random: inout CheckRandom
  ) -> [SmallOperatorShape] {
    var shapes: [SmallOperatorShape] = []
    for width in normWidths {
      for rows in [1, 2, 3, 7, 32] {
        for epsilon in epsilons {
          for data in SmallOperatorData.allCases {
            shapes.append(.rmsNorm(rows: rows, width: width, epsilon: epsilon, data))
          }
        }
      }
    }
    // Rows that go to several threads; and, spread over two dimensions, to more workgroups than
    // one takes.
    return chosen(shapes, extent, &random) + [
      .rmsNorm(rows: 40, width: 4096, epsilon: 1e-6, .outliers),
      .rmsNorm(rows: 65_600, width: 5, epsilon: 1e-6, .ordinary),
    ]
  }

  private static func rotaryShapes(
    _ extent: Extent, _ random: inout CheckRandom
  ) -> [SmallOperatorShape] {
    var shapes: [SmallOperatorShape] = []
    for positions in tokenPositions {
      for heads in [1, 2, 5, 32] {
        for headDim in rotaryHeadDims {
          for theta in thetas {
            // Rotary embedding is linear: magnitudes matter least here.
            let data = SmallOperatorData.allCases.randomElement(using: &random)!
            shapes.append(
              .rotary(
                positions: positions, heads: heads, headDim: headDim, theta: theta, data))
          }
        }
      }
    }
    return chosen(shapes, extent, &random) + [
      .rotary(
        positions: Array(130_900..<131_200), heads: 8, headDim: 128, theta: 500_000, .ordinary)
    ]
  }

  private static func pairwiseShapes(
    _ extent: Extent, _ random: inout CheckRandom
  ) -> [SmallOperatorShape] {
    let makers: [(Int, SmallOperatorData) -> SmallOperatorShape] = [
      { .siluMultiply(count: $0, $1) }, { .add(count: $0, $1) },
    ]
    return makers.flatMap { make in
      let drawn = (0..<180).map { _ in Int.random(in: 1...10_000, using: &random) }
      let shapes = (elementCounts + drawn).flatMap { count in
        SmallOperatorData.allCases.map { make(count, $0) }
      }
      return chosen(shapes, extent, &random) + [make(100_003, .ordinary)]
    }
  }
}
