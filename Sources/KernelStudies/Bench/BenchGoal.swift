/// One goal for the kernels' speed, and what a run measured of it; ``GoalRule`` says which figures.
public struct BenchGoal: Hashable, Sendable {
  /// On which side of the limit a figure has to lie; the limit itself will do.
  public enum Bound: Hashable, Sendable {
    /// At least so much.
    case atLeast(Double)
    /// At most so much.
    case atMost(Double)
  }

  /// What the figure counts.
  public enum Unit: String, Hashable, Sendable {
    /// Of one.
    case share
    /// A ratio of speeds or of times.
    case times
    /// Nanoseconds.
    case nanoseconds = "ns"
    /// Microseconds.
    case microseconds = "us"
  }

  /// How the goal fares.
  public enum Verdict: String, Hashable, Sendable {
    /// The median reaches it.
    case met
    /// The median does not.
    case missed
    /// No shape of this run speaks of it.
    case notMeasured = "not measured"
    /// It is asked for on other devices: its figures were published for one, or times say nothing
    /// here.
    case notJudged = "not judged on this device"
  }

  /// A figure and the shape that it belongs to.
  public struct Figure: Hashable, Sendable {
    /// The shape: "decode 4 x 16384".
    public let place: String
    /// The figure over rounds.
    public let spread: SampleSpread

    /// A figure.
    public init(_ place: String, _ spread: SampleSpread) {
      self.place = place
      self.spread = spread
    }
  }

  /// What is asked for, in a few words.
  public let name: String
  /// How much of it.
  public let bound: Bound
  /// What the bound and the figures count.
  public let unit: Unit
  /// The figure that decides: of all shapes that the goal speaks of, the worst median.
  public let worst: Figure?
  /// Shapes that the goal speaks of.
  public let shapes: Int
  /// Shapes whose median reaches it.
  public let shapesMet: Int
  /// Whether it is asked for on the device of this run.
  public let isJudged: Bool

  /// A goal judged by the worst of `figures`.
  public init(
    _ name: String, _ bound: Bound, _ unit: Unit, _ figures: [Figure], isJudged: Bool = true
  ) {
    self.name = name
    self.bound = bound
    self.unit = unit
    self.isJudged = isJudged
    shapes = figures.count
    shapesMet = figures.count { bound.holds($0.spread.median) }
    worst =
      switch bound {
      case .atLeast: figures.min { $0.spread.median < $1.spread.median }
      case .atMost: figures.max { $0.spread.median < $1.spread.median }
      }
  }

  /// Whether the worst median reaches the bound.
  public var verdict: Verdict {
    guard isJudged else { return .notJudged }
    guard let worst else { return .notMeasured }
    return bound.holds(worst.spread.median) ? .met : .missed
  }
}

extension BenchGoal.Bound {
  /// The limit.
  public var limit: Double {
    switch self {
    case .atLeast(let limit), .atMost(let limit): limit
    }
  }

  /// Whether `value` lies on the right side.
  public func holds(_ value: Double) -> Bool {
    switch self {
    case .atLeast(let limit): value >= limit
    case .atMost(let limit): value <= limit
    }
  }
}
