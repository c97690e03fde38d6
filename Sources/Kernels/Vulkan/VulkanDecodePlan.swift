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
  /// Fewer tokens than this cost more to begin and to merge than they save.
  private static let leastTokens = 256
  /// Above this many a span's sums in single precision lose digits.
  private static let mostTokens = 16384

  /// - Parameter window: the tokens that each sequence's query sees at most; nil means all.
  init(contexts: [Int], window: Int? = nil, kvHeads: Int) {
    let seen = contexts.map { min($0, window ?? $0) }
    let share = seen.reduce(0, +) * kvHeads / VulkanDecodePlan.wantedSpans
    let most = VulkanDecodePlan.mostTokens
    for (sequence, context) in contexts.enumerated() {
      let pieces = max(
        1, seen[sequence] / max(VulkanDecodePlan.leastTokens, share),
        (seen[sequence] + most - 1) / most)
      // Whole pages of the usual sizes, so that spans part at page borders.
      let step = ((seen[sequence] + pieces - 1) / pieces + 63) / 64 * 64
      for head in 0..<kvHeads {
        var first = context - seen[sequence]
        while first < context {
          let last = min(first / 64 * 64 + step, context)
          spans += [UInt32(sequence), UInt32(head), UInt32(first), UInt32(last)]
          first = last
        }
        starts.append(UInt32(spanCount))
      }
    }
  }
}
