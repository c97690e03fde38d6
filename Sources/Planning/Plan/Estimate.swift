/// What several seeds say of a figure.
public struct Estimate: Hashable, Sendable {
  /// One value a seed.
  public let values: [Double]
  /// How far each of them may be off by itself: half of what its search left open.
  private let slack: Double

  /// The mean.
  public var mean: Double { values.reduce(0, +) / Double(values.count) }

  /// Half the width of the 95 % confidence interval of the mean, by Student's distribution, and
  /// what a search leaves open; nil of one value.
  public var halfWidth: Double? {
    guard values.count > 1 else { return nil }
    let mean = mean
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let count = Double(values.count)
    let variance = squares / (count - 1) / count
    let width = Estimate.student(values.count - 1) * variance.squareRoot()
    return (width * width + slack * slack).squareRoot()
  }

  /// The lower end of that interval; the value itself where there is but one.
  public var lower: Double { max(0, mean - (halfWidth ?? 0)) }
  /// Its upper end.
  public var upper: Double { mean + (halfWidth ?? 0) }

  /// An estimate from at least one value.
  init(_ values: [Double], slack: Double = 0) {
    precondition(!values.isEmpty)
    self.values = values
    self.slack = slack
  }

  /// The 97.5th percentile of Student's distribution with so many degrees of freedom: tabulated,
  /// and from 30 on by the first two terms of its expansion about the normal one (Abramowitz and
  /// Stegun, 26.7.5).
  private static func student(_ freedom: Int) -> Double {
    let table = [
      12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
      2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
      2.052, 2.048, 2.045,
    ]
    guard freedom > table.count else { return table[freedom - 1] }
    let z = 1.959964
    return z + (z * z * z + z) / (4 * Double(freedom))
  }
}
