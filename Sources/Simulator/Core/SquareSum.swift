/// The sum of the squares of times, exact: which is why the deviation that follows from it depends
/// neither on the order of the times nor on how many were added at once, and loses no digits where
/// they hardly differ.
///
/// It has 192 bits. Squares of times have 126, so 2^66 of them fit.
struct SquareSum: Hashable, Sendable {
  private var low: UInt128 = 0
  private var high: UInt64 = 0

  /// Adds the square of a time, as often as `count` says.
  mutating func add(_ ns: Int64, count: Int = 1) {
    let magnitude = UInt128(ns.magnitude)
    add(squares: magnitude * magnitude, count: count)
  }

  /// Adds the squares of `times` times, each `growthNs` longer than the one before, all of them as
  /// often as `count` says: f² n + f g n(n−1) + g² n(n−1)(2n−1)/6 for a first time f and growth g.
  /// - Precondition: none is negative, and one after the other they take less than 2^63 ns.
  mutating func add(seriesFrom firstNs: Int64, growthNs: Int64, times: Int, count: Int) {
    let (first, growth, n) = (Int128(firstNs), Int128(growthNs), Int128(times))
    let squares =
      first * first * n + first * growth * (n * (n - 1))
      + growth * growth * (n * (n - 1) * (2 * n - 1) / 6)
    add(squares: UInt128(squares), count: count)
  }

  /// Adds a sum of squares, as often as `count` says.
  private mutating func add(squares: UInt128, count: Int) {
    let product = squares.multipliedFullWidth(by: UInt128(count))
    high += UInt64(product.high)
    add(squares: product.low)
  }

  /// Adds a sum of squares.
  mutating func add(squares: UInt128) {
    let (sum, overflows) = low.addingReportingOverflow(squares)
    low = sum
    if overflows { high += 1 }
  }

  static func += (all: inout SquareSum, more: SquareSum) {
    all.high += more.high
    all.add(squares: more.low)
  }

  /// The standard deviation of all of so many times with this sum, √(n Σx² − (Σx)²) / n, where what
  /// is under the root is exact; 0 without a time.
  func deviation(count: Int, sumNs: Int128) -> Double {
    guard count > 0 else { return 0 }
    let n = UInt128(count)
    let scaled = low.multipliedFullWidth(by: n)
    let square = sumNs.magnitude.multipliedFullWidth(by: sumNs.magnitude)
    let (lowest, borrows) = scaled.low.subtractingReportingOverflow(square.low)
    let highest = scaled.high + UInt128(high) * n - square.high - (borrows ? 1 : 0)
    let numerator = Double(highest) * 0x1p128 + Double(lowest)
    return numerator.squareRoot() / Double(count)
  }
}
