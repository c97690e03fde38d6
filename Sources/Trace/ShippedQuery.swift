/// A query that comes with kvsim: a file of `Queries`, which the plain `sqlite3` shell runs too.
///
/// Its first line says what it answers, and comments behind that explain it. A line
/// `-- :name kind (default) meaning` declares a parameter. One that is not given is NULL, in any
/// SQLite tool, and the query then takes its default. A line `-- No rows: …` says what it means
/// when there are none.
public struct ShippedQuery: Hashable, Sendable {
  /// What can be given to it.
  public struct Parameter: Hashable, Sendable {
    /// What it can be.
    public enum Kind: String, Sendable {
      /// A whole number from 1 to ``ShippedQuery/mostCounted``.
      case count
      /// A number, 0 or more.
      case amount
    }

    /// Its name, without the colon.
    public let name: String
    /// What it can be.
    public let kind: Kind
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
  /// What it is that the trace has not, where the query gives no rows; nil where that can be much.
  public let emptiness: String?
  /// The file, byte for byte.
  public let sql: String

  init(_ name: String, _ file: [UInt8]) {
    self.name = name
    sql = String(decoding: file, as: UTF8.self)
    let comments = sql.split(separator: "\n").prefix { $0.hasPrefix("--") }
    summary = comments.first.map { String($0.dropFirst(3)) } ?? ""
    emptiness = comments.first { $0.hasPrefix("-- No rows: ") }.map { String($0.dropFirst(12)) }
    parameters = comments.compactMap { line in
      guard line.hasPrefix("-- :"), let open = line.firstIndex(of: "("),
        let close = line.firstIndex(of: ")")
      else { return nil }
      let words = line[..<open].dropFirst(4).split(separator: " ")
      guard words.count == 2, let kind = Parameter.Kind(rawValue: String(words[1])) else {
        return nil
      }
      return Parameter(
        name: String(words[0]), kind: kind,
        standard: String(line[line.index(after: open)..<close]),
        meaning: String(line[line.index(close, offsetBy: 2)...]))
    }
  }

  /// Of what is counted, slices and requests, a query takes so many at most.
  public static let mostCounted: Int64 = 100_000

  /// What somebody wants a parameter to be, as the query takes it.
  /// - Parameter path: the trace, for the error.
  /// - Throws: `badParameter` where there is no such parameter, or it cannot be that.
  public func value(
    of name: String, from text: String, path: String
  ) throws(TraceError) -> QueryValue {
    guard let parameter = parameters.first(where: { $0.name == name }) else {
      throw .unknownParameter(name, of: parameters.map(\.name), path: path)
    }
    switch parameter.kind {
    case .count:
      if let count = Int64(text), (1...ShippedQuery.mostCounted).contains(count) {
        return .integer(count)
      }
    case .amount:
      if let amount = Double(text), amount.isFinite, amount >= 0 { return .real(amount) }
    }
    let wanted =
      parameter.kind == .count
      ? "a whole number from 1 to \(ShippedQuery.mostCounted)" : "a number, 0 or more"
    throw .badParameter(path: path, reason: "`\(name)` is \(wanted), and not `\(text)`")
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
