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

  /// What spans cost besides their tokens, in tokens of a workgroup on a busy device. By these,
  /// what a call takes and what a token takes, seven numbers, 1,452 batches on an H200 with 4 query
  /// heads to a KV head, of 1 to 1,024 sequences, even and uneven, take what they do to within 2 %
  /// (FP16) and 4 % (INT4) in the median.
  private struct Costs {
    /// What a round of spans takes: queries come, sums are written.
    let round: Double
    /// What joining takes, where any pair has more spans than one, and for each round of spans.
    let join, joinRound: Double

    /// Four-bit tokens take a third of the time, so that all else costs more of them.
    static func of(bits: Int) -> Costs {
      bits == 4
        ? Costs(round: 240, join: 150, joinRound: 134)
        : Costs(round: 76, join: 67, joinRound: 34)
    }
  }
  /// A token of a span that goes on while most multiprocessors have ended: about a third of them
  /// use up the memory's bandwidth.
  private static let lonelyToken = 0.3
  /// The share of the workgroups at once below which a device is not busy.
  private static let leastFilled = 0.75

  /// - Parameters:
  ///   - window: the tokens that each sequence's query sees at most; nil means all.
  ///   - bits: of an element in the cache.
  ///   - slots: workgroups that the device runs at once.
  init(contexts: [Int], window: Int? = nil, kvHeads: Int, bits: Int, slots: Int) {
    self.kvHeads = kvHeads
    let seen = contexts.map { min($0, window ?? $0) }
    let wanted = VulkanDecodePlan.wanted(
      contexts, seen: seen, kvHeads: kvHeads, slots: slots, Costs.of(bits: bits))
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

  /// The tokens of a span for which the device is busy for the shortest time.
  ///
  /// Whole contexts, or spans longer than what each workgroup would have if all had alike, are only
  /// thought of where there are enough of them to fill the device.
  private static func wanted(
    _ contexts: [Int], seen: [Int], kvHeads: Int, slots: Int, _ costs: Costs
  ) -> Int {
    guard !contexts.isEmpty else { return 1 }
    let tokens = seen.reduce(0, +) * kvHeads
    let share = Double(tokens) / Double(max(1, slots))
    let parts: [Double] = [0.125, 0.25, 1.0 / 3, 0.5, 2.0 / 3, 1, 2, 3, 4, 5, 6, 7, 8]
    var best = (wanted: 1, time: Double.infinity)
    // The first of the cheapest: fewer spans leave less to join.
    for wanted in [Int.max] + parts.map({ part in Int((share / part).rounded(.up)) }) {
      var (count, longest) = (0, 0)
      for (context, seen) in zip(contexts, seen) {
        let pieces = pieces(context, seen: seen, wanted: wanted)
        count += pieces.count
        longest = max(longest, pieces.map(\.count).max() ?? 0)
      }
      let rounds = Double(count * kvHeads) / Double(max(1, slots))
      guard rounds >= leastFilled || Double(wanted) < share + 1 else { continue }
      let time = time(
        rounds: rounds, mean: Double(tokens) / Double(count * kvHeads), longest: longest,
        isJoined: count > contexts.count, costs)
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
    let last = rounds > full ? max(rounds - full, lonelyToken) : 0
    let rest = max(0, Double(longest) - mean * max(1, rounds))
    return mean * (full + last) + lonelyToken * rest + costs.round * max(1, rounds)
      + (isJoined ? costs.join + costs.joinRound * rounds : 0)
  }
}
