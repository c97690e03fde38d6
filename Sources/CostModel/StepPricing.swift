/// A chunk of one prompt in a step.
public struct PrefillChunk: Hashable, Sendable {
  /// Prompt tokens computed now.
  public var tokens: Int
  /// Tokens of the same sequence that are in the cache already.
  public var prefix: Int
  /// Whether the chunk ends the prompt, so that the step yields a token for it.
  public var endsPrompt: Bool

  /// A chunk, complete.
  public init(tokens: Int, prefix: Int, endsPrompt: Bool) {
    self.tokens = tokens
    self.prefix = prefix
    self.endsPrompt = endsPrompt
  }
}

/// What the time of a step depends on.
public struct BatchShape: Hashable, Sendable {
  /// Prompts worked on.
  public var chunks: [PrefillChunk]
  /// Sequences that decode.
  public var decodeSequences: Int
  /// New tokens of each of them: one, or where tokens are drafted these and one more, all of which
  /// the step verifies.
  public var tokensPerDecode: Int
  /// Cached tokens that the decodes attend to, their own new ones included, all together.
  public var contextTokens: Int
  /// Cached tokens of the decode that attends to most; at or below their mean: to as many as all.
  public var longestContext: Int

  /// Tokens of its prompts that it computes. O(prompts).
  public var prefillTokens: Int {
    var tokens = 0
    for chunk in chunks { tokens += chunk.tokens }
    return tokens
  }

  /// A batch; empty unless given.
  public init(
    chunks: [PrefillChunk] = [], decodeSequences: Int = 0, tokensPerDecode: Int = 1,
    contextTokens: Int = 0, longestContext: Int = 0
  ) {
    self.chunks = chunks
    self.decodeSequences = decodeSequences
    self.tokensPerDecode = tokensPerDecode
    self.contextTokens = contextTokens
    self.longestContext = longestContext
  }

  /// New tokens of all decoding sequences.
  public var decodeTokens: Int { decodeSequences * tokensPerDecode }
}

/// The price of decode steps in a row with one batch, each sequence's context growing by a token a
/// step: step `i` costs `first` plus `i · growthNs` more decode attention.
public struct DecodeSpan: Hashable, Sendable {
  /// The first step.
  public let first: StepCost
  /// Nanoseconds by which decode attention grows from one step to the next; never negative.
  public let growthNs: Int64
  /// For how many steps the line holds; at least 1.
  public let steps: Int
  /// How decode attention was arrived at.
  public let basis: Basis

  /// A span, complete.
  /// - Precondition: more context never takes less time.
  public init(first: StepCost, growthNs: Int64, steps: Int, basis: Basis = .interpolated) {
    precondition(growthNs >= 0, "more context never takes less time")
    self.first = first
    self.growthNs = growthNs
    self.steps = steps
    self.basis = basis
  }

  /// The cost of the first `count` steps together: an arithmetic series, exact in nanoseconds.
  public func cost(ofFirst count: Int) -> StepCost {
    guard count > 1 else { return first }
    let n = Int64(count)
    let growth = growthNs * (n * (n - 1) / 2)
    return StepCost(
      linearNs: n * first.linearNs,
      appendNs: n * first.appendNs,
      decodeAttentionNs: n * first.decodeAttentionNs + growth,
      prefillAttentionNs: n * first.prefillAttentionNs,
      elementwiseNs: n * first.elementwiseNs,
      collectiveNs: n * first.collectiveNs,
      hostNs: n * first.hostNs,
      swapNs: n * first.swapNs,
      extrapolatedNs: n * first.extrapolatedNs + (basis == .extrapolated ? growth : 0),
      derivedNs: n * first.derivedNs + (basis == .derived ? growth : 0))
  }

  /// About what the first `count` steps take, in nanoseconds, for numbers that ``cost(ofFirst:)``
  /// could not hold.
  public func estimatedNs(ofFirst count: Int) -> Double {
    let n = Double(count)
    return n * Double(first.totalNs) + Double(growthNs) * n * (n - 1) / 2
  }

  /// The fewest steps that take at least `ns` together, and at most `limit`.
  ///
  /// Solves the quadratic in floating point and settles the last step in integers.
  public func steps(lasting ns: Int64, limit: Int) -> Int {
    guard ns > first.totalNs, limit > 1 else { return 1 }
    guard estimatedNs(ofFirst: limit) >= Double(ns) / 2 else { return limit }
    let a = Double(growthNs) / 2
    let b = Double(first.totalNs) - a
    let root =
      growthNs == 0
      ? Double(ns) / b : ((b * b + 4 * a * Double(ns)).squareRoot() - b) / (2 * a)
    var count = max(1, root < Double(limit) ? Int(root) : limit)
    while count < limit, cost(ofFirst: count).totalNs < ns { count += 1 }
    while count > 1, cost(ofFirst: count - 1).totalNs >= ns { count -= 1 }
    return count
  }
}

/// Prices the steps of one model in one format on one device.
///
/// A pure function of the batch: the same batch costs the same whenever it is asked for.
public protocol StepPricing: Sendable {
  /// The time of one step.
  func cost(of batch: BatchShape) -> StepCost
  /// The times of decode steps in a row, of which this batch, without chunks, is the first; that
  /// costs what ``cost(of:)`` says.
  func decodeSpan(of batch: BatchShape) -> DecodeSpan
  /// Writes how the time of a step, whose batch costs what ``cost(of:)`` says, passes through the
  /// stages of a pipeline, as many as `times` has: in all as long as the cost. Asked for of several
  /// stages alone; whoever prices one has no need to answer.
  func spread(_ cost: StepCost, of batch: BatchShape, over times: inout StageTimes)
}

extension StepPricing {
  /// Of one stage.
  public func spread(_ cost: StepCost, of batch: BatchShape, over times: inout StageTimes) {
    preconditionFailure("these prices are of one stage")
  }
}
