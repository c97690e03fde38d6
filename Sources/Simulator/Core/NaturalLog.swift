/// The natural logarithm from additions, multiplications and divisions alone, which IEEE 754 rounds
/// alike everywhere: a library's logarithm differs in the last bit between machines, and one bit
/// in an arrival time changes a run.
///
/// `x = m · 2ᵉ` with m in [√½, √2); `ln m = 2 artanh((m − 1)/(m + 1))` by its series, whose terms
/// fall by 34 at least: fourteen leave less than 2⁻⁵³. Exact to about 1 part in 10¹⁵ (tested).
///
/// - Precondition: `x` is positive, finite and normal.
func naturalLog(_ x: Double) -> Double {
  precondition(x.isNormal && x > 0)
  var exponent = Double(x.exponent)
  var mantissa = x.significand
  if mantissa > 1.4142135623730951 {
    mantissa *= 0.5
    exponent += 1
  }
  let ratio = (mantissa - 1) / (mantissa + 1)
  let square = ratio * ratio
  var sum = 0.0
  var divisor = 27.0
  while divisor >= 1 {
    sum = sum * square + 1 / divisor
    divisor -= 2
  }
  return exponent * 0.6931471805599453 + 2 * ratio * sum
}
