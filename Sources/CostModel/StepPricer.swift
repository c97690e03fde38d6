import Operators

/// Prices steps from a profile: what depends on few whole numbers is tabulated once, so that a step
/// costs a few additions.
///
/// Floating point ends here: every table entry is rounded once to nanoseconds, and none exceeds
/// three years, so that sums stay within 64 bits whatever a profile says.
public struct StepPricer: StepPricing {
  private let attention: AttentionPrices
  private let host: HostOverhead
  /// By the number of tokens in the step.
  private let byTokens: [StepCost]
  /// By the number of sequences that get a token.
  private let byOutputs: [StepCost]
  /// The straight pieces of decode attention: those of n sequences are `pieces[starts[n]..<
  /// starts[n + 1]]`.
  private let pieces: [AttentionPrices.Piece]
  private let pieceStarts: [Int]

  /// Tables for steps of up to `maxTokens` tokens and `maxSequences` sequences; of several devices
  /// that share the layers, each takes as long.
  /// - Throws: ``ProfileError`` where the profile lacks an operator in `format`.
  public init(
    model whole: ModelArchitecture, format: KVFormat, profile: Profile, maxSequences: Int,
    maxTokens: Int, parallelism: Parallelism = .none, host: HostOverhead = .none
  ) throws(ProfileError) {
    let model = whole.rank(ofDegree: parallelism.tensorParallelSize)
    self.host = host
    let attention = try AttentionPrices(model: model, format: format, profile: profile)
    self.attention = attention
    let append = try AppendPrices(
      model: model, format: format, profile: profile, isOptional: attention.writesCache)
    let linear = try LinearPrices(model: model, profile: profile)
    let elementwise = ElementwisePrices(
      model: model, vocabulary: whole.vocabSize, profile: profile, beside: linear)
    let collectives = CollectivePrices(model: whole, parallelism: parallelism)
    byTokens = (0...maxTokens).map { tokens in
      var cost = StepCost()
      cost.add(linear.parts(tokens: tokens).time, to: \.linearNs)
      cost.add(append.parts(tokens: tokens).time, to: \.appendNs)
      cost.add(elementwise.parts(tokens: tokens).time, to: \.elementwiseNs)
      cost.add(collectives.parts(tokens: tokens).time, to: \.collectiveNs)
      return cost
    }
    byOutputs = (0...maxSequences).map { sequences in
      var cost = StepCost()
      cost.add(linear.headParts(sequences: sequences).time, to: \.linearNs)
      cost.add(elementwise.parts(outputs: sequences).time, to: \.elementwiseNs)
      cost.add(collectives.parts(outputs: sequences).time, to: \.collectiveNs)
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
  }

  /// The time of one step. O(chunks).
  public func cost(of batch: BatchShape) -> StepCost {
    let sequences = batch.decodeSequences
    let chunkTokens = batch.chunks.reduce(0) { $0 + $1.tokens }
    var cost = byTokens[sequences + chunkTokens]
    cost += byOutputs[sequences + batch.chunks.count { $0.endsPrompt }]
    cost.hostNs = host.perStepNs + host.perSequenceNs * Int64(sequences + batch.chunks.count)
    var decodes = StepCost()
    if sequences > 0 {
      let (index, context) = piece(sequences, contextTokens: batch.contextTokens)
      let piece = pieces[index]
      let ns = piece.startNs + piece.growthNs * Int64(context - piece.startContext)
      decodes.decodeAttentionNs = ns
      decodes.extrapolatedNs = piece.basis == .extrapolated ? ns : 0
      decodes.derivedNs = piece.basis == .derived ? ns : 0
    }
    if batch.chunks.isEmpty {
      cost += decodes
    } else {
      attention.add(batch, decodes: decodes, to: &cost)
    }
    return cost
  }

  /// The times of decode steps in a row. O(log n) in the measured contexts.
  public func decodeSpan(sequences: Int, contextTokens: Int) -> DecodeSpan {
    let (index, context) = piece(sequences, contextTokens: contextTokens)
    let isLast = index + 1 == pieceStarts[sequences + 1]
    return DecodeSpan(
      first: cost(of: BatchShape(decodeSequences: sequences, contextTokens: contextTokens)),
      growthNs: pieces[index].growthNs,
      steps: isLast ? Int.max : pieces[index + 1].startContext - context,
      basis: pieces[index].basis)
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
}
