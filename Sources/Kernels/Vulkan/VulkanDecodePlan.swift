/// How a batch of decode attention is cut into spans for a device with many multiprocessors: each
/// (sequence, KV head) pair is split along its context. A span is a workgroup.
struct VulkanDecodePlan {
  /// Four words a span: sequence, KV head, first token, last token (not included); pair by pair.
  private(set) var spans: [UInt32] = []
  /// Spans of pair `i` are `starts[i] ..< starts[i + 1]`.
  private(set) var starts: [UInt32] = [0]
  /// Spans.
  var spanCount: Int { spans.count / 4 }
  /// Pairs of sequence and KV head.
  var pairCount: Int { starts.count - 1 }

  /// Workgroups that keep a large device busy with some to spare: an H200 has 132 multiprocessors,
  /// which hold several each.
  private static let wantedSpans = 2048
  /// Whole pages of the usual sizes, so that spans part at page borders.
  private static let tileTokens = 64

  /// - Parameter window: the tokens that each sequence's query sees at most; nil means all.
  init(contexts: [Int], window: Int? = nil, kvHeads: Int) {
    let seen = contexts.map { min($0, window ?? $0) }
    let share = seen.reduce(0, +) * kvHeads / VulkanDecodePlan.wantedSpans
    for (sequence, context) in contexts.enumerated() {
      let pieces = ContextCut.pieces(
        context: context, seen: seen[sequence], wanted: share,
        tile: VulkanDecodePlan.tileTokens)
      for head in 0..<kvHeads {
        for tokens in pieces {
          spans += [sequence, head, tokens.lowerBound, tokens.upperBound].map(UInt32.init)
        }
        starts.append(UInt32(spanCount))
      }
    }
  }
}
