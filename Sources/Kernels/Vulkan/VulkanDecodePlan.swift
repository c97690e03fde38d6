/// How a batch of decode attention is cut into spans for a device with many multiprocessors: each
/// sequence along its context, for one KV head at a time. A span is a workgroup.
struct VulkanDecodePlan {
  /// Four words a span: sequence, KV head, first token, last token (not included). Piece by piece
  /// of a sequence, and side by side the KV heads, so that what runs together reads whole pages.
  private(set) var spans: [UInt32] = []
  /// Spans of sequence `i` are `starts[i] ..< starts[i + 1]`.
  private(set) var starts: [UInt32] = [0]
  /// KV heads of each sequence.
  let kvHeads: Int
  /// Spans.
  var spanCount: Int { spans.count / 4 }
  /// Pairs of sequence and KV head.
  var pairCount: Int { (starts.count - 1) * kvHeads }
  /// Whether each pair has one span alone, whose result is the pair's.
  var isWhole: Bool { spanCount == pairCount }

  /// Whole pages of the usual sizes, so that spans part at page borders.
  private static let tileTokens = 64

  /// What spans cost besides their tokens, in tokens of a workgroup on a busy device.
  ///
  /// On an H200 each of 218 batches, of 1 to 1,024 sequences, even and uneven, was cut in some five
  /// ways. By these numbers what is chosen takes 0.7 to 0.9 % longer than the fastest of them on
  /// average, and 5 to 6 % in the worst twentieth.
  private struct Costs {
    /// Workgroups that a multiprocessor runs at once: two of those that take eight query heads
    /// together, four of others.
    let atOnce: Int
    /// What a round of spans takes: queries come, sums are written.
    let round: Double
    /// What joining takes, where any pair has more spans than one, and for each round of spans.
    let join, joinRound: Double
    /// A token of a span that goes on while most multiprocessors have ended, or in a last round
    /// that does not fill them.
    let lonelyToken: Double
    /// A token of a span where all spans together do not fill the multiprocessors.
    let onlyToken: Double

    /// Four-bit tokens take a third of the time, so that all else costs more of them.
    init(bits: Int, groupSize: Int) {
      let isWide = groupSize > 4
      atOnce = isWide ? 2 : 4
      (round, join, joinRound, lonelyToken, onlyToken) =
        switch (bits == 4, isWide) {
        case (false, false): (113, 11, 155, 0.6, 0.65)
        case (false, true): (184, 108, 83, 0.7, 0.85)
        case (true, false): (335, 86, 262, 0.8, 0.85)
        case (true, true): (412, 240, 151, 0.8, 0.9)
        }
    }
  }

  /// - Parameters:
  ///   - window: the tokens that each sequence's query sees at most; nil means all.
  ///   - groupSize: query heads of a KV head.
  ///   - bits: of an element in the cache.
  ///   - multiprocessors: of the device.
  init(
    contexts: [Int], window: Int? = nil, kvHeads: Int, groupSize: Int, bits: Int,
    multiprocessors: Int
  ) {
    self.kvHeads = kvHeads
    let seen = contexts.map { min($0, window ?? $0) }
    let wanted = VulkanDecodePlan.wanted(
      contexts, seen: seen, kvHeads: kvHeads, multiprocessors: multiprocessors,
      Costs(bits: bits, groupSize: groupSize))
    for (sequence, context) in contexts.enumerated() {
      let pieces = VulkanDecodePlan.pieces(context, seen: seen[sequence], wanted: wanted)
      for tokens in pieces {
        for head in 0..<kvHeads {
          spans += [sequence, head, tokens.lowerBound, tokens.upperBound].map(UInt32.init)
        }
      }
      starts.append(UInt32(spanCount))
    }
  }

  private static func pieces(_ context: Int, seen: Int, wanted: Int) -> [Range<Int>] {
    ContextCut.pieces(context: context, seen: seen, wanted: wanted, tile: tileTokens)
  }

  /// The tokens of a span for which the device is busy for the shortest time: whole contexts, or
  /// as many as fill one round of workgroups, some rounds, or a part of one.
  private static func wanted(
    _ contexts: [Int], seen: [Int], kvHeads: Int, multiprocessors: Int, _ costs: Costs
  ) -> Int {
    guard !contexts.isEmpty else { return 1 }
    let slots = Double(costs.atOnce * max(1, multiprocessors))
    let tokens = Double(seen.reduce(0, +) * kvHeads)
    let rounds: [Double] = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 1, 1.5, 2, 3, 4, 6, 8]
    var best = (wanted: 1, time: Double.infinity)
    // The first of the cheapest: fewer spans leave less to join.
    for wanted in [Int.max] + rounds.map({ Int((tokens / slots / $0).rounded(.up)) }) {
      var (count, longest) = (0, 0)
      for (context, seen) in zip(contexts, seen) {
        let pieces = pieces(context, seen: seen, wanted: wanted)
        count += pieces.count
        longest = max(longest, pieces.map(\.count).max() ?? 0)
      }
      let time = time(
        rounds: Double(count * kvHeads) / slots, mean: tokens / Double(count * kvHeads),
        longest: longest, isJoined: count > contexts.count, costs)
      if time < best.time { best = (wanted, time) }
    }
    return best.wanted
  }

  /// What so many rounds of spans take, in tokens of a workgroup on a busy device: the last round
  /// takes what it is full, or as long as a span by itself does; then the longest span goes on.
  private static func time(
    rounds: Double, mean: Double, longest: Int, isJoined: Bool, _ costs: Costs
  ) -> Double {
    let full = rounds.rounded(.down)
    let token = full > 0 ? costs.lonelyToken : costs.onlyToken
    let last = rounds > full ? max(rounds - full, token) : 0
    let rest = max(0, Double(longest) - mean * max(1, rounds))
    return mean * (full + last) + costs.lonelyToken * rest + costs.round * max(1, rounds)
      + (isJoined ? costs.join + costs.joinRound * rounds : 0)
  }
}
