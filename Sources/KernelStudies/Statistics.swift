/// Figures that the studies share.
public enum Statistics {
  /// Normalised mean squared error: the squared errors' sum over the squares' sum of what was
  /// expected. Where all of that is zero, the squared errors' sum itself. NaN where any element
  /// of either is.
  /// - Precondition: both have the same length.
  public static func normalisedMeanSquaredError(
    _ measured: some Collection<Float>, _ expected: some Collection<Double>
  ) -> Double {
    precondition(measured.count == expected.count)
    var error = 0.0
    var power = 0.0
    for (m, e) in zip(measured, expected) {
      error += (Double(m) - e) * (Double(m) - e)
      power += e * e
    }
    return power > 0 ? error / power : error
  }
}
