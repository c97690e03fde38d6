import Operators

/// Attention where each decoding sequence has several new tokens, as the verification of drafted
/// tokens has them.
///
/// A kernel reads a sequence's keys and values once and multiplies them with a *row* for each query
/// head of a KV head and each new token. So several tokens are to it as many more query heads, and
/// up to the most that decode attention was measured with, its measured times say what rows take.
/// Rows beyond these are arithmetic: they take, besides, what attention of prompts takes for as
/// many query-key pairs at the best rate at which it was measured. That assumes that they do not
/// overlap with reading, and that so few rows of a sequence fill a tile as a prompt's rows do.
struct VerificationPrices: Sendable {
  /// The heads whose decode attention stands for the measured rows.
  let decodeHeads: HeadGeometry
  private let tokens: Int
  /// Nanoseconds in one layer for a token's query heads over one cached token, of the rows beyond.
  private let nsPerPair: Double

  /// - Parameters:
  ///   - tokens: new tokens of each sequence.
  ///   - prefill: the model of attention of prompts on the same heads.
  /// - Precondition: the profile has decode attention in this format.
  init(
    tokens: Int, heads: HeadGeometry, format: KVFormat, profile: Profile, prefill: OperatorModel
  ) {
    self.tokens = tokens
    let measured = profile.measurements.filter {
      !$0.isHeldOut && $0.shape.kind == .decodeAttention && $0.shape.format == format
    }
    let most = MeasuredHeads.mostQueryHeads(ofKVHeadNearestTo: heads, in: measured)
    let rows = tokens * heads.groupSize
    let stood = max(heads.groupSize, min(rows, most))
    decodeHeads = HeadGeometry(
      queryHeads: stood * heads.kvHeads, kvHeads: heads.kvHeads, headDim: heads.headDim)
    nsPerPair = prefill.leastNsPerPair * Double(rows - stood) / Double(rows)
  }

  /// What the rows beyond those measured take, in layers of these windows.
  func rowsBeyond(
    _ batch: BatchShape, windows: [(window: Int?, layers: Double)]
  ) -> PricedTime {
    var time = PricedTime()
    guard batch.decodeSequences > 0, nsPerPair > 0 else { return time }
    let context = batch.contextTokens / batch.decodeSequences
    let each = PrefillChunk(tokens: tokens, prefix: max(0, context - tokens), endsPrompt: false)
    for (window, layers) in windows {
      let pairs = Double(batch.decodeSequences * each.pairs(through: window))
      time.add(layers * pairs * nsPerPair, .derived)
    }
    return time
  }
}
