/// What a report shows of a sweep: the figures of every run.
public struct SweepOverview: Sendable {
  /// A run of a point.
  public struct Run: Sendable {
    /// Its KV format.
    public var format: String
    /// Devices of all its replicas.
    public var devices: Double
    /// Its figures by name, those that it does not define left out.
    public var metrics: [String: Double]
  }

  /// A point that was run.
  public struct Point: Sendable {
    /// Its place in the grid.
    public var id: Int
    /// Its value on each axis.
    public var values: [String]
    /// Why it failed; nil if it did not.
    public var reason: String?
    /// Its runs; none if it failed.
    public var runs: [Run]
  }

  /// The sweep.
  public var sweep: SweepDescription
  /// Its points, those that are there, by their places.
  public var points: [Point]
}

extension SweepReader {
  /// The figures of every run.
  /// - Throws: `damaged` where a point that did not fail has no run, or a run has not ended.
  public func overview() throws(TraceError) -> SweepOverview {
    var overview = SweepOverview(sweep: sweep, points: [])
    for id in points.keys.sorted() {
      var point = SweepOverview.Point(
        id: id, values: sweep.values(ofPoint: id), reason: try trace.reasonOfFailure(ofPoint: id),
        runs: [])
      for run in try trace.runs(ofPoint: id) {
        guard run.end != nil else {
          throw .damaged(path: trace.path, reason: "run \(run.id) of a sweep has not ended")
        }
        let metrics = try trace.metrics(run: run.id)
        point.runs.append(
          SweepOverview.Run(
            format: run.description.format,
            devices: run.description.groups.reduce(0) {
              $0 + Double($1.replicas) * Double($1.devices)
            },
            metrics: Dictionary(
              metrics.compactMap { metric in metric.value.map { (metric.name, $0) } },
              uniquingKeysWith: { first, _ in first })))
      }
      guard point.reason != nil || !point.runs.isEmpty else {
        throw .damaged(path: trace.path, reason: "point \(id) of its sweep has no run")
      }
      overview.points.append(point)
    }
    return overview
  }
}
