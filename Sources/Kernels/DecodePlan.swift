import CAttention

/// How a batch of decode attention is cut into spans: each sequence along its context, and across
/// its KV heads only where the context alone would not keep all threads busy, because a span of all
/// KV heads reads whole pages.
struct DecodePlan {
  /// The spans, sequence by sequence.
  private(set) var spans: [kv_span] = []
  /// Spans of sequence `i` are `spanStarts[i] ..< spanStarts[i + 1]`.
  private(set) var spanStarts: [Int64] = [0]
  /// KV heads of each span.
  let headsPerSpan: Int
  /// KV heads of all spans: how many partials they leave.
  private(set) var partialCount = 0
  /// Pairs of sequence and KV head.
  let pairCount: Int

  /// Spans per thread that a batch is cut into where it is large enough: so many that the last ones
  /// to finish leave little idle.
  private static let spansPerWorker = 8
  /// Spans per thread below which KV heads go apart.
  private static let leastSpansPerWorker = 4
  /// Tokens of the kernel's tiles.
  private static let tileTokens = 128

  /// - Parameter window: the tokens that each sequence's query sees at most; nil means all.
  init(contexts: [Int], window: Int? = nil, kvHeads: Int, workers: Int) {
    let seen = contexts.map { min($0, window ?? $0) }
    let splits = seen.reduce(0) { $0 + max(1, $1 / ContextCut.leastTokens) }
    let needed = workers > 1 ? workers * DecodePlan.leastSpansPerWorker : 1
    headsPerSpan = (1...max(1, kvHeads)).last {
      kvHeads % $0 == 0 && ($0 == 1 || splits * (kvHeads / $0) >= needed)
    }!
    pairCount = contexts.count * kvHeads
    let total = seen.reduce(0, +) * kvHeads / headsPerSpan
    let target = workers > 1 ? total / (workers * DecodePlan.spansPerWorker) : total
    for (sequence, context) in contexts.enumerated() {
      let pieces = ContextCut.pieces(
        context: context, seen: seen[sequence], wanted: target, tile: DecodePlan.tileTokens)
      for tokens in pieces { append(sequence, tokens, kvHeads: kvHeads) }
      spanStarts.append(Int64(spans.count))
    }
  }

  private mutating func append(_ sequence: Int, _ tokens: Range<Int>, kvHeads: Int) {
    // Side by side, so that threads which read the same pages do so at the same time.
    for head in stride(from: 0, to: kvHeads, by: headsPerSpan) {
      spans.append(
        kv_span(
          sequence: Int64(sequence), kv_head: Int64(head), kv_heads: Int64(headsPerSpan),
          first_token: Int64(tokens.lowerBound), last_token: Int64(tokens.upperBound),
          first_partial: Int64(partialCount)))
      partialCount += headsPerSpan
    }
  }
}
