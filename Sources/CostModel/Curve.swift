/// Times along one axis of a designed experiment: piecewise linear between the measured points,
/// never falling.
struct Curve: Sendable {
  /// Where the curve was measured, ascending.
  let x: [Double]
  /// The time at each `x`, in nanoseconds, never falling.
  let ns: [Double]

  /// A straight piece of a curve: `ns(x) = startNs + slope · (x − start)` up to `end`.
  struct Piece {
    /// Where the piece starts.
    let start: Double
    /// Where it ends; infinite beyond the last measured point.
    let end: Double
    /// The value at `start`.
    let startNs: Double
    /// Nanoseconds per unit of x.
    let slope: Double
    /// Whether the piece lies beyond the last measured point.
    let isExtrapolated: Bool

    func value(at x: Double) -> Double { startNs + slope * (x - start) }
  }

  /// - Precondition: there is a point, and every `x` is positive and another.
  init(points: [(x: Double, ns: Double)]) {
    let sorted = points.sorted { $0.x < $1.x }
    precondition(!sorted.isEmpty && sorted[0].x > 0)
    precondition(zip(sorted, sorted.dropFirst()).allSatisfy { $0.x < $1.x })
    x = sorted.map(\.x)
    ns = Curve.isotonic(sorted.map(\.ns))
  }

  /// The piece that holds `x`. Before the first point the time is the first point's: what a call
  /// costs at least. Beyond the last it grows in proportion to `x`, as the roofline does; never by
  /// the slope between two noisy points. O(log n).
  func piece(at query: Double) -> Piece {
    let last = x.count - 1
    if query >= x[last] {
      // The last point itself was measured; only what lies beyond is extrapolated.
      return Piece(
        start: x[last], end: .infinity, startNs: ns[last], slope: ns[last] / x[last],
        isExtrapolated: query > x[last])
    }
    if query < x[0] {
      return Piece(start: 0, end: x[0], startNs: ns[0], slope: 0, isExtrapolated: false)
    }
    var low = 0
    var high = last
    while high - low > 1 {
      let middle = (low + high) / 2
      if x[middle] <= query { low = middle } else { high = middle }
    }
    let slope = (ns[high] - ns[low]) / (x[high] - x[low])
    return Piece(
      start: x[low], end: x[high], startNs: ns[low], slope: slope, isExtrapolated: false)
  }

  /// The closest never-falling sequence in least squares: pool adjacent violators
  /// (Ayer et al. 1955). More work never takes less time; where samples say so, it is noise.
  static func isotonic(_ values: [Double]) -> [Double] {
    var pools: [(sum: Double, count: Int)] = []
    for value in values {
      pools.append((value, 1))
      while pools.count > 1 {
        let upper = pools[pools.count - 1]
        let lower = pools[pools.count - 2]
        guard lower.sum / Double(lower.count) > upper.sum / Double(upper.count) else { break }
        pools.removeLast(2)
        pools.append((lower.sum + upper.sum, lower.count + upper.count))
      }
    }
    return pools.flatMap { Array(repeating: $0.sum / Double($0.count), count: $0.count) }
  }
}
