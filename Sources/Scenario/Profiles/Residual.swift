/// How well a fit predicts the points held out of it, for one operator and format.
///
/// Written into a profile for people to read; nothing computes with it.
public struct Residual: Hashable, Sendable {
  /// `linear`, `append`, `decode_attention` or `prefill_attention`.
  public let operatorName: String
  /// The format's name, or nil where the operator has none.
  public let formatName: String?
  /// Points held out.
  public let points: Int
  /// Median of |predicted − measured| / measured.
  public let medianError: Double
  /// 95th percentile of the same.
  public let p95Error: Double

  /// A residual, complete; errors are rounded to six decimals when written.
  public init(
    operatorName: String, formatName: String?, points: Int, medianError: Double, p95Error: Double
  ) {
    self.operatorName = operatorName
    self.formatName = formatName
    self.points = points
    self.medianError = medianError
    self.p95Error = p95Error
  }
}
