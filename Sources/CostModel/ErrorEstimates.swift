import Operators

/// How far predictions from one profile are expected to be off, by what its fit makes of points
/// that it has not seen.
///
/// An operator's *estimate* is the error, as a share of the measured time, that two of three such
/// points do not exceed: those that are held out, or left out by turns where a profile holds none
/// out. Where times were derived from another device's, half the width of their bounds adds to it
/// in quadrature (see ``Derivation/Uncertainty``): the fit's own error says nothing of the
/// derivation. What was extrapolated, or derived of other shapes, has no estimate of its own.
public struct ErrorEstimates: Sendable {
  private let estimates: [OperatorKey: Double]

  /// The estimates of a profile: as much work as all its fits.
  public init(_ profile: Profile) {
    let heldOut = (try? profile.heldOutPoints()) ?? []
    let points = heldOut.isEmpty ? profile.leftOutPoints() : heldOut
    let errors = Dictionary(grouping: points, by: \.measurement.shape.key)
    var estimates = errors.mapValues { nearestRank($0.map { abs($0.error) }, 2.0 / 3) }
    for row in profile.derivation?.uncertainties ?? [] {
      let key = OperatorKey(kind: row.kind, format: row.format)
      guard let fit = estimates[key] else { continue }
      let half = row.medianWidth / 2
      estimates[key] = (fit * fit + half * half).squareRoot()
    }
    self.estimates = estimates
  }

  /// The estimate of one operator, as a share of its time; nil where no point tells.
  public func error(of kind: OperatorKind, in format: KVFormat?) -> Double? {
    estimates[OperatorKey(kind: kind, format: format)]
  }

  /// The estimate of a step's time, or of a run's, as a share of what of it has one; nil where
  /// nothing has. Times of one operator err alike, those of different operators independently.
  public func error(of cost: StepCost, in format: KVFormat) -> Double? {
    let small = ElementwiseOperator.allCases.compactMap {
      error(of: .elementwise($0), in: nil)
    }.max()
    let parts: [(ns: Int64, estimate: Double?)] = [
      (cost.linearNs, error(of: .linear, in: nil)),
      (cost.appendNs, error(of: .append, in: format)),
      (cost.decodeAttentionNs, error(of: .decodeAttention, in: format)),
      (cost.prefillAttentionNs, error(of: .prefillAttention, in: format)),
      (cost.elementwiseNs, small),
    ]
    var (square, total) = (0.0, 0.0)
    for (ns, estimate) in parts {
      guard let estimate else { continue }
      total += Double(ns)
      square += (estimate * Double(ns)) * (estimate * Double(ns))
    }
    return total > 0 ? square.squareRoot() / total : nil
  }
}
