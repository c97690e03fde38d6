/// Speculative decoding as a step's price knows it (Leviathan et al., "Fast inference from
/// transformers via speculative decoding", ICML 2023): tokens are drafted for each decoding
/// sequence, and one pass of the model verifies them.
public struct Drafting: Hashable, Sendable {
  /// Tokens drafted for each decoding sequence in a step.
  public let tokens: Int
  /// What drafts them; nil for what takes no time of the device, as looking them up in the prompt.
  public let model: ModelArchitecture?

  /// - Precondition: tokens are drafted.
  public init(tokens: Int, model: ModelArchitecture?) {
    precondition(tokens > 0)
    self.tokens = tokens
    self.model = model
  }

  /// New tokens of each decoding sequence that a step verifies: those drafted, and the one from
  /// which they go on.
  var tokensPerDecode: Int { tokens + 1 }
}

extension BatchShape {
  /// Passes of a draft model for a step: one for each token that it drafts for every decoding
  /// sequence, or one for prompts alone.
  var draftPasses: Int { decodeSequences > 0 ? tokensPerDecode - 1 : 1 }

  /// One of these passes, from 1 on: it gives every decoding sequence one token, and the first
  /// takes the prompts along. When all are done the step verifies.
  func draftPass(_ number: Int) -> BatchShape {
    var pass = self
    pass.tokensPerDecode = 1
    if number > 1 { pass.chunks = [] }
    // Contexts count with all tokens that are verified; here so many are not drafted yet.
    let missing = tokensPerDecode - number
    pass.contextTokens -= decodeSequences * missing
    pass.longestContext = max(0, longestContext - missing)
    return pass
  }
}
