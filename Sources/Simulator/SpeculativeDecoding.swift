/// `speculative_config`: tokens are drafted for each decoding sequence, and one step verifies them
/// all (Leviathan et al., "Fast inference from transformers via speculative decoding", ICML 2023).
///
/// Every drafted token is accepted with the same probability α if all before it are, so that a step
/// accepts at least j of k with probability αʲ and gives (1 − αᵏ⁺¹) / (1 − α) tokens on average
/// (their equation 1), the one that comes of the verification itself included.
public struct SpeculativeDecoding: Hashable, Sendable {
  /// `num_speculative_tokens`: tokens drafted for each decoding sequence in a step.
  public let draftTokens: Int
  /// `acceptance_rate`: the probability with which each is accepted, 0...1.
  public let acceptanceRate: Double

  /// - Precondition: tokens are drafted, and the rate is a probability.
  public init(draftTokens: Int, acceptanceRate: Double) {
    precondition(draftTokens > 0 && (0...1).contains(acceptanceRate))
    self.draftTokens = draftTokens
    self.acceptanceRate = acceptanceRate
  }

  /// Tokens that a step gives each sequence on average, as long as it has so many to produce.
  public var meanAcceptanceLength: Double {
    (0...draftTokens).reduce((sum: 0.0, power: 1.0)) { series, _ in
      (series.sum + series.power, series.power * acceptanceRate)
    }.sum
  }

  /// How many drafted tokens are accepted in a step that produces a request's tokens from a
  /// position on, counted from 0. Whether the token at a position would be accepted is one draw of
  /// the request's number and that position, in whatever step it is drafted: no step uses a draw
  /// that another has used, so that steps are independent, and neither the format nor other
  /// requests change it.
  func accepted(ofRequest id: Int64, from position: Int, _ draws: RandomStream) -> Int {
    var count = 0
    while count < draftTokens,
      draws.openUnit(.draftAcceptance, entity: id, draw: UInt32(position + count)) < acceptanceRate
    {
      count += 1
    }
    return count
  }
}

/// What drafting came to in a run, as vLLM counts it.
public struct DraftSummary: Hashable, Sendable {
  /// Verifications: a step with so many decoding sequences has as many.
  public internal(set) var drafts = 0
  /// Drafted tokens that were accepted, those beyond an output's end included.
  public internal(set) var acceptedTokens = 0

  /// Tokens of a verification on average, its own included: vLLM's "mean acceptance length"; nil
  /// without one.
  public var meanAcceptanceLength: Double? {
    drafts == 0 ? nil : 1 + Double(acceptedTokens) / Double(drafts)
  }

  /// Adds those of other replicas.
  static func += (sum: inout DraftSummary, other: DraftSummary) {
    sum.drafts += other.drafts
    sum.acceptedTokens += other.acceptedTokens
  }
}
