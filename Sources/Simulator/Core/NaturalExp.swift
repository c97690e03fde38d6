/// eˣ from additions, multiplications and divisions alone, as ``naturalLog(_:)`` has the logarithm
/// and for the same reason: the same bits on every machine.
///
/// `x = k · ln 2 + r` with |r| ≤ ½ ln 2, k whole, ln 2 in two parts of which the first has so many
/// zeros at its end that its products with k are exact (fdlibm's `e_exp.c`); `eʳ` by its series,
/// whose fourteen terms leave less than 2⁻⁵⁶. Within two units in the last place (tested).
///
/// Beyond what a double holds it is infinite, or zero.
/// - Precondition: `x` is a number.
func naturalExp(_ x: Double) -> Double {
  precondition(!x.isNaN)
  guard x < 710 else { return .infinity }
  guard x > -746 else { return 0 }
  let exponent = (x * 1.4426950408889634).rounded()
  let rest = (x - exponent * 6.93147180369123816490e-1) - exponent * 1.90821492927058770002e-10
  var sum = 1.0
  var divisor = 14.0
  while divisor > 1 {
    sum = 1 + sum * rest / divisor
    divisor -= 1
  }
  return Double(sign: .plus, exponent: Int(exponent), significand: 1 + rest * sum)
}
