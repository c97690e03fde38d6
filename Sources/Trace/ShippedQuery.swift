/// A query that comes with kvsim: a file of `Queries`, which the plain `sqlite3` shell runs too.
///
/// Its first line says what it answers, and comments behind that explain it. A line
/// `-- :name (default) meaning` declares a parameter. One that is not given is NULL, in any SQLite
/// tool, and the query then takes its default.
public struct ShippedQuery: Hashable, Sendable {
  /// What can be given to it.
  public struct Parameter: Hashable, Sendable {
    /// Its name, without the colon.
    public let name: String
    /// What stands for it where it is not given, in words.
    public let standard: String
    /// What it means.
    public let meaning: String
  }

  /// Its name: its file without the ending.
  public let name: String
  /// What it answers, in one line.
  public let summary: String
  /// What can be given to it.
  public let parameters: [Parameter]
  /// The file, byte for byte.
  public let sql: String

  init(_ name: String, _ file: [UInt8]) {
    self.name = name
    sql = String(decoding: file, as: UTF8.self)
    let comments = sql.split(separator: "\n").prefix { $0.hasPrefix("--") }
    summary = comments.first.map { String($0.dropFirst(3)) } ?? ""
    parameters = comments.compactMap { line in
      guard line.hasPrefix("-- :"), let open = line.firstIndex(of: "("),
        let close = line.firstIndex(of: ")")
      else { return nil }
      return Parameter(
        name: String(line[line.index(line.startIndex, offsetBy: 4)..<open].dropLast()),
        standard: String(line[line.index(after: open)..<close]),
        meaning: String(line[line.index(close, offsetBy: 2)...]))
    }
  }

  /// All of them, in the order in which one would ask.
  public static let all: [ShippedQuery] = [
    ShippedQuery("runs", PackageResources.runs_sql),
    ShippedQuery("metrics", PackageResources.metrics_sql),
    ShippedQuery("capacity", PackageResources.capacity_sql),
    ShippedQuery("concurrency", PackageResources.concurrency_sql),
    ShippedQuery("occupancy", PackageResources.occupancy_sql),
    ShippedQuery("latency", PackageResources.latency_sql),
    ShippedQuery("itl", PackageResources.itl_sql),
    ShippedQuery("gaps", PackageResources.gaps_sql),
    ShippedQuery("goodput", PackageResources.goodput_sql),
    ShippedQuery("throughput", PackageResources.throughput_sql),
    ShippedQuery("cost", PackageResources.cost_sql),
    ShippedQuery("steps", PackageResources.steps_sql),
    ShippedQuery("slowest", PackageResources.slowest_sql),
    ShippedQuery("preemptions", PackageResources.preemptions_sql),
    ShippedQuery("rejections", PackageResources.rejections_sql),
    ShippedQuery("blocking", PackageResources.blocking_sql),
    ShippedQuery("compare", PackageResources.compare_sql),
    ShippedQuery("events", PackageResources.events_sql),
    ShippedQuery("sweep", PackageResources.sweep_sql),
  ]
}
