/// The operators of a layer that only move elements, by the names that profiles give them.
///
/// What one reads and writes per element of its rows is counted for FP32 activations, as in the
/// bundled kernels.
public enum ElementwiseOperator: String, Hashable, Sendable, CaseIterable {
  /// The residual addition and the norm after it; rows of the hidden size.
  case norm
  /// The norm after the last layer; rows of the hidden size.
  case finalNorm = "final_norm"
  /// The rotary embedding of queries and keys; rows of all their elements.
  case rotary
  /// The activation of a gated MLP times its other half; rows of the intermediate size.
  case activation
  /// A row of the embedding for each token; rows of the hidden size.
  case embedding
  /// Choosing a token from a row of logits, one for each sequence; rows of the vocabulary.
  case sampling

  /// Bytes that are read and written for each element of a row.
  public var bytesPerElement: Int {
    switch self {
    // x, the residual and the sum, then the sum and the result.
    case .norm: 4 * 5
    case .finalNorm, .rotary: 4 * 2
    // Gate and up are read, their product is written.
    case .activation: 4 * 3
    // Read in FP16, written in FP32.
    case .embedding: 2 + 4
    // Greedy: each logit is read once.
    case .sampling: 4
    }
  }
}
