import Operators

/// The times of two profiles beside each other, at the points of the second.
public struct ProfileComparison: Hashable, Sendable {
  /// Times of the second profile over times of the first, at the same shapes.
  public struct Ratios: Hashable, Sendable {
    /// The 5th percentile (nearest rank).
    public let p5: Double
    /// The median (nearest rank).
    public let median: Double
    /// The 95th percentile (nearest rank).
    public let p95: Double
    /// All time of the second profile over all time of the first.
    public let total: Double

    /// Nil where there is nothing to compare. Times are in nanoseconds.
    init?(_ times: [(firstNs: Double, secondNs: Double)]) {
      guard !times.isEmpty else { return nil }
      let ratios = times.map { $0.secondNs / $0.firstNs }
      (p5, median, p95) = (
        nearestRank(ratios, 0.05), nearestRank(ratios, 0.5), nearestRank(ratios, 0.95)
      )
      total =
        times.map(\.secondNs).reduce(0, +) / times.map(\.firstNs).reduce(0, +)
    }
  }

  /// One operator in one format.
  public struct Row: Hashable, Sendable {
    /// The operator.
    public let kind: OperatorKind
    /// Its format; nil for operators that have none.
    public let format: KVFormat?
    /// Points whose shape both profiles have: medians are compared, held out or not.
    public let equalShapes: Int
    /// Points whose shape the first has not: its fit predicts the time there.
    public let predicted: Int
    /// Points that the first profile has nothing to compare with: it lacks the operator or format,
    /// or the point is a mixed launch of another shape.
    public let missing: Int
    /// How the times compare; nil where all points are missing.
    public let ratios: Ratios?
  }

  /// Each operator and format of the second profile, in the order in which operators are named.
  public let rows: [Row]
  /// All points that could be compared, whatever their operator; nil where there are none.
  public let all: Ratios?

  /// Compares two profiles.
  ///
  /// Formats of one name are compared, also where one profile's kernels keep wider scales. Where a
  /// profile has one shape several times, the first counts. Linear in the points, but for
  /// the fits of the first profile: one for each operator, format and shape of heads.
  public init(_ first: Profile, _ second: Profile) {
    var times = FirstTimes(first)
    var rows: [Row] = []
    var all: [(firstNs: Double, secondNs: Double)] = []
    for key in second.operatorKeys {
      let own = second.measurements.filter { $0.shape.key == key }
      guard !own.isEmpty else { continue }
      var (equal, predicted) = (0, 0)
      var pairs: [(firstNs: Double, secondNs: Double)] = []
      for point in own {
        let firstNs: Double
        let shape = times.ownShape(point.shape)
        if let measured = times.measured(shape) {
          firstNs = measured
          equal += 1
        } else if let fitted = times.predicted(shape) {
          firstNs = fitted
          predicted += 1
        } else {
          continue
        }
        pairs.append((firstNs, Double(point.medianNs)))
      }
      rows.append(
        Row(
          kind: key.kind, format: key.format, equalShapes: equal, predicted: predicted,
          missing: own.count - pairs.count, ratios: Ratios(pairs)))
      all += pairs
    }
    self.rows = rows
    self.all = Ratios(all)
  }
}

/// The times of the first profile, measured where it has the shape and fitted elsewhere.
private struct FirstTimes {
  private let formats: [KVFormat]
  private let medians: [OperatorShape: Int64]
  private var predictor: PointPredictor

  init(_ profile: Profile) {
    predictor = PointPredictor(profile: profile)
    formats = profile.formats
    medians = Dictionary(
      profile.measurements.map { ($0.shape, $0.medianNs) }, uniquingKeysWith: { first, _ in first })
  }

  /// The same operator and size in this profile's format of the same name, where it has one.
  func ownShape(_ shape: OperatorShape) -> OperatorShape {
    guard let own = shape.format.flatMap({ format in formats.first { $0.name == format.name } })
    else { return shape }
    return shape.with(format: own)
  }

  /// The median at this very shape, in nanoseconds.
  func measured(_ shape: OperatorShape) -> Double? { medians[shape].map(Double.init) }

  /// What the fit predicts, in nanoseconds; nil where there is none.
  mutating func predicted(_ shape: OperatorShape) -> Double? {
    guard shape.kind != .mixedAttention else { return nil }
    return try? predictor.predict(shape).ns
  }
}
