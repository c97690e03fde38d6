/// The time of one engine step, or of a run of steps, by operator. Nanoseconds.
public struct StepCost: Hashable, Sendable {
  /// Projections of every layer and the language-model head.
  public var linearNs: Int64
  /// Writing new keys and values into pages.
  public var appendNs: Int64
  /// Attention of decode tokens over their contexts.
  public var decodeAttentionNs: Int64
  /// Attention of prefill chunks over their prefixes and themselves, and reading these back from
  /// the cache where the measured kernels need it.
  public var prefillAttentionNs: Int64
  /// Norms, rotary embedding, activation, residuals, embedding look-up and sampling.
  public var elementwiseNs: Int64
  /// Exchange between the devices of one replica.
  public var collectiveNs: Int64
  /// What the engine does between steps.
  public var hostNs: Int64
  /// Copying blocks between the device's memory and the host's, which the step waits for.
  public var swapNs: Int64
  /// Of the total, what was priced outside the measured grid.
  public var extrapolatedNs: Int64
  /// Of the total, what was derived: from other heads, from dense layers of 16-bit weights, or by
  /// the bytes that an operator moves.
  public var derivedNs: Int64

  /// No time at all, unless given.
  public init(
    linearNs: Int64 = 0, appendNs: Int64 = 0, decodeAttentionNs: Int64 = 0,
    prefillAttentionNs: Int64 = 0, elementwiseNs: Int64 = 0, collectiveNs: Int64 = 0,
    hostNs: Int64 = 0, swapNs: Int64 = 0, extrapolatedNs: Int64 = 0, derivedNs: Int64 = 0
  ) {
    self.linearNs = linearNs
    self.appendNs = appendNs
    self.decodeAttentionNs = decodeAttentionNs
    self.prefillAttentionNs = prefillAttentionNs
    self.elementwiseNs = elementwiseNs
    self.collectiveNs = collectiveNs
    self.hostNs = hostNs
    self.swapNs = swapNs
    self.extrapolatedNs = extrapolatedNs
    self.derivedNs = derivedNs
  }

  /// The whole step.
  public var totalNs: Int64 {
    linearNs.capped(adding: appendNs).capped(adding: decodeAttentionNs)
      .capped(adding: prefillAttentionNs).capped(adding: elementwiseNs)
      .capped(adding: collectiveNs).capped(adding: hostNs).capped(adding: swapNs)
  }

  /// Adds the time of copies between the device's memory and the host's: derived, by their bytes.
  public mutating func addSwap(_ ns: Int64) {
    swapNs += ns
    derivedNs += ns
  }

  /// Adds up two costs, operator by operator.
  public static func += (sum: inout StepCost, cost: StepCost) {
    sum.linearNs = sum.linearNs.capped(adding: cost.linearNs)
    sum.appendNs = sum.appendNs.capped(adding: cost.appendNs)
    sum.decodeAttentionNs = sum.decodeAttentionNs.capped(adding: cost.decodeAttentionNs)
    sum.prefillAttentionNs = sum.prefillAttentionNs.capped(adding: cost.prefillAttentionNs)
    sum.elementwiseNs = sum.elementwiseNs.capped(adding: cost.elementwiseNs)
    sum.collectiveNs = sum.collectiveNs.capped(adding: cost.collectiveNs)
    sum.hostNs = sum.hostNs.capped(adding: cost.hostNs)
    sum.swapNs = sum.swapNs.capped(adding: cost.swapNs)
    sum.extrapolatedNs = sum.extrapolatedNs.capped(adding: cost.extrapolatedNs)
    sum.derivedNs = sum.derivedNs.capped(adding: cost.derivedNs)
  }
}

extension Int64 {
  /// The sum of two numbers that are not negative, or the largest number: the times of many
  /// replicas can add up to more than 292 years of nanoseconds.
  @inline(__always)
  public func capped(adding other: Int64) -> Int64 {
    let (sum, overflows) = addingReportingOverflow(other)
    return overflows ? .max : sum
  }
}
