import Kernels

/// Errors of logits and outputs, summed over asks.
struct AttentionErrors {
  private(set) var logits = RelativeError()
  private(set) var centred = RelativeError()
  private(set) var output = RelativeError()

  init() {}

  /// The errors of one block of asks.
  init(_ stored: ExactAttention, _ asks: Asks, against exact: ExactBlock) {
    let storedLogits = stored.logits(asks, exact.asks)
    for index in exact.logits.indices {
      let mean = ExactBlock.mean(storedLogits[index])
      for (stored, reference) in zip(storedLogits[index], exact.logits[index]) {
        logits.add(stored, reference: reference)
        centred.add(stored - mean, reference: reference - exact.means[index])
      }
    }
    for (stored, exact) in zip(stored.outputs(storedLogits).joined(), exact.outputs.joined()) {
      let error = stored - exact
      output.add(squaredError: (error * error).sum(), squaredReference: (exact * exact).sum())
    }
  }

  mutating func add(_ other: AttentionErrors) {
    logits.add(other.logits)
    centred.add(other.centred)
    output.add(other.output)
  }
}

/// What some asks of one KV head get from the keys and values as they were given: computed once and
/// held against every format.
struct ExactBlock {
  /// Asks of a block, which read keys and values together.
  static let size = 8
  /// Logits that blocks hold at a time, in doubles: a quarter of a gibibyte.
  private static let heldLogits = 1 << 25

  let asks: Range<Int>
  let logits: [[Double]]
  let means: [Double]
  let outputs: [[SIMD16<Double>]]

  init(_ attention: ExactAttention, _ asks: Asks, _ block: Range<Int>) {
    self.asks = block
    logits = attention.logits(asks, block)
    means = logits.map(ExactBlock.mean)
    outputs = attention.outputs(logits)
  }

  static func mean(_ logits: [Double]) -> Double {
    logits.reduce(0, +) / Double(logits.count)
  }

  /// The asks of a KV head in blocks, so many blocks at a time as may be held together.
  static func batches(asks: Int, tokens: Int) -> [[Range<Int>]] {
    let blocks = stride(from: 0, to: asks, by: size).map { $0..<min($0 + size, asks) }
    let held = max(1, heldLogits / (size * tokens))
    return stride(from: 0, to: blocks.count, by: held).map {
      Array(blocks[$0..<min($0 + held, blocks.count)])
    }
  }
}
