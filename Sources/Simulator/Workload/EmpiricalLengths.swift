/// Lengths as often as they stand in a list.
public struct EmpiricalLengths: Hashable, Sendable {
  /// Each length once, rising.
  private let tokens: [Int32]
  /// The weight of each and all shorter ones.
  private let cumulativeWeights: [Double]

  /// The distribution in which each length is as likely as its weight, whatever the order of both.
  /// Weights of whole numbers add up exactly. O(n log n).
  /// - Precondition: there is at least one; all lengths and weights are positive, and the sum of
  ///   weights is finite.
  public init(_ weighted: [(tokens: Int32, weight: Double)]) {
    var tokens: [Int32] = []
    var cumulativeWeights: [Double] = []
    var sum = 0.0
    // In order of weights too, so that sums are rounded alike whatever the order of the list.
    for entry in weighted.sorted(by: { ($0.tokens, $0.weight) < ($1.tokens, $1.weight) }) {
      precondition(entry.tokens > 0 && entry.weight > 0)
      sum += entry.weight
      if tokens.last == entry.tokens {
        cumulativeWeights[cumulativeWeights.count - 1] = sum
      } else {
        tokens.append(entry.tokens)
        cumulativeWeights.append(sum)
      }
    }
    precondition(!tokens.isEmpty && sum.isFinite)
    self.tokens = tokens
    self.cumulativeWeights = cumulativeWeights
  }

  /// The fewest and the most tokens.
  public var range: ClosedRange<Int> { Int(tokens[0])...Int(tokens[tokens.count - 1]) }

  /// The length that a share `unit` of all does not exceed. O(log n) of the different lengths.
  /// - Precondition: `unit` is above 0 and below 1.
  func tokens(_ unit: Double) -> Int {
    let wanted = unit * cumulativeWeights[cumulativeWeights.count - 1]
    var (low, high) = (0, tokens.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if cumulativeWeights[middle] > wanted { high = middle } else { low = middle + 1 }
    }
    return Int(tokens[low])
  }
}
