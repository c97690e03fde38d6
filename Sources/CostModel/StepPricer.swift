import Operators

/// Prices steps from a profile: what depends on few whole numbers is tabulated once, so that a step
/// costs a few additions.
///
/// Floating point ends here: every table entry is rounded once to nanoseconds, and none exceeds
/// three years, so that sums stay within 64 bits whatever a profile says.
public struct StepPricer: StepPricing {
  /// Operators whose time is derived from that of other heads.
  public let derivedOperators: Set<OperatorKind>
  /// Whether small operators are priced by the bytes that they move.
  public let derivesElementwise: Bool

  private let model: ModelArchitecture
  private let format: KVFormat
  private let prefill: OperatorModel
  /// Where all attention of a step is one launch.
  private let launched: LaunchedAttentionModel?
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
    launched = try LaunchedAttentionModel(format: format, heads: heads, profile: profile)
    let append = try StepPricer.append(format, heads, profile, isOptional: launched != nil)
    let decode = try OperatorModel(
      .decodeAttention, format: format, heads: heads, profile: profile)
    prefill = try OperatorModel(.prefillAttention, format: format, heads: heads, profile: profile)
    let attention: [(OperatorKind, Bool?)] = [
      (.append, append?.isDerived), (.decodeAttention, decode.isDerived),
      (.prefillAttention, prefill.isDerived),
    ]
    derivedOperators = Set(attention.filter { $0.1 == true }.map(\.0))

    let elementwise = ElementwisePrices(model: model, profile: profile)
    derivesElementwise = elementwise.isDerived
    byTokens = (0...maxTokens).map { tokens in
      StepPricer.tokenCost(
        tokens, model: model, format: format, linear: linear, append: append,
        elementwise: elementwise)
    }
    byOutputs = (0...maxSequences).map { sequences in
      StepPricer.outputCost(sequences, model: model, linear: linear, elementwise: elementwise)
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
    let chunkTokens = batch.chunks.reduce(0) { $0 + $1.tokens }
    let outputs = batch.chunks.count { $0.endsPrompt } + batch.decodeSequences
    var cost = byTokens[batch.decodeSequences + chunkTokens]
    cost += byOutputs[outputs]
    if let launched, !batch.chunks.isEmpty {
      addLaunch(of: batch, launched, to: &cost)
      return cost
    }
    addChunks(batch.chunks, to: &cost)
    if batch.decodeSequences > 0 {
      let (index, context) = piece(batch.decodeSequences, contextTokens: batch.contextTokens)
      add(pieces[index], context: context, to: &cost)
    }
    return cost
  }

  /// Attention of prompts, a launch each.
  private func addChunks(_ chunks: [PrefillChunk], to cost: inout StepCost) {
    var prefillNs = 0.0
    var extrapolatedNs = 0.0
    for chunk in chunks {
      let time = prefill.predict(
        .prefillAttention(
          tokens: chunk.tokens, prefix: chunk.prefix, heads: model.heads, format: format))
      prefillNs += time.ns
      if time.basis == .extrapolated { extrapolatedNs += time.ns }
    }
    cost.prefillAttentionNs = nanoseconds(Double(model.layers) * prefillNs)
    cost.extrapolatedNs += nanoseconds(Double(model.layers) * extrapolatedNs)
  }

  /// Attention of prompts and single tokens in one launch. What it takes is shared out as if either
  /// ran alone.
  private func addLaunch(
    of batch: BatchShape, _ launched: LaunchedAttentionModel, to cost: inout StepCost
  ) {
    let time = launched.predict(
      batch.chunks, sequences: batch.decodeSequences, contextTokens: batch.contextTokens)
    let total = nanoseconds(Double(model.layers) * time.ns)
    if batch.decodeSequences > 0 {
      let (index, context) = piece(batch.decodeSequences, contextTokens: batch.contextTokens)
      var decodes = StepCost()
      add(pieces[index], context: context, to: &decodes)
      let decodesNs = Double(decodes.decodeAttentionNs)
      let prompts = launched.predict(batch.chunks, sequences: 0, contextTokens: 0)
      let promptsNs = Double(model.layers) * prompts.ns
      cost.decodeAttentionNs = nanoseconds(
        Double(total) * decodesNs / max(1, decodesNs + promptsNs))
    }
    cost.prefillAttentionNs = total - cost.decodeAttentionNs
    if time.basis == .extrapolated { cost.extrapolatedNs += total }
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

  /// The part of a cost that was not measured at the model's own shapes: small operators that are
  /// priced by their bytes, and operators whose heads the profile has not measured.
  public func derivedNs(of cost: StepCost) -> Int64 {
    var ns = derivesElementwise ? cost.elementwiseNs : 0
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

  /// Where attention is one launch, an engine may write the cache as part of it.
  private static func append(
    _ format: KVFormat, _ heads: HeadGeometry, _ profile: Profile, isOptional: Bool
  ) throws(ProfileError) -> OperatorModel? {
    do throws(ProfileError) {
      return try OperatorModel(.append, format: format, heads: heads, profile: profile)
    } catch {
      if isOptional { return nil }
      throw error
    }
  }

  private static func tokenCost(
    _ tokens: Int, model: ModelArchitecture, format: KVFormat, linear: OperatorModel,
    append: OperatorModel?, elementwise: ElementwisePrices
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
    let write = append?.predict(.append(tokens: tokens, heads: model.heads, format: format))
    let writeNs = layers * (write?.ns ?? 0)
    if write?.basis == .extrapolated { extrapolatedNs += writeNs }
    return StepCost(
      linearNs: nanoseconds(linearNs), appendNs: nanoseconds(writeNs),
      elementwiseNs: nanoseconds(elementwise.ns(tokens: tokens)),
      extrapolatedNs: nanoseconds(extrapolatedNs))
  }

  private static func outputCost(
    _ sequences: Int, model: ModelArchitecture, linear: OperatorModel,
    elementwise: ElementwisePrices
  ) -> StepCost {
    guard sequences > 0 else { return StepCost() }
    let head = linear.predict(
      .linear(
        tokens: sequences, outputs: model.outputHead.outputs, inputs: model.outputHead.inputs))
    return StepCost(
      linearNs: nanoseconds(head.ns),
      elementwiseNs: nanoseconds(elementwise.ns(outputs: sequences)),
      extrapolatedNs: head.basis == .extrapolated ? nanoseconds(head.ns) : 0)
  }
}

/// The most that decode attention may grow by for a token of mean context: ten seconds.
private let longestGrowthNs: Int64 = 10_000_000_000

/// Rounds to whole nanoseconds, three years at the most.
private func nanoseconds(_ ns: Double) -> Int64 {
  Int64(min(ns, 1e17).rounded())
}
