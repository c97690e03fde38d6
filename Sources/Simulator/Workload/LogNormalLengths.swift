/// Lengths whose logarithms are normal, within bounds.
///
/// What lies beyond the bounds is left out, and all within them become likelier alike: nothing
/// heaps up on a bound, as it does where draws are clipped. A length is the exponential of a draw,
/// rounded to the nearest whole number.
public struct LogNormalLengths: Hashable, Sendable {
  /// The fewest and the most tokens.
  public let range: ClosedRange<Int>
  /// Mean and deviation of the logarithms.
  private let logMean: Double
  private let logDeviation: Double
  /// Shares of the whole distribution below what rounds to the fewest and to the most.
  private let lowShare: Double
  private let highShare: Double

  /// The distribution with this mean and coefficient of variation *before* it is bounded: those of
  /// `exp(N(μ, σ²))` with σ² = ln(1 + cv²) and μ = ln mean − σ²/2.
  ///
  /// Nil where less than a millionth of it lies within `range`.
  /// - Precondition: all are positive, and cv² is not lost beside 1.
  public init?(mean: Double, coefficientOfVariation cv: Double, range: ClosedRange<Int>) {
    precondition(mean > 0 && range.lowerBound > 0 && 1 + cv * cv > 1)
    let variance = naturalLog(1 + cv * cv)
    let logMean = naturalLog(mean) - variance / 2
    let logDeviation = variance.squareRoot()
    func share(below length: Double) -> Double {
      NormalDistribution.cumulative((naturalLog(length) - logMean) / logDeviation)
    }
    lowShare = share(below: Double(range.lowerBound) - 0.5)
    highShare = share(below: Double(range.upperBound) + 0.5)
    guard highShare - lowShare >= 1e-6 else { return nil }
    self.range = range
    self.logMean = logMean
    self.logDeviation = logDeviation
  }

  /// The length that a share `unit` of those within the bounds does not exceed.
  /// - Precondition: `unit` is above 0 and below 1.
  func tokens(_ unit: Double) -> Int {
    // Rounded, the sum can be 1, which has no quantile.
    let share = min(lowShare + (highShare - lowShare) * unit, 1 - 0x1p-53)
    let length = naturalExp(logMean + logDeviation * NormalDistribution.quantile(share))
    // At a bound, rounding can step across it.
    return Int(min(max(length.rounded(), Double(range.lowerBound)), Double(range.upperBound)))
  }
}
