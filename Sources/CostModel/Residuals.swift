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
    var predictor = PointPredictor(profile: self)
    var all: [HeldOutPoint] = []
    for point in measurements where point.isHeldOut {
      let prediction = try predictor.predict(point.shape)
      all.append(HeldOutPoint(measurement: point, predictedNs: prediction.ns))
    }
    return all
  }

  /// Of a profile that holds no point out, as imported ones do not: every point as the others
  /// predict it, with one of `folds` parts left out of the fit at a time. Those at the ends of
  /// their grids are passed over, because the rest has to extrapolate there; so are mixed launches,
  /// whose missing cells are bounds and no predictions.
  ///
  /// Where the grid is coarse these errors are larger than those of the fit with all points: the
  /// neighbours of a point that is left out lie twice as far apart.
  public func leftOutPoints(folds: Int = 5) -> [HeldOutPoint] {
    var all: [HeldOutPoint] = []
    for fold in 0..<folds {
      var predictor = PointPredictor(
        profile: with(
          measurements: measurements.enumerated().map { index, point in
            Measurement(
              shape: point.shape, isHeldOut: index % folds == fold, timesNs: point.timesNs)
          }))
      for (index, point) in measurements.enumerated()
      where index % folds == fold && point.shape.kind != .mixedAttention {
        // A part may be all that an operator has.
        guard let prediction = try? predictor.predict(point.shape),
          prediction.basis == .interpolated
        else { continue }
        all.append(HeldOutPoint(measurement: point, predictedNs: prediction.ns))
      }
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
    operatorKeys.compactMap { key in
      let errors = heldOut.filter { $0.measurement.shape.key == key }.map { abs($0.error) }
      guard !errors.isEmpty else { return nil }
      let spreads = measurements.filter { $0.shape.key == key }.map(\.spread)
      return Residuals(
        kind: key.kind, format: key.format, points: errors.count,
        medianError: nearestRank(errors, 0.5), p95Error: nearestRank(errors, 0.95),
        medianSpread: nearestRank(spreads, 0.5))
    }
  }
}

/// The smallest value that at least the share `rank` of the values do not exceed.
func nearestRank(_ values: [Double], _ rank: Double) -> Double {
  let sorted = values.sorted()
  return sorted[max(0, Int((rank * Double(sorted.count)).rounded(.up)) - 1)]
}
