import Glibc
import Operators

/// The vectors of one head in FP64, eight elements at a time.
struct HeadVectors {
  /// Groups of eight per vector; `head_dim` is a multiple of 16.
  let groups: Int
  private let lanes: [SIMD8<Double>]

  /// The vectors of head `head` of `rows`, which are `[token][head][headDim]`.
  init(_ rows: [Float], tokens: Int, heads: Int, head: Int, headDim: Int) {
    groups = headDim / 8
    var lanes: [SIMD8<Double>] = []
    lanes.reserveCapacity(tokens * groups)
    for token in 0..<tokens {
      let start = (token * heads + head) * headDim
      for group in 0..<headDim / 8 {
        var vector = SIMD8<Double>()
        for lane in 0..<8 { vector[lane] = Double(rows[start + 8 * group + lane]) }
        lanes.append(vector)
      }
    }
    self.lanes = lanes
  }

  subscript(token: Int, group: Int) -> SIMD8<Double> { lanes[token * groups + group] }
}

/// Attention of one query in FP64: what every format is held against.
struct ExactAttention {
  let keys: HeadVectors
  let values: HeadVectors

  /// `q · k / √head_dim` for the first `visible` keys.
  func logits(_ queries: HeadVectors, query: Int, visible: Int) -> [Double] {
    let scale = 1 / Double(8 * keys.groups).squareRoot()
    return (0..<visible).map { token in
      var sum = SIMD8<Double>()
      for group in 0..<keys.groups { sum += queries[query, group] * keys[token, group] }
      return sum.sum() * scale
    }
  }

  /// Values weighted with the softmax of `logits`.
  func output(_ logits: [Double]) -> [SIMD8<Double>] {
    let largest = logits.max() ?? 0
    var total = 0.0
    var sums = [SIMD8<Double>](repeating: SIMD8(), count: values.groups)
    for (token, logit) in logits.enumerated() {
      let weight = exp(logit - largest)
      total += weight
      for group in 0..<values.groups { sums[group] += weight * values[token, group] }
    }
    return sums.map { $0 / total }
  }
}
