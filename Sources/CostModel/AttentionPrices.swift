import Operators

/// The time of a step's attention in all layers, windows included, and of reading back what is
/// cached where kernels cannot attend to it as it is stored.
///
/// A layer whose attention has a window is priced as attention over as many query–key pairs as the
/// window leaves.
struct AttentionPrices: Sendable {
  private let decode: OperatorModel
  /// What uneven contexts add to it; nil of profiles that have no times of them.
  private let ragged: RaggedDecodeModel?
  private let prefill: OperatorModel
  /// Where all attention of a step is one launch.
  private let launched: LaunchedAttentionModel?
  /// Where chunks attend to a copy of their prefix that has to be made first: of profiles that have
  /// times of it in this format.
  private let gather: OperatorModel?
  /// Whether the chunks of a step share one launch.
  private let chunksShareLaunch: Bool
  private let heads: HeadGeometry
  private let format: KVFormat
  /// Where each decoding sequence has several new tokens.
  private let verification: VerificationPrices?
  /// How many layers have each window; nil: attention to all tokens.
  private let windows: [(window: Int?, layers: Double)]

  /// A straight piece of decode attention in all layers, over the mean context in whole tokens.
  struct Piece: Sendable {
    let startContext: Int
    let startNs: Int64
    let growthNs: Int64
    let basis: Basis
  }

  /// - Parameter tokensPerDecode: new tokens of each decoding sequence.
  /// - Throws: ``ProfileError/notMeasured(_:_:)``.
  init(
    model: ModelArchitecture, format: KVFormat, profile: Profile, tokensPerDecode: Int = 1
  ) throws(ProfileError) {
    heads = model.heads
    self.format = format
    launched = try LaunchedAttentionModel(format: format, heads: heads, profile: profile)
    prefill = try OperatorModel(.prefillAttention, format: format, heads: heads, profile: profile)
    var decode = try OperatorModel(
      .decodeAttention, format: format, heads: heads, profile: profile)
    var decodeHeads = heads
    verification =
      tokensPerDecode == 1
      ? nil
      : VerificationPrices(
        tokens: tokensPerDecode, heads: heads, format: format, profile: profile, prefill: prefill)
    if let verification {
      decodeHeads = verification.decodeHeads
      decode = try OperatorModel(
        .decodeAttention, format: format, heads: decodeHeads, profile: profile)
    }
    self.decode = decode
    ragged = RaggedDecodeModel(format: format, heads: decodeHeads, profile: profile, alike: decode)
    gather = try? OperatorModel(.gather, format: format, heads: heads, profile: profile)
    chunksShareLaunch = profile.chunksShareLaunch
    var layers: [Int?: Int] = [:]
    for group in model.layerGroups { layers[group.attentionWindow, default: 0] += group.count }
    windows = layers.map { (window: $0.key, layers: Double($0.value)) }
      .sorted { $0.window ?? .max < $1.window ?? .max }
  }

  /// Whether writing the cache is part of a step's one launch.
  var writesCache: Bool { launched != nil }

  /// Decode attention of so many sequences as straight pieces, from a context of 0 up.
  func pieces(sequences: Int) -> [Piece] {
    let measured = decode.decodePieces(sequences: sequences)
    let starts = Set(
      measured.map { Int($0.start.rounded(.up)) } + windows.compactMap(\.window))
    return starts.sorted().map { start in
      var (ns, slope) = (0.0, 0.0)
      var isExtrapolated = false
      for (window, layers) in windows {
        let context = min(start, window ?? .max)
        let piece = measured.last { $0.start <= Double(context) }!
        ns += layers * (piece.startNs + piece.slope * (Double(context) - piece.start))
        if start < window ?? .max { slope += layers * piece.slope }
        isExtrapolated = isExtrapolated || piece.isExtrapolated
      }
      return Piece(
        startContext: start, startNs: nanoseconds(ns),
        growthNs: min(nanoseconds(slope), longestGrowthNs),
        basis: decode.isDerived ? .derived : isExtrapolated ? .extrapolated : .interpolated)
    }
  }

  /// What uneven contexts add, for up to so many sequences of up to `maxContext` tokens; nil where
  /// that was not measured.
  func raggedPieces(maxSequences: Int, maxContext: Int) -> RaggedPieces? {
    ragged.map {
      RaggedPieces($0, windows: windows, maxSequences: maxSequences, maxContext: maxContext)
    }
  }

  /// Adds attention of a step with chunks to its cost; `decodes` is what its single tokens take
  /// alone.
  func add(_ batch: BatchShape, decodes: StepCost, to cost: inout StepCost) {
    guard let launched else {
      var time = PricedTime()
      forEachLaunch(of: batch.chunks) { _, _, count, prediction in
        time.add(prediction, times: count)
      }
      cost.add(time, to: \.prefillAttentionNs)
      cost += decodes
      return
    }
    func launch(sequences: Int) -> PricedTime {
      var time = PricedTime()
      for (window, layers) in windows {
        time.add(
          launched.predict(
            batch.chunks, sequences: sequences, contextTokens: batch.contextTokens,
            window: window),
          times: layers)
      }
      return time
    }
    let together = launch(sequences: batch.decodeSequences)
    // What one launch takes is shared out as if either part ran alone.
    var share = 0.0
    if batch.decodeSequences > 0 {
      let alone = Double(decodes.decodeAttentionNs)
      share = alone / max(1, alone + launch(sequences: 0).ns)
    }
    cost.add(together, to: \.prefillAttentionNs)
    cost.decodeAttentionNs = nanoseconds(Double(cost.prefillAttentionNs) * share)
    cost.prefillAttentionNs -= cost.decodeAttentionNs
  }

  /// Adds what several new tokens of each decoding sequence take beyond what the decode attention
  /// of these prices has.
  func addVerification(_ batch: BatchShape, to cost: inout StepCost) {
    guard let verification else { return }
    cost.add(verification.rowsBeyond(batch, windows: windows), to: \.decodeAttentionNs)
  }

  /// Adds attention of any step to its cost, its single tokens priced as they come.
  func add(_ batch: BatchShape, to cost: inout StepCost) {
    var alone = batch
    alone.chunks = []
    var decodes = StepCost()
    decodes.add(parts(alone).time, to: \.decodeAttentionNs)
    if batch.chunks.isEmpty { cost += decodes } else { add(batch, decodes: decodes, to: &cost) }
  }

  /// Attention of a step, for people to read: what ``add(_:decodes:to:)`` adds up.
  func parts(_ batch: BatchShape) -> [StepPart] {
    let sequences = batch.decodeSequences
    let context = sequences > 0 ? batch.contextTokens / sequences : 0
    guard let launched, !batch.chunks.isEmpty else {
      var parts: [StepPart] = []
      forEachLaunch(of: batch.chunks) { name, shape, count, prediction in
        parts.append(StepPart(name: name, shape: shape, count: count, prediction: prediction))
      }
      guard sequences > 0 else { return parts }
      return parts + windows.map { decodePart(batch, context: context, window: $0, layers: $1) }
    }
    return windows.map { window, layers in
      let joined = JoinedChunks(batch.chunks, through: window)
      let shape: OperatorShape =
        sequences == 0
        ? prefillShape(tokens: joined.tokens, prefix: joined.prefix)
        : .mixedAttention(
          tokens: joined.tokens, prefix: joined.prefix, sequences: sequences,
          context: min(context, window ?? .max), heads: heads, format: format)
      return StepPart(
        name: "attention", shape: shape, count: layers,
        prediction: launched.predict(
          batch.chunks, sequences: sequences, contextTokens: batch.contextTokens, window: window))
    }
  }

  /// Attention of a step's single tokens in layers with one window.
  private func decodePart(
    _ batch: BatchShape, context: Int, window: Int?, layers: Double
  ) -> StepPart {
    let (sequences, longest) = (batch.decodeSequences, batch.longestContext)
    if let ragged, longest > context, longest < window ?? .max,
      RaggedBatch.exists(sequences: sequences, context: context, longest: longest)
    {
      let uneven = RaggedBatch(sequences: sequences, context: context, longest: longest)
      return StepPart(
        name: "decode attention", shape: .raggedDecode(uneven, heads: heads, format: format),
        count: layers, prediction: ragged.predict(uneven))
    }
    let shape = OperatorShape.decodeAttention(
      sequences: sequences, context: min(context, window ?? .max), heads: heads, format: format)
    return StepPart(
      name: "decode attention", shape: shape, count: layers, prediction: decode.predict(shape))
  }

  /// Every launch that prompts need, where single tokens have launches of their own: what it is,
  /// its shape, how often a step has it, and its time.
  private func forEachLaunch(
    of chunks: [PrefillChunk],
    _ body: (
      _ name: String, _ shape: OperatorShape, _ count: Double, OperatorModel.Prediction
    ) -> Void
  ) {
    func read(_ tokens: Int, layers: Double) {
      guard let gather, tokens > 0 else { return }
      let shape = OperatorShape.gather(tokens: tokens, heads: heads, format: format)
      body("gather", shape, layers, gather.predict(shape))
    }
    for (window, layers) in windows {
      if chunksShareLaunch, !chunks.isEmpty {
        let joined = JoinedChunks(chunks, through: window)
        read(chunks.reduce(0) { $0 + $1.gathered(through: window) }, layers: layers)
        body(
          "prefill attention", prefillShape(tokens: joined.tokens, prefix: joined.prefix), layers,
          prefill.prefill(tokens: Double(joined.tokens), pairs: Double(joined.pairs)))
        continue
      }
      for chunk in chunks {
        let seen = chunk.seen(through: window)
        let shape = prefillShape(tokens: chunk.tokens, prefix: seen.prefix)
        read(chunk.gathered(through: window), layers: layers)
        body("prefill attention", shape, layers * seen.share, prefill.predict(shape))
      }
    }
  }

  private func prefillShape(tokens: Int, prefix: Int) -> OperatorShape {
    .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: format)
  }
}

/// Chunks that share a launch, as one: all their tokens and query–key pairs.
private struct JoinedChunks {
  let tokens: Int
  let pairs: Int

  /// - Precondition: there is a chunk.
  init(_ chunks: [PrefillChunk], through window: Int?) {
    precondition(!chunks.isEmpty)
    tokens = chunks.reduce(0) { $0 + $1.tokens }
    pairs = chunks.reduce(0) { $0 + $1.pairs(through: window) }
  }

  /// The prefix with which one chunk of these tokens has as many pairs, in whole tokens; 0 where it
  /// has more even without one.
  var prefix: Int {
    max(0, (pairs - OperatorShape.attendedPairs(tokens: tokens, prefix: 0)) / tokens)
  }
}

extension PrefillChunk {
  /// The query–key pairs of the chunk where a token sees so many tokens, its own included; nil: all
  /// up to its own.
  func pairs(through window: Int?) -> Int {
    guard let window, window < prefix + tokens else {
      return OperatorShape.attendedPairs(tokens: tokens, prefix: prefix)
    }
    // The first tokens may still see all before them.
    let unbounded = max(0, window - prefix)
    return OperatorShape.attendedPairs(tokens: unbounded, prefix: prefix)
      + (tokens - unbounded) * window
  }

  /// Tokens that have to be read back before the chunk attends to them: none without a prefix,
  /// since those that were just computed are at hand; else the prefix, as far as it is seen, and
  /// they.
  func gathered(through window: Int?) -> Int {
    prefix > 0 ? min(prefix, window ?? .max) + tokens : 0
  }

  /// The prefix with which as many tokens have the pairs that a window leaves; where even none is
  /// too long, the share of a whole chunk's pairs that is left.
  func seen(through window: Int?) -> (prefix: Int, share: Double) {
    let own = OperatorShape.attendedPairs(tokens: tokens, prefix: 0)
    let left = pairs(through: window)
    return left >= own ? ((left - own) / tokens, 1) : (0, Double(left) / Double(own))
  }
}

/// The most that decode attention may grow by for a token of mean context: ten seconds.
private let longestGrowthNs: Int64 = 10_000_000_000
