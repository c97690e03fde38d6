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

/// A point held out of the fit, and what the fit predicts there.
public struct HeldOutPoint: Hashable, Sendable {
  /// What was measured.
  public let measurement: Measurement
  /// The predicted time, in nanoseconds.
  public let predictedNs: Double

  /// (predicted − measured) / measured.
  public var error: Double { predictedNs / Double(measurement.medianNs) - 1 }

  /// A point, complete.
  public init(measurement: Measurement, predictedNs: Double) {
    self.measurement = measurement
    self.predictedNs = predictedNs
  }
}

extension Profile {
  /// Every point that is held out, in the order in which they were taken, with its prediction.
  /// - Throws: ``ProfileError`` where an operator has held-out points and none to fit.
  public func heldOutPoints() throws(ProfileError) -> [HeldOutPoint] {
    struct Key: Hashable {
      let kind: OperatorKind
      let format: KVFormat?
      let heads: HeadGeometry?
    }
    var models: [Key: OperatorModel] = [:]
    var all: [HeldOutPoint] = []
    for point in measurements where point.isHeldOut {
      let shape = point.shape
      let key = Key(kind: shape.kind, format: shape.format, heads: shape.heads)
      let known = models[key]
      let model =
        if let known { known } else {
          try OperatorModel(key.kind, format: key.format, heads: key.heads, profile: self)
        }
      models[key] = model
      all.append(HeldOutPoint(measurement: point, predictedNs: model.predict(shape).ns))
    }
    return all
  }

  /// The residuals of each operator and format that has points held out, in the order in which
  /// operators are named.
  /// - Throws: ``ProfileError`` where an operator has held-out points and none to fit.
  public func residuals() throws(ProfileError) -> [Residuals] {
    residuals(of: try heldOutPoints())
  }

  /// The same, of points that ``heldOutPoints()`` gave.
  public func residuals(of heldOut: [HeldOutPoint]) -> [Residuals] {
    var all: [Residuals] = []
    for kind in OperatorKind.allCases {
      for format in kind == .linear ? [nil] : KVFormat.named.map(Optional.some) {
        func isOwn(_ shape: OperatorShape) -> Bool { shape.kind == kind && shape.format == format }
        let errors = heldOut.filter { isOwn($0.measurement.shape) }.map { abs($0.error) }
        guard !errors.isEmpty else { continue }
        let spreads = measurements.filter { isOwn($0.shape) }.map(\.spread)
        all.append(
          Residuals(
            kind: kind, format: format, points: errors.count,
            medianError: nearestRank(errors, 0.5), p95Error: nearestRank(errors, 0.95),
            medianSpread: nearestRank(spreads, 0.5)))
      }
    }
    return all
  }
}

/// The smallest value that at least the share `rank` of the values do not exceed.
func nearestRank(_ values: [Double], _ rank: Double) -> Double {
  let sorted = values.sorted()
  return sorted[max(0, Int((rank * Double(sorted.count)).rounded(.up)) - 1)]
}
