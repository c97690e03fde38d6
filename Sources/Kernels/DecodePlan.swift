import CAttention

/// How a batch of decode attention is cut into spans: one (sequence, KV head) pair after the
/// other, each split along its context so far that all threads stay busy even with one sequence.
struct DecodePlan {
  /// The spans, pair by pair.
  private(set) var spans: [kv_span] = []
  /// Spans of pair `i` are `spanStarts[i] ..< spanStarts[i + 1]`.
  private(set) var spanStarts: [Int64] = [0]
  /// Pairs of sequence and KV head.
  var pairCount: Int { spanStarts.count - 1 }

  /// Spans per thread that a batch is cut into at least: enough that the last ones to finish
  /// leave little idle, few enough that merging costs nothing.
  private static let spansPerWorker = 8
  /// Below this many tokens a split costs more (query set-up, merging) than it saves.
  private static let leastTokens = 256
  /// Spans are whole tiles of the kernel.
  private static let tileTokens = 64

  /// - Parameter window: the tokens that each sequence's query sees at most; nil means all.
  init(contexts: [Int], window: Int? = nil, kvHeads: Int, workers: Int) {
    let total = contexts.reduce(0) { $0 + min($1, window ?? $1) } * kvHeads
    let target = workers > 1 ? total / (workers * DecodePlan.spansPerWorker) : total
    let tile = DecodePlan.tileTokens
    for (sequence, context) in contexts.enumerated() {
      let seen = min(context, window ?? context)
      let pieces = max(1, seen / max(DecodePlan.leastTokens, target))
      let length = (seen + pieces - 1) / pieces
      let step = (length + tile - 1) / tile * tile
      for head in 0..<kvHeads {
        for first in stride(from: context - seen, to: context, by: step) {
          spans.append(
            kv_span(
              sequence: Int64(sequence), kv_head: Int64(head), first_token: Int64(first),
              last_token: Int64(min(first + step, context))))
        }
        spanStarts.append(Int64(spans.count))
      }
    }
  }
}
