/// The standard normal distribution, without a library's functions: see ``naturalLog(_:)``.
enum NormalDistribution {
  /// The value that a share `probability` of the distribution does not exceed.
  ///
  /// PPND16 of Wichura, "Algorithm AS 241: The percentage points of the normal distribution",
  /// Applied Statistics 37 (1988): ratios of polynomials in three regions, to one part in 10¹⁶
  /// before rounding.
  /// - Precondition: `probability` is above 0, normal and below 1.
  static func quantile(_ probability: Double) -> Double {
    precondition(probability.isNormal && probability > 0 && probability < 1)
    let distance = probability - 0.5
    if distance.magnitude <= 0.425 {
      return distance * ratio(0.180625 - distance * distance, centralAbove, centralBelow)
    }
    let root = (-naturalLog(min(probability, 1 - probability))).squareRoot()
    let tail =
      root <= 5 ? ratio(root - 1.6, middleAbove, middleBelow) : ratio(root - 5, farAbove, farBelow)
    return distance < 0 ? -tail : tail
  }

  /// The share of the distribution that does not exceed `value`, to 10⁻¹⁵ of the whole: not for
  /// shares of tails.
  ///
  /// Φ(x) = ½ + φ(x)(x + x³/3 + x⁵/(3·5) + …), Marsaglia, "Evaluating the normal distribution",
  /// Journal of Statistical Software 11 (2004).
  static func cumulative(_ value: Double) -> Double {
    // Beyond 8.3 less is missing than a double can tell from 1.
    guard value.magnitude < 8.3 else { return value < 0 ? 0 : 1 }
    let square = value * value
    var (sum, term, divisor) = (value, value, 1.0)
    while term.magnitude > sum.magnitude * 0x1p-60 {
      divisor += 2
      term *= square / divisor
      sum += term
    }
    let share = 0.5 + sum * naturalExp(-square / 2) * 0.3989422804014327
    return min(max(share, 0), 1)
  }

  private typealias Coefficients = SIMD8<Double>

  /// The ratio of two polynomials of degree seven; coefficients from the constant up.
  private static func ratio(_ x: Double, _ above: Coefficients, _ below: Coefficients) -> Double {
    var value = SIMD2(above[7], below[7])
    for power in stride(from: 6, through: 0, by: -1) {
      value = value * x + SIMD2(above[power], below[power])
    }
    return value.x / value.y
  }

  private static let centralAbove = Coefficients(
    3.387132872796366608, 1.3314166789178437745e+2, 1.9715909503065514427e+3,
    1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
    3.3430575583588128105e+4, 2.5090809287301226727e+3)
  private static let centralBelow = Coefficients(
    1, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
    2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4,
    5.2264952788528545610e+3)
  private static let middleAbove = Coefficients(
    1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550,
    3.64784832476320460504, 1.27045825245236838258, 2.41780725177450611770e-1,
    2.27238449892691845833e-2, 7.74545014278341407640e-4)
  private static let middleBelow = Coefficients(
    1, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1,
    1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
    1.05075007164441684324e-9)
  private static let farAbove = Coefficients(
    6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
    2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
    2.71155556874348757815e-5, 2.01033439929228813265e-7)
  private static let farBelow = Coefficients(
    1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
    7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
    2.04426310338993978564e-15)
}
