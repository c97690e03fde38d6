import Glibc

/// How attention makes a logit of a dot product: `s = scale · q · k`, and with a soft cap
/// `cap · tanh(s / cap)`, as Gemma 2 has it (arXiv 2408.00118, section 2).
public struct LogitRule: Hashable, Sendable {
  /// What `q · k` is multiplied with: `1 / √head_dim` in most models, `1 / √query_pre_attn_scalar`
  /// in Gemma 2.
  public let scale: Double
  /// Gemma 2's `attn_logit_softcapping`; nil where logits are left as they are.
  public let softCap: Double?

  /// The scales and caps that are taken: positive, and so far from the ends of FP64 that no square
  /// of a logit overflows or vanishes.
  public static let range = 1e-6...1e6

  /// A rule for heads of `headDim` elements.
  ///
  /// - Precondition: `scale` and `softCap`, where given, lie in ``range``.
  public init(headDim: Int, scale: Double? = nil, softCap: Double? = nil) {
    precondition([scale, softCap].allSatisfy { $0.map(LogitRule.range.contains) ?? true })
    self.scale = scale ?? 1 / Double(headDim).squareRoot()
    self.softCap = softCap
  }

  /// The logit of a dot product.
  @inline(__always)
  func logit(_ dot: Double) -> Double {
    let scaled = dot * scale
    guard let softCap else { return scaled }
    return softCap * tanh(scaled / softCap)
  }
}
