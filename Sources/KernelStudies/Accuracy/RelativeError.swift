/// The share of a reference's norm that an error has: `√(Σ (x′ − x)² / Σ x²)`.
struct RelativeError {
  private var error = 0.0
  private var reference = 0.0

  mutating func add(_ stored: Double, reference exact: Double) {
    error += (stored - exact) * (stored - exact)
    reference += exact * exact
  }

  mutating func add(squaredError: Double, squaredReference: Double) {
    error += squaredError
    reference += squaredReference
  }

  mutating func add(_ other: RelativeError) {
    add(squaredError: other.error, squaredReference: other.reference)
  }

  mutating func add(_ stored: [Float], reference exact: [Float]) {
    for (stored, exact) in zip(stored, exact) { add(Double(stored), reference: Double(exact)) }
  }

  /// Nil where the reference has no norm to speak of, that is none or one that rounding explains.
  ///
  /// - Parameter floor: sum of squares below which a reference is rounding.
  func share(above floor: Double = 0) -> Double? {
    reference > floor ? (error / reference).squareRoot() : nil
  }

  /// The sum of squares of the reference.
  var squaredReference: Double { reference }
}
