import Operators

/// Prices steps from a profile: what depends on few whole numbers is tabulated once, so that a step
/// costs a few additions.
///
/// Floating point ends here: every table entry is rounded once to nanoseconds, and none exceeds
/// three years, so that sums stay within 64 bits whatever a profile says.
public struct StepPricer: StepPricing {
  /// Behind a reference: prices are asked for once a step, and a copy of all tables would take
  /// longer than their look-up.
  private let tables: PriceTables

  /// Tables for steps of up to `maxTokens` tokens and `maxSequences` sequences; of several devices
  /// that share the layers, each takes as long.
  ///
  /// With `drafting`, batches have as many tokens for each decoding sequence as that says, and a
  /// step is that of the draft model, shared by as many devices, and the verification.
  /// - Throws: ``ProfileError`` where the profile lacks an operator in `format`.
  public init(
    model whole: ModelArchitecture, format: KVFormat, profile: Profile, maxSequences: Int,
    maxTokens: Int, parallelism: Parallelism = .none, host: HostOverhead = .none,
    drafting: Drafting? = nil
  ) throws(ProfileError) {
    tables = try PriceTables(
      model: whole, format: format, profile: profile, maxSequences: maxSequences,
      maxTokens: maxTokens, parallelism: parallelism, host: host, drafting: drafting)
  }

  /// The time of one step. O(chunks), and O(tokens drafted) where a model drafts.
  public func cost(of batch: BatchShape) -> StepCost { tables.cost(of: batch) }

  /// The times of decode steps in a row. O(log n) in the measured contexts.
  public func decodeSpan(of batch: BatchShape) -> DecodeSpan { tables.decodeSpan(of: batch) }

  /// How the time of a step passes through the stages. O(stages).
  public func spread(_ cost: StepCost, of batch: BatchShape, over times: inout StageTimes) {
    tables.spread(cost, of: batch, over: &times)
  }
}

/// The tables of a ``StepPricer``.
private final class PriceTables: Sendable {
  private let attention: AttentionPrices
  private let host: HostOverhead
  /// By the number of tokens in the step.
  private let byTokens: [StepCost]
  /// By the number of tokens that come of the step, or are verified in it.
  private let byOutputs: [StepCost]
  /// The straight pieces of decode attention: those of n sequences are `pieces[starts[n]..<
  /// starts[n + 1]]`.
  private let pieces: [AttentionPrices.Piece]
  private let pieceStarts: [Int]
  /// What uneven contexts add to them.
  private let ragged: RaggedPieces?
  /// Where a step passes several stages.
  private let stages: StagePrices?
  /// Prices of the model that drafts; nil where none does.
  private let draft: StepPricer?

  init(
    model whole: ModelArchitecture, format: KVFormat, profile: Profile, maxSequences: Int,
    maxTokens: Int, parallelism: Parallelism, host: HostOverhead, drafting: Drafting?
  ) throws(ProfileError) {
    let model = whole.rank(ofDegree: parallelism.tensorParallelSize)
    self.host = host
    let tokensPerDecode = drafting?.tokensPerDecode ?? 1
    draft = try drafting?.model.map { model throws(ProfileError) in
      try StepPricer(
        model: model, format: format, profile: profile, maxSequences: maxSequences,
        maxTokens: maxTokens, parallelism: parallelism)
    }
    let attention = try AttentionPrices(
      model: model, format: format, profile: profile, tokensPerDecode: tokensPerDecode)
    self.attention = attention
    let append = try AppendPrices(
      model: model, format: format, profile: profile, isOptional: attention.writesCache)
    let linear = try LinearPrices(model: model, profile: profile)
    let elementwise = ElementwisePrices(
      model: model, vocabulary: whole.vocabSize, profile: profile, beside: linear)
    let collectives = CollectivePrices(model: whole, parallelism: parallelism)
    stages = StagePrices(
      model: whole, stages: parallelism.pipelineParallelSize, maxTokens: maxTokens,
      elementwise: elementwise, collectives: collectives)
    byTokens = (0...maxTokens).map { tokens in
      var cost = StepCost()
      cost.add(linear.parts(tokens: tokens).time, to: \.linearNs)
      cost.add(append.parts(tokens: tokens).time, to: \.appendNs)
      cost.add(elementwise.parts(tokens: tokens).time, to: \.elementwiseNs)
      cost.add(collectives.parts(tokens: tokens).time, to: \.collectiveNs)
      return cost
    }
    byOutputs = (0...maxSequences * tokensPerDecode).map { outputs in
      var cost = StepCost()
      cost.add(linear.headParts(sequences: outputs).time, to: \.linearNs)
      cost.add(elementwise.parts(outputs: outputs).time, to: \.elementwiseNs)
      cost.add(collectives.parts(outputs: outputs).time, to: \.collectiveNs)
      return cost
    }
    var pieces: [AttentionPrices.Piece] = []
    var starts = [0, 0]
    for sequences in 0..<maxSequences {
      pieces += attention.pieces(sequences: sequences + 1)
      starts.append(pieces.count)
    }
    self.pieces = pieces
    pieceStarts = starts
    ragged = attention.raggedPieces(maxSequences: maxSequences, maxContext: model.maxPositions)
  }

  func cost(of batch: BatchShape) -> StepCost {
    cost(of: batch, decodes: batch.decodeSequences > 0 ? decodeLine(of: batch) : nil)
  }

  private func cost(of batch: BatchShape, decodes line: DecodeLine?) -> StepCost {
    let sequences = batch.decodeSequences
    let outputs = PriceTables.outputs(of: batch)
    var cost = byTokens[batch.decodeTokens + batch.prefillTokens]
    cost += byOutputs[outputs]
    cost.hostNs = host.perStepNs + host.perSequenceNs * Int64(sequences + batch.chunks.count)
    var decodes = StepCost()
    if let line {
      decodes.decodeAttentionNs = line.ns
      decodes.extrapolatedNs = line.basis == .extrapolated ? line.ns : 0
      decodes.derivedNs = line.basis == .derived ? line.ns : 0
    }
    if batch.chunks.isEmpty {
      cost += decodes
    } else {
      attention.add(batch, decodes: decodes, to: &cost)
    }
    if batch.tokensPerDecode > 1 { addSpeculation(batch, to: &cost) }
    return cost
  }

  /// Tokens that come of a step, or are verified in it.
  private static func outputs(of batch: BatchShape) -> Int {
    var outputs = batch.decodeTokens
    for chunk in batch.chunks where chunk.endsPrompt { outputs += 1 }
    return outputs
  }

  func spread(_ cost: StepCost, of batch: BatchShape, over times: inout StageTimes) {
    guard let stages else {
      precondition(times.stageNs.count == 1, "these prices are of one stage")
      times.hostNs = cost.hostNs
      times.stageNs[0] = cost.totalNs - cost.hostNs
      return
    }
    precondition(draft == nil, "drafts are not priced by stages")
    stages.spread(
      cost, tokens: batch.decodeTokens + batch.prefillTokens,
      outputNs: byOutputs[PriceTables.outputs(of: batch)].totalNs, over: &times)
  }

  private func addSpeculation(_ batch: BatchShape, to cost: inout StepCost) {
    attention.addVerification(batch, to: &cost)
    guard let draft else { return }
    for number in 1...batch.draftPasses { cost += draft.cost(of: batch.draftPass(number)) }
  }

  func decodeSpan(of batch: BatchShape) -> DecodeSpan {
    precondition(batch.chunks.isEmpty && batch.tokensPerDecode == 1)
    let line = decodeLine(of: batch)
    return DecodeSpan(
      first: cost(of: batch, decodes: line), growthNs: line.growthNs, steps: line.steps,
      basis: line.basis)
  }

  /// The time of a batch's decode attention as its contexts grow.
  private struct DecodeLine {
    let ns: Int64
    /// Nanoseconds a step.
    let growthNs: Int64
    /// For how many steps the line holds.
    let steps: Int
    let basis: Basis
  }

  /// The line on which a batch lies. The mean context is taken in whole tokens: what is left over
  /// is less than one token a sequence.
  private func decodeLine(of batch: BatchShape) -> DecodeLine {
    let sequences = batch.decodeSequences
    let context = batch.contextTokens / sequences
    let index = piece(sequences, context: context)
    let even = pieces[index]
    let isLast = index + 1 == pieceStarts[sequences + 1]
    var end = isLast ? Int.max : pieces[index + 1].startContext
    let beyond = batch.longestContext - context
    guard let ragged, beyond > 0 else {
      return DecodeLine(
        ns: even.startNs + even.growthNs * Int64(context - even.startContext),
        growthNs: even.growthNs, steps: end == .max ? end : end - context, basis: even.basis)
    }
    let extra = ragged.piece(sequences: sequences, context: context, beyond: beyond)
    let start = max(even.startContext, extra.start)
    end = min(end, extra.end)
    let startNs =
      even.startNs + even.growthNs * Int64(start - even.startContext)
      + extra.startNs + extra.growthNs * Int64(start - extra.start)
    // More tokens never take less time, even where contexts become more alike with them.
    let growthNs = max(0, even.growthNs + extra.growthNs)
    return DecodeLine(
      ns: max(0, startNs) + growthNs * Int64(context - start), growthNs: growthNs,
      steps: end == .max ? end : end - context,
      basis: even.basis.joined(with: extra.isExtrapolated, isDerived: ragged.isDerived))
  }

  /// The piece on which a mean context lies.
  private func piece(_ sequences: Int, context: Int) -> Int {
    var low = pieceStarts[sequences]
    var high = pieceStarts[sequences + 1]
    while high - low > 1 {
      let middle = (low + high) / 2
      if pieces[middle].startContext <= context { low = middle } else { high = middle }
    }
    return low
  }
}
