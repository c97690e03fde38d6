import Foundation

/// How far a sample is from a distribution.
enum KolmogorovSmirnov {
  /// The largest distance between the sample's shares and the distribution's, times √n. A sample of
  /// the distribution exceeds 1.95 once in a thousand times (Smirnov 1948).
  static func statistic(_ sample: [Double], _ cumulative: (Double) -> Double) -> Double {
    let count = Double(sample.count)
    var largest = 0.0
    for (index, value) in sample.sorted().enumerated() {
      let share = cumulative(value)
      largest = max(largest, share - Double(index) / count, Double(index + 1) / count - share)
    }
    return largest * count.squareRoot()
  }

  /// The share of a gamma distribution of mean `shape` that does not exceed `x`: the series and the
  /// continued fraction of Abramowitz and Stegun, 6.5.29 and 6.5.31.
  static func gammaShare(_ x: Double, shape: Double) -> Double {
    guard x > 0 else { return 0 }
    let scale = exp(shape * log(x) - x - lgamma(shape))
    guard x > shape + 1 else {
      var (term, sum, divisor) = (1 / shape, 1 / shape, shape)
      while term > sum * 1e-17 {
        divisor += 1
        term *= x / divisor
        sum += term
      }
      return scale * sum
    }
    // From the inside out.
    var fraction = 0.0
    for step in stride(from: 500.0, through: 1, by: -1) {
      fraction = step * (step - shape) / (x + 2 * step + 1 - shape - fraction)
    }
    return 1 - scale / (x + 1 - shape - fraction)
  }
}
