import Operators

/// Prices steps from a profile: what depends on few whole numbers is tabulated once, so that a step
/// costs a few additions.
///
/// Floating point ends here: every table entry is rounded once to nanoseconds, and none exceeds
/// three years, so that sums stay within 64 bits whatever a profile says.
public struct StepPricer: StepPricing {
  /// The share of the time that was derived from other shapes or from bytes, by operator.
  public let derivedOperators: Set<OperatorKind>

  private let model: ModelArchitecture
  private let format: KVFormat
  private let prefill: OperatorModel
  /// By the number of tokens in the step.
  private let byTokens: [StepCost]
  /// By the number of sequences that get a token.
  private let byOutputs: [StepCost]
  /// The straight pieces of decode attention: those of n sequences are `pieces[starts[n]..<
  /// starts[n + 1]]`.
  private let pieces: [Piece]
  private let pieceStarts: [Int]

  private struct Piece {
    let startContext: Int
    let startNs: Int64
    let growthNs: Int64
    let isExtrapolated: Bool
  }

  /// Tables for steps of up to `maxTokens` tokens and `maxSequences` sequences.
  /// - Throws: ``ProfileError`` where the profile lacks an operator in `format`, or the model has
  ///   experts or weights of other than 16 bits.
  public init(
    model: ModelArchitecture, format: KVFormat, profile: Profile, maxSequences: Int,
    maxTokens: Int
  ) throws(ProfileError) {
    guard model.weightFormat == .sixteenBit else {
      throw .weightsNotMeasured(model.weightFormat)
    }
    guard model.layerGroups.allSatisfy({ $0.feedForward.expertCount == 0 }) else {
      throw .expertsNotMeasured
    }
    self.model = model
    self.format = format
    let heads = model.heads
    let linear = try OperatorModel(.linear, format: nil, heads: nil, profile: profile)
    let append = try OperatorModel(.append, format: format, heads: heads, profile: profile)
    let decode = try OperatorModel(
      .decodeAttention, format: format, heads: heads, profile: profile)
    prefill = try OperatorModel(.prefillAttention, format: format, heads: heads, profile: profile)
    let attention: [(OperatorKind, OperatorModel)] = [
      (.append, append), (.decodeAttention, decode), (.prefillAttention, prefill),
    ]
    derivedOperators = Set(attention.filter(\.1.isDerived).map(\.0))

    let traffic = ElementwiseTraffic(model: model, profile: profile)
    byTokens = (0...maxTokens).map { tokens in
      StepPricer.tokenCost(
        tokens, model: model, format: format, linear: linear, append: append, traffic: traffic)
    }
    byOutputs = (0...maxSequences).map { sequences in
      StepPricer.outputCost(sequences, model: model, linear: linear, traffic: traffic)
    }
    var pieces: [Piece] = []
    var starts = [0]
    for sequences in 0...maxSequences {
      if sequences > 0 {
        pieces += decode.decodePieces(sequences: sequences).map {
          Piece(
            startContext: Int($0.start.rounded(.up)),
            startNs: nanoseconds(Double(model.layers) * $0.startNs),
            growthNs: min(nanoseconds(Double(model.layers) * $0.slope), longestGrowthNs),
            isExtrapolated: $0.isExtrapolated)
        }
      }
      starts.append(pieces.count)
    }
    self.pieces = pieces
    pieceStarts = starts
  }

  /// The time of one step. O(chunks).
  public func cost(of batch: BatchShape) -> StepCost {
    var tokens = batch.decodeSequences
    var outputs = batch.decodeSequences
    var prefillNs = 0.0
    var extrapolatedNs = 0.0
    for chunk in batch.chunks {
      tokens += chunk.tokens
      outputs += chunk.endsPrompt ? 1 : 0
      let time = prefill.predict(
        .prefillAttention(
          tokens: chunk.tokens, prefix: chunk.prefix, heads: model.heads, format: format))
      prefillNs += time.ns
      if time.basis == .extrapolated { extrapolatedNs += time.ns }
    }
    var cost = byTokens[tokens]
    cost += byOutputs[outputs]
    cost.prefillAttentionNs = nanoseconds(Double(model.layers) * prefillNs)
    cost.extrapolatedNs += nanoseconds(Double(model.layers) * extrapolatedNs)
    if batch.decodeSequences > 0 {
      let (index, context) = piece(batch.decodeSequences, contextTokens: batch.contextTokens)
      add(pieces[index], context: context, to: &cost)
    }
    return cost
  }

  /// The times of decode steps in a row. O(log n) in the measured contexts.
  public func decodeSpan(sequences: Int, contextTokens: Int) -> DecodeSpan {
    let (index, context) = piece(sequences, contextTokens: contextTokens)
    var first = byTokens[sequences]
    first += byOutputs[sequences]
    add(pieces[index], context: context, to: &first)
    let isLast = index + 1 == pieceStarts[sequences + 1]
    return DecodeSpan(
      first: first, growthNs: pieces[index].growthNs,
      steps: isLast ? Int.max : pieces[index + 1].startContext - context,
      isExtrapolated: pieces[index].isExtrapolated)
  }

  /// The part of a cost that was not measured at the model's own shapes: elementwise work, priced
  /// by its bytes, and operators whose heads the profile has not measured.
  public func derivedNs(of cost: StepCost) -> Int64 {
    var ns = cost.elementwiseNs
    if derivedOperators.contains(.append) { ns += cost.appendNs }
    if derivedOperators.contains(.decodeAttention) { ns += cost.decodeAttentionNs }
    if derivedOperators.contains(.prefillAttention) { ns += cost.prefillAttentionNs }
    return ns
  }

  /// The piece on which the mean context lies (whole tokens: what is left over is less than one
  /// token a sequence), and that context.
  private func piece(_ sequences: Int, contextTokens: Int) -> (index: Int, context: Int) {
    let context = contextTokens / sequences
    var low = pieceStarts[sequences]
    var high = pieceStarts[sequences + 1]
    while high - low > 1 {
      let middle = (low + high) / 2
      if pieces[middle].startContext <= context { low = middle } else { high = middle }
    }
    return (low, context)
  }

  private func add(_ piece: Piece, context: Int, to cost: inout StepCost) {
    let ns = piece.startNs + piece.growthNs * Int64(context - piece.startContext)
    cost.decodeAttentionNs = ns
    if piece.isExtrapolated { cost.extrapolatedNs += ns }
  }

  private static func tokenCost(
    _ tokens: Int, model: ModelArchitecture, format: KVFormat, linear: OperatorModel,
    append: OperatorModel, traffic: ElementwiseTraffic
  ) -> StepCost {
    guard tokens > 0 else { return StepCost() }
    let layers = Double(model.layers)
    var linearNs = 0.0
    var extrapolatedNs = 0.0
    for group in model.layerGroups {
      for projection in model.projections(of: group) {
        let time = linear.predict(
          .linear(tokens: tokens, outputs: projection.outputs, inputs: projection.inputs))
        linearNs += Double(group.count) * time.ns
        if time.basis == .extrapolated { extrapolatedNs += Double(group.count) * time.ns }
      }
    }
    let write = append.predict(.append(tokens: tokens, heads: model.heads, format: format))
    if write.basis == .extrapolated { extrapolatedNs += layers * write.ns }
    return StepCost(
      linearNs: nanoseconds(linearNs), appendNs: nanoseconds(layers * write.ns),
      elementwiseNs: nanoseconds(traffic.ns(tokens: tokens)),
      extrapolatedNs: nanoseconds(extrapolatedNs))
  }

  private static func outputCost(
    _ sequences: Int, model: ModelArchitecture, linear: OperatorModel,
    traffic: ElementwiseTraffic
  ) -> StepCost {
    guard sequences > 0 else { return StepCost() }
    let head = linear.predict(
      .linear(
        tokens: sequences, outputs: model.outputHead.outputs, inputs: model.outputHead.inputs))
    return StepCost(
      linearNs: nanoseconds(head.ns),
      elementwiseNs: nanoseconds(traffic.ns(outputs: sequences)),
      extrapolatedNs: head.basis == .extrapolated ? nanoseconds(head.ns) : 0)
  }
}

/// The most that decode attention may grow by for a token of mean context: ten seconds.
private let longestGrowthNs: Int64 = 10_000_000_000

/// Rounds to whole nanoseconds, three years at the most.
private func nanoseconds(_ ns: Double) -> Int64 {
  Int64(min(ns, 1e17).rounded())
}
