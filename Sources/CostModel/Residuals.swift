import Operators

/// How far a profile's predictions lie from the points held out of its fit, for one operator.
public struct Residuals: Hashable, Sendable {
  /// The operator.
  public let kind: OperatorKind
  /// Its format; nil for `linear`.
  public let format: KVFormat?
  /// Points that were held out.
  public let points: Int
  /// Median of |predicted − measured| / measured.
  public let medianError: Double
  /// 95th percentile of the same (nearest rank).
  public let p95Error: Double
  /// Median over all points of the operator of the repeats' interquartile range over their median:
  /// what noise alone would do.
  public let medianSpread: Double

  /// Residuals, complete.
  public init(
    kind: OperatorKind, format: KVFormat?, points: Int, medianError: Double, p95Error: Double,
    medianSpread: Double
  ) {
    self.kind = kind
    self.format = format
    self.points = points
    self.medianError = medianError
    self.p95Error = p95Error
    self.medianSpread = medianSpread
  }
}

extension Profile {
  /// The residuals of each operator and format that has points held out, in the order in which
  /// operators are named.
  /// - Throws: ``ProfileError`` where an operator has held-out points and none to fit.
  public func residuals() throws(ProfileError) -> [Residuals] {
    var all: [Residuals] = []
    for kind in OperatorKind.allCases {
      for format in kind == .linear ? [nil] : KVFormat.named.map(Optional.some) {
        let own = measurements.filter { $0.shape.kind == kind && $0.shape.format == format }
        let heldOut = own.filter(\.isHeldOut)
        guard !heldOut.isEmpty else { continue }
        var errors: [Double] = []
        for point in heldOut {
          let model = try OperatorModel(
            kind, format: format, heads: point.shape.heads, profile: self)
          let measured = Double(point.medianNs)
          errors.append(abs(model.predict(point.shape).ns - measured) / measured)
        }
        all.append(
          Residuals(
            kind: kind, format: format, points: heldOut.count,
            medianError: nearestRank(errors, 0.5), p95Error: nearestRank(errors, 0.95),
            medianSpread: nearestRank(own.map(\.spread), 0.5)))
      }
    }
    return all
  }
}

/// The smallest value that at least the share `rank` of the values do not exceed.
private func nearestRank(_ values: [Double], _ rank: Double) -> Double {
  let sorted = values.sorted()
  return sorted[max(0, Int((rank * Double(sorted.count)).rounded(.up)) - 1)]
}
