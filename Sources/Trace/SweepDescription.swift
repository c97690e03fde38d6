/// A key that a sweep varies, and the values that it takes.
public struct SweepAxisDescription: Hashable, Sendable {
  /// The key's path, such as `engine.max_num_seqs`.
  public var path: String
  /// Its values, as a scenario would have them.
  public var values: [String]

  /// An axis, complete.
  public init(path: String, values: [String]) {
    self.path = path
    self.values = values
  }

  /// Its values in words, of many the first and the last.
  fileprivate var shortened: String {
    guard values.count > 6, let last = values.last else { return values.joined(separator: ", ") }
    return values.prefix(3).joined(separator: ", ") + ", … \(last) (\(values.count) values)"
  }
}

/// A share of the points of a sweep: those whose number, divided by the number of shares, leaves
/// the share's own, counted from 0.
public struct SweepShard: Hashable, Sendable {
  /// Which share, from 1.
  public let number: Int
  /// Of how many.
  public let count: Int

  /// All points.
  public static let whole = SweepShard(number: 1, of: 1)!

  /// Nil unless there is such a share.
  public init?(number: Int, of count: Int) {
    guard count >= 1, (1...count).contains(number) else { return nil }
    self.number = number
    self.count = count
  }

  /// Its points, of so many in all.
  public func points(of total: Int) -> StrideTo<Int> {
    stride(from: number - 1, to: total, by: count)
  }
}

/// What decides what comes out of a sweep: the points of two databases go together where it is the
/// same but for the share.
public struct SweepDescription: Hashable, Sendable {
  /// The scenario before anything is varied.
  public var scenario: ScenarioDescription
  /// The seed of points that set none.
  public var seed: UInt64
  /// The checksum of the scenario's profile.
  public var profileChecksum: String
  /// The kvsim that runs the points.
  public var kvsimVersion: String
  /// What is varied; the last axis varies fastest.
  public var axes: [SweepAxisDescription]
  /// Which points are here.
  public var shard: SweepShard

  /// A description, complete.
  public init(
    scenario: ScenarioDescription, seed: UInt64, profileChecksum: String, kvsimVersion: String,
    axes: [SweepAxisDescription], shard: SweepShard
  ) {
    self.scenario = scenario
    self.seed = seed
    self.profileChecksum = profileChecksum
    self.kvsimVersion = kvsimVersion
    self.axes = axes
    self.shard = shard
  }

  /// Points of the whole grid.
  public var points: Int { axes.reduce(1) { $0 * $1.values.count } }

  /// The same, nil where they are more than any sweep has.
  var pointsIfFew: Int? {
    var points = 1
    for axis in axes {
      let (product, overflows) = points.multipliedReportingOverflow(by: axis.values.count)
      guard !overflows, product <= TraceLimits.sweepPoints else { return nil }
      points = product
    }
    return points
  }

  /// The values that a point of the grid has, by axis.
  public func values(ofPoint point: Int) -> [String] {
    var rest = point
    return axes.reversed().map { axis in
      defer { rest /= axis.values.count }
      return axis.values[rest % axis.values.count]
    }.reversed()
  }

  /// In what another sweep differs, in words; nil where their points go together. Shares are not
  /// looked at.
  public func difference(from other: SweepDescription) -> String? {
    if scenario.text != other.scenario.text { return "the scenario has another text" }
    if scenario.modelJSON != other.scenario.modelJSON { return "the model's file has another text" }
    if scenario.linkJSON != other.scenario.linkJSON { return "the link's file has another text" }
    if profileChecksum != other.profileChecksum {
      return "the profile is another, with the checksum \(profileChecksum) instead of "
        + other.profileChecksum
    }
    if seed != other.seed { return "the seed is \(seed) instead of \(other.seed)" }
    if kvsimVersion != other.kvsimVersion {
      return "this is kvsim \(kvsimVersion) and not \(other.kvsimVersion)"
    }
    let (keys, others) = (axes.map(\.path), other.axes.map(\.path))
    if keys != others {
      return "the grid is another, of \(keys.joined(separator: ", ")) instead of "
        + others.joined(separator: ", ")
    }
    guard let (own, its) = zip(axes, other.axes).first(where: { $0 != $1 }) else { return nil }
    return "the grid is another: `\(own.path)` takes \(own.shortened) instead of \(its.shortened)"
  }
}

/// What a point of a sweep came to.
public enum SweepOutcome: Sendable {
  /// Its runs, one for each format.
  case done([SweptRun])
  /// It could not be run, and why.
  case failed(reason: String)
}

/// A run of a sweep, of which no records are kept.
public struct SweptRun: Sendable {
  /// The format, by the name that users write.
  public var format: String
  /// The seed of every random stream.
  public var seed: UInt64
  /// Its replicas, each with its profile.
  public var groups: [(group: GroupDescription, profile: ProfileDescription)]
  /// Its records, summed up.
  public var records: RecordTotals
  /// What sums it up.
  public var metrics: [Metric]

  /// A run, complete. The numbers that groups have of their profiles do not matter.
  public init(
    format: String, seed: UInt64, groups: [(group: GroupDescription, profile: ProfileDescription)],
    records: RecordTotals, metrics: [Metric]
  ) {
    self.format = format
    self.seed = seed
    self.groups = groups
    self.records = records
    self.metrics = metrics
  }
}
