/// Times over two axes: a measured curve for each of some values of y, and between two curves a
/// weighted mean of both.
struct Grid: Sendable {
  /// Where the curves stand, ascending.
  let y: [Double]
  /// One measured curve for each `y`.
  let curves: [Curve]

  /// One or two curves and how much of each makes the value at some y.
  struct Blend {
    let lower: Int
    let upper: Int
    /// The weight of the upper curve, 0...1.
    let upperWeight: Double
    /// Whether y lies outside the measured curves; the nearest curve stands in.
    let isOutside: Bool
  }

  /// Points that agree in both coordinates, such as layers with as many weights in another shape,
  /// count with their mean.
  /// - Precondition: there is a point.
  init(points: [(y: Double, x: Double, ns: Double)]) {
    precondition(!points.isEmpty)
    let rows = Dictionary(grouping: points, by: \.y).sorted { $0.key < $1.key }
    y = rows.map(\.key)
    curves = rows.map { _, row in
      let columns = Dictionary(grouping: row, by: \.x)
      return Curve(
        points: columns.map { x, same in
          (x: x, ns: same.reduce(0) { $0 + $1.ns } / Double(same.count))
        })
    }
  }

  /// Which curves make the value at `query`. O(log n) in their number.
  func blend(at query: Double) -> Blend {
    let last = y.count - 1
    guard query > y[0], last > 0 else {
      return Blend(lower: 0, upper: 0, upperWeight: 0, isOutside: query != y[0])
    }
    guard query < y[last] else {
      return Blend(lower: last, upper: last, upperWeight: 0, isOutside: query > y[last])
    }
    var (lower, upper) = (0, last)
    while upper - lower > 1 {
      let middle = (lower + upper) / 2
      if y[middle] < query { lower = middle } else { upper = middle }
    }
    return Blend(
      lower: lower, upper: upper, upperWeight: (query - y[lower]) / (y[upper] - y[lower]),
      isOutside: false)
  }

  /// The time at a blend of curves, each asked at its own x, and whether any piece of it lies
  /// beyond what was measured.
  func value(
    _ blend: Blend, x: (_ curveY: Double) -> Double
  ) -> (ns: Double, isExtrapolated: Bool) {
    let lowerX = x(y[blend.lower])
    let lower = curves[blend.lower].piece(at: lowerX)
    guard blend.upperWeight > 0 else { return (lower.value(at: lowerX), lower.isExtrapolated) }
    let upperX = x(y[blend.upper])
    let upper = curves[blend.upper].piece(at: upperX)
    let ns =
      (1 - blend.upperWeight) * lower.value(at: lowerX)
      + blend.upperWeight * upper.value(at: upperX)
    return (ns, lower.isExtrapolated || upper.isExtrapolated)
  }
}
