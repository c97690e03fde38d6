import Operators

/// The sizes of the cases that ran, each in ascending order.
public struct CheckCoverage: Hashable, Sendable {
  /// Elements of one head's vector.
  public private(set) var headDims: [Int] = []
  /// Query heads that share one KV head.
  public private(set) var groupSizes: [Int] = []
  /// Tokens per page.
  public private(set) var blockSizes: [Int] = []
  /// Cached tokens of a sequence.
  public private(set) var contexts: [Int] = []
  /// Tokens that a query sees at most; cases without a window are not counted.
  public private(set) var windows: [Int] = []
  /// Rows of activations of dense layers.
  public private(set) var linearTokens: [Int] = []
  /// Elements of a row of RMS norm.
  public private(set) var normWidths: [Int] = []
  /// The largest position of each case of rotary embedding.
  public private(set) var largestPositions: [Int] = []

  /// Counts a case in.
  mutating func add(_ operand: CheckCase.Operand) {
    switch operand {
    case .attention(let shape):
      CheckCoverage.insert(shape.heads.headDim, &headDims)
      CheckCoverage.insert(shape.heads.groupSize, &groupSizes)
      CheckCoverage.insert(shape.blockSize, &blockSizes)
      for context in shape.contexts { CheckCoverage.insert(context, &contexts) }
      if let window = shape.options.slidingWindow { CheckCoverage.insert(window, &windows) }
    case .linear(let shape):
      CheckCoverage.insert(shape.tokens, &linearTokens)
    case .small(.rmsNorm(_, let width, _, _)):
      CheckCoverage.insert(width, &normWidths)
    case .small(.rotary(let positions, _, _, _, _)):
      CheckCoverage.insert(positions.max() ?? 0, &largestPositions)
    case .small: break
    }
  }

  /// There are few of each, so that their order is kept by looking through them.
  private static func insert(_ value: Int, _ values: inout [Int]) {
    let place = values.firstIndex { $0 >= value } ?? values.count
    guard place == values.count || values[place] != value else { return }
    values.insert(value, at: place)
  }
}
