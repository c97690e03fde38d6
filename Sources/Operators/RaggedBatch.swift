/// The contexts of a decode batch that is known by its size, its mean and its longest context.
///
/// Batches of a server are spread in all ways. This one stands for those with its three numbers, so
/// that all who time or price one mean the same: sequence `i` of `n`, from 1, has
/// `1 + (longest − 1) · (i/n)^p` tokens, with the p that gives the mean. Where the longest context
/// is twice the mean they rise about evenly; where it is many times the mean most are short.
public struct RaggedBatch: Hashable, Sendable {
  /// Sequences.
  public let sequences: Int
  /// Cached tokens of a sequence on average.
  public let context: Int
  /// Cached tokens of the sequence that has most.
  public let longest: Int

  /// Whether there are such contexts: none is below 1, and all together hold the longest.
  public static func exists(sequences: Int, context: Int, longest: Int) -> Bool {
    guard sequences > 0, context > 0, longest >= context else { return false }
    let (others, overflows) = (sequences - 1).multipliedReportingOverflow(by: context - 1)
    return overflows || longest - context <= others
  }

  /// - Precondition: there are such contexts.
  public init(sequences: Int, context: Int, longest: Int) {
    precondition(RaggedBatch.exists(sequences: sequences, context: context, longest: longest))
    self.sequences = sequences
    self.context = context
    self.longest = longest
  }

  /// The contexts, the shortest first; their sum is `sequences · context`, to the token.
  public var contexts: [Int] {
    let others = sequences - 1
    guard others > 0 else { return [context] }
    let reach = Double(longest - 1)
    // What the others have beyond a token each.
    let total = Double(sequences * (context - 1) - (longest - 1))
    let heights = powers(ofFirst: others, while: { reach * $0.reduce(0, +) > total })
    // Rounded by their running sum, so that no token is lost.
    var (sum, given) = (0.0, 0)
    var contexts = heights.map { height in
      sum += reach * height
      let extra = Int(sum.rounded()) - given
      given += extra
      return 1 + extra
    }
    contexts[others - 1] += Int(total) - given
    return contexts + [longest]
  }

  /// The shares `i/n` of the first `count` sequences to the largest power at which `exceeds` still
  /// holds. They fall with the power, from all 1 to all 0.
  ///
  /// The power is put together from 2^m, ..., 2, 1, 1/2, ... by products, squares and square roots,
  /// which give the same on every machine.
  private func powers(ofFirst count: Int, while exceeds: ([Double]) -> Bool) -> [Double] {
    let shares = (1...count).map { Double($0) / Double(sequences) }
    var doublings = [shares]
    while let last = doublings.last, exceeds(last) { doublings.append(last.map { $0 * $0 }) }
    var factors: [Double] = []
    var powers = [Double](repeating: 1, count: count)
    for _ in 0..<(doublings.count + Double.significandBitCount) {
      factors = doublings.popLast() ?? factors.map { $0.squareRoot() }
      let product = zip(powers, factors).map(*)
      if exceeds(product) { powers = product }
    }
    return powers
  }
}
