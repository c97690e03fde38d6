import ArgumentParser
import Report
import Trace

/// `kvsim query`.
struct QueryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "query",
    abstract: "Ask a trace: queries that come with kvsim, or one of your own.",
    discussion: """
      Without a query, lists those that come with kvsim. Each is an SQL file (`--show` prints it) \
      that runs in any SQLite tool too, and docs/traces.md explains the tables. The trace is \
      opened as if a stranger had made it, and nothing but reading is allowed. Exits with 65 \
      where the trace or the query is wrong.
      """)

  @Argument(help: "The trace, as `kvsim run --trace` wrote it.")
  var trace: String

  @Argument(help: "A query that comes with kvsim.")
  var name: String?

  @Option(help: ArgumentHelp("A query of your own: one SELECT.", valueName: "query"))
  var sql: String?

  @Option(
    help: ArgumentHelp(
      "A parameter of the query, such as top=20; repeatable.", valueName: "name=value"))
  var set: [String] = []

  @Option(help: "How to print the rows: table, csv, json or markdown.")
  var format = QueryResult.Form.table

  @Option(
    help: ArgumentHelp(
      "Seconds after which a query is given up; 0 for as long as it takes.", valueName: "seconds"))
  var timeLimit = 60.0

  @Flag(help: "Print the SQL of the query instead of running it.")
  var show = false

  func validate() throws {
    guard name == nil || sql == nil else {
      throw ValidationError("Name a query or give one with --sql, not both.")
    }
    guard timeLimit >= 0, timeLimit.isFinite else {
      throw ValidationError("--time-limit is a number of seconds, 0 or more.")
    }
  }

  func run() throws {
    let chosen = try chosenQuery()
    if show, let chosen { return try printResult(chosen.sql) }
    do {
      let reader = try TraceReader(path: trace)
      guard let text = sql ?? chosen?.sql else { return try list() }
      let query = try reader.query(
        text, parameters: try parameters(of: chosen),
        timeLimit: timeLimit > 0 ? .seconds(timeLimit) : nil)
      let rows = try query.print(as: format, watch: QueryWatch(of: trace, seconds: timeLimit))
      if rows == 0, let chosen { try sayWhyEmpty(chosen) }
    } catch let error as TraceError {
      throw failure(error, .badInput)
    }
  }

  /// What the trace has not got for the query.
  private func sayWhyEmpty(_ query: ShippedQuery) throws(TraceError) {
    let isOfSweep = try SweepReader(ofAny: trace) != nil
    let reason =
      isOfSweep && query.name != "sweep"
      ? "a sweep keeps figures of its runs and no records: ask `sweep` or `metrics`."
      : query.emptiness
    if let reason { printError("no rows: \(reason)") }
  }

  private func chosenQuery() throws -> ShippedQuery? {
    guard let name else { return nil }
    guard let query = ShippedQuery.all.first(where: { $0.name == name }) else {
      let names = ShippedQuery.all.map(\.name).joined(separator: ", ")
      throw failure("there is no query `\(name)`; accepted: \(names)", .badInput)
    }
    return query
  }

  private func list() throws {
    let width = ShippedQuery.all.map(\.name.count).max() ?? 0
    var text = ""
    for query in ShippedQuery.all {
      let padding = String(repeating: " ", count: width - query.name.count)
      text += "\(query.name)\(padding)  \(query.summary)\n"
      for parameter in query.parameters {
        let indent = String(repeating: " ", count: width + 2)
        text +=
          "\(indent)--set \(parameter.name)=…: \(parameter.meaning); by default "
          + "\(parameter.standard)\n"
      }
    }
    try printResult(text)
  }

  /// Those of a query of kvsim's as it declares them; others as they look.
  private func parameters(
    of query: ShippedQuery?
  ) throws -> [(name: String, value: QueryValue)] {
    try set.map { text in
      guard let sign = text.firstIndex(of: "="), sign > text.startIndex else {
        throw failure("--set `\(text)` is not of the form name=value", .badInput)
      }
      let (name, value) = (String(text[..<sign]), String(text[text.index(after: sign)...]))
      if let query { return (name, try query.value(of: name, from: value, path: trace)) }
      return (
        name,
        Int64(value).map(QueryValue.integer) ?? Double(value).map(QueryValue.real) ?? .text(value)
      )
    }
  }
}

extension QueryResult.Form: ExpressibleByArgument {}

extension TraceQuery {
  /// Prints the rows on standard output.
  /// - Returns: how many there were.
  @discardableResult
  func print(as form: QueryResult.Form, watch: QueryWatch? = nil) throws -> Int {
    var result = QueryResult(columns: columns, as: form)
    var rows = 0
    var text = result.beginning
    while let row = try nextRow(watch) {
      text += result.add(row)
      rows += 1
      if result.isTooLong {
        throw failure(
          "the rows are more than a \(form.rawValue) holds, whose columns are as wide as what is "
            + "in them. Ask for fewer, or use --format csv, which passes them on as they come",
          .badInput)
      }
      // Rows can be millions: they are passed on as they come, but not one by one.
      if text.utf8.count > 1 << 16 {
        try printResult(text)
        text = ""
      }
    }
    try printResult(text + result.end())
    return rows
  }

  private func nextRow(_ watch: QueryWatch?) throws -> [QueryValue]? {
    guard let watch else { return try next() }
    return try watch.reading { try next() }
  }
}
