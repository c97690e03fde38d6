import Operators

/// Layers of a model that are alike, wherever in the stack they stand.
public struct LayerGroup: Hashable, Sendable {
  /// How many layers.
  public let count: Int
  /// What each token passes after attention.
  public let feedForward: FeedForward
  /// How many tokens a token attends to, itself included: a sliding window; nil: all before it.
  public let attentionWindow: Int?

  /// - Precondition: sizes are positive.
  public init(count: Int, feedForward: FeedForward, attentionWindow: Int? = nil) {
    precondition(count > 0 && attentionWindow ?? 1 > 0)
    self.count = count
    self.feedForward = feedForward
    self.attentionWindow = attentionWindow
  }
}

/// The part of a layer that follows attention.
public enum FeedForward: Hashable, Sendable {
  /// One MLP for all tokens: gate and up, their product, down; or without a gate up and down.
  case dense(intermediateSize: Int, isGated: Bool)
  /// A router that sends each token to `perToken` of `count` gated MLPs, whose outputs are added
  /// up (Mixtral, arXiv 2401.04088, section 2.1), and a gated MLP that all tokens pass besides
  /// (Qwen1.5-MoE): `sharedIntermediateSize` is 0 where there is none.
  case experts(count: Int, perToken: Int, intermediateSize: Int, sharedIntermediateSize: Int)

  /// Experts of one layer; 0 where it is dense.
  public var expertCount: Int {
    if case .experts(let count, _, _, _) = self { count } else { 0 }
  }

  /// Experts that one token passes in one layer; 0 where it is dense.
  public var expertsPerToken: Int {
    if case .experts(_, let perToken, _, _) = self { perToken } else { 0 }
  }

  /// One expert; nil where a layer is dense.
  public func expertShape(inputs: Int) -> ExpertShape? {
    guard case .experts(_, let perToken, let size, _) = self else { return nil }
    return ExpertShape(perToken: perToken, inputs: inputs, width: size)
  }

  /// Elements that the activation reads and writes for a token: gate, up and their product.
  public var activationElements: Int {
    switch self {
    case .dense(let size, let isGated): (isGated ? 3 : 2) * size
    case .experts(_, let perToken, let size, let shared): 3 * (perToken * size + shared)
    }
  }
}
