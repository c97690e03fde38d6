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
  /// What a span costs besides its tokens, in tokens: queries come, sums are joined.
  private static let spanTokens = 200
  /// The most rounds of workgroups on all multiprocessors that a batch is cut into.
  private static let mostRounds = 8

  /// - Parameters:
  ///   - window: the tokens that each sequence's query sees at most; nil means all.
  ///   - slots: workgroups that the device runs at once.
  init(contexts: [Int], window: Int? = nil, kvHeads: Int, slots: Int) {
    self.kvHeads = kvHeads
    let seen = contexts.map { min($0, window ?? $0) }
    let wanted = VulkanDecodePlan.wanted(contexts, seen: seen, kvHeads: kvHeads, slots: slots)
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

  /// The tokens of a span for which the device is busy for the shortest time: as many rounds of
  /// workgroups as it takes, each as long as a span is on average, or the longest span.
  private static func wanted(
    _ contexts: [Int], seen: [Int], kvHeads: Int, slots: Int
  ) -> Int {
    let total = seen.reduce(0, +) * kvHeads
    let candidates = (1...mostRounds).map { (total + slots * $0 - 1) / (slots * $0) }
    let costs = candidates.map { wanted in
      var (count, longest) = (0, 0)
      for (context, seen) in zip(contexts, seen) {
        let pieces = pieces(context, seen: seen, wanted: wanted)
        count += pieces.count * kvHeads
        longest = max(longest, pieces.map(\.count).max() ?? 0)
      }
      let rounds = (count + slots - 1) / max(1, slots)
      let mean = count == 0 ? 0 : (total + count - 1) / count
      return max(rounds * (mean + spanTokens), longest + spanTokens)
    }
    // The first of the cheapest: fewer spans leave less to join.
    return zip(candidates, costs).min { $0.1 < $1.1 }!.0
  }
}
