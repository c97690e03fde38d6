/// What a database says of the sweep that it is of.
public struct SweepReader {
  /// The sweep.
  public let sweep: SweepDescription
  /// The points that are there, by their numbers, and whether they failed.
  public let points: [Int: Bool]
  /// The trace that it is.
  public let trace: TraceReader

  /// Opens the database of a sweep, as ``TraceReader`` opens a trace.
  /// - Throws: what that throws; `fileExists` where it is a trace of no sweep, `damaged` where its
  ///   numbers contradict one another.
  public init(path: String) throws(TraceError) {
    try self.init(TraceReader(path: path), path: path)
  }

  /// The same, nil where it is a trace of no sweep.
  public init?(ofAny path: String) throws(TraceError) {
    let trace = try TraceReader(path: path)
    guard try trace.sweep() != nil else { return nil }
    try self.init(trace, path: path)
  }

  /// Opens what an interrupted sweep left, whose lock its owner holds.
  init(_ partial: PartialFile, path: String) throws(TraceError) {
    try self.init(TraceReader(partial, path: path), path: path)
  }

  private init(_ trace: TraceReader, path: String) throws(TraceError) {
    self.trace = trace
    guard let sweep = try trace.sweep() else { throw .fileExists(path: path) }
    self.sweep = sweep
    points = try trace.sweptPoints(of: sweep)
  }
}

extension SweepReader {
  /// A query for what the points came to, with a column for each key that varies: as the shipped
  /// query `sweep`, whose columns do not depend on the sweep.
  public var resultsQuery: String {
    let settings = sweep.axes.indices.map { axis in
      "max(value) FILTER (WHERE axis = \(axis)) AS \(SweepReader.name(sweep.axes[axis].path))"
    }
    let varied = sweep.axes.map { "settings.\(SweepReader.name($0.path))" }
    let figures = SweepReader.figures.map { figure in
      "\(figure.form.before)max(value) FILTER (WHERE name = '\(figure.metric)')"
        + "\(figure.form.behind) AS \(figure.column)"
    }
    let columns = SweepReader.figures.map { "figures.\($0.column)" }
    // Of a column that would be empty all the way nobody learns anything.
    let reason = points.values.contains(true) ? ["sweep_point.reason"] : []
    return """
      WITH settings AS (
        SELECT point_id, \(settings.joined(separator: ", ")) FROM sweep_setting GROUP BY point_id),
      figures AS (SELECT run_id, \(figures.joined(separator: ", ")) FROM metric GROUP BY run_id)
      SELECT \((["sweep_point.id AS point"] + varied + ["run.format"] + columns + reason)
        .joined(separator: ", "))
      FROM sweep_point JOIN settings ON settings.point_id = sweep_point.id
      LEFT JOIN run ON run.point_id = sweep_point.id
      LEFT JOIN figures ON figures.run_id = run.id
      ORDER BY sweep_point.id, run.id
      """
  }

  /// What stands around a metric's value.
  private struct Form {
    let before: String
    let behind: String

    static let rate = Form(before: "", behind: "")
    static let milliseconds = Form(before: "", behind: " / 1e6")
    static let count = Form(before: "CAST(", behind: " AS INTEGER)")
  }

  private static let figures: [(column: String, metric: String, form: Form)] = [
    ("requests_per_s", "requests_per_s", .rate),
    ("output_tokens_per_s", "output_tokens_per_s", .rate),
    ("ttft_p50_ms", "ttft_p50_ns", .milliseconds), ("ttft_p99_ms", "ttft_p99_ns", .milliseconds),
    ("tpot_p50_ms", "tpot_p50_ns", .milliseconds), ("tpot_p99_ms", "tpot_p99_ns", .milliseconds),
    ("e2e_p99_ms", "e2e_p99_ns", .milliseconds), ("requests_at_once", "peak_running", .count),
    ("preemptions", "preemptions", .count),
  ]

  /// A name as SQL has it in quotes.
  private static func name(_ text: String) -> String {
    "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
      + "\""
  }
}
