/// A sum of predictions: nanoseconds, and how much of them was not measured.
struct PricedTime {
  var ns = 0.0
  /// Of `ns`, what lies beyond the measured points.
  var extrapolatedNs = 0.0
  /// Of `ns`, what was derived from other shapes or from bytes.
  var derivedNs = 0.0

  /// Adds a prediction, so many times over.
  mutating func add(_ prediction: OperatorModel.Prediction, times count: Double = 1) {
    add(prediction.ns * count, prediction.basis)
  }

  /// Adds so many nanoseconds.
  mutating func add(_ time: Double, _ basis: Basis) {
    ns += time
    switch basis {
    case .interpolated: break
    case .extrapolated: extrapolatedNs += time
    case .derived: derivedNs += time
    }
  }
}

extension StepCost {
  /// Adds a sum of predictions to one part of the cost, each figure rounded once.
  mutating func add(_ time: PricedTime, to part: WritableKeyPath<StepCost, Int64>) {
    self[keyPath: part] += nanoseconds(time.ns)
    extrapolatedNs += nanoseconds(time.extrapolatedNs)
    derivedNs += nanoseconds(time.derivedNs)
  }
}

/// Rounds to whole nanoseconds, three years at the most, so that sums stay within 64 bits whatever
/// a profile says.
func nanoseconds(_ ns: Double) -> Int64 {
  Int64(min(ns, 1e17).rounded())
}
