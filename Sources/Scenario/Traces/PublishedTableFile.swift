import Operators

/// Reads tables of serving results as papers and their repositories publish them: CSV, a row for
/// each run of a closed loop with fixed lengths, columns in any order.
///
///     input_tokens,output_tokens,kv_format,concurrency,requests,output_tokens_per_s,…
///     256,1024,int4-rotated,32,256,3689.0,…
///
/// What a row came to, and in which format, is judged only once its load is asked for: tables have
/// rows of systems that nothing here knows.
struct PublishedTableFile {
  /// What was run, of a row whose results are not judged yet.
  struct Entry {
    /// Where the row stands in the file, from 1.
    let line: Int
    /// The load.
    let load: PublishedResults.Load
    /// Requests of the run.
    let requests: Int
    fileprivate let row: CSVTable.Row
  }

  /// One row: what was run, and what it came to.
  struct Row: Hashable {
    /// Where the row stands in the file, from 1.
    let line: Int
    /// The load.
    let load: PublishedResults.Load
    /// kvsim's name of the format of the KV cache.
    let format: String
    /// Requests of the run.
    let requests: Int
    /// What it came to.
    let figures: [ServingFigure: Double]
  }

  /// A column of results: its figure, the numbers that it may hold, and what one of them is in the
  /// figure's unit.
  private struct Column: Sendable {
    let name: String
    let figure: ServingFigure
    var range = Limits.publishedTimes
    let value: @Sendable (Double) -> Double
  }

  private static let loadColumns = [
    "input_tokens", "output_tokens", "kv_format", "concurrency", "requests",
  ]
  private static let figureColumns = [
    Column(
      name: "output_tokens_per_s", figure: .outputTokensPerSecond, range: Limits.publishedRates
    ) { $0 },
    Column(
      name: "mean_output_tps_per_request", figure: .tpot, range: Limits.publishedRates
    ) { 1e9 / $0 },
    Column(name: "mean_ttft_ms", figure: .meanTTFT) { $0 * 1e6 },
    Column(name: "e2e_mean_s", figure: .meanLatency) { $0 * 1e9 },
  ]
  private static let optionalFigureColumns = [
    Column(name: "e2e_p75_s", figure: .p75Latency) { $0 * 1e9 },
    Column(name: "e2e_p90_s", figure: .p90Latency) { $0 * 1e9 },
  ]
  private static let parallelColumns = ["tensor_parallel_size", "tp"]
  /// Every column that is read.
  static let columns =
    loadColumns + parallelColumns + (figureColumns + optionalFigureColumns).map(\.name)
  /// Names of formats, and kvsim's. Most tables say BF16, which takes as many bytes as FP16.
  private static let formats =
    KVFormat.named.map { ($0.name, $0.name) } + [("bf16", KVFormat.fp16.name)]

  /// Every row of the table, as far as it says what was run.
  let entries: [Entry]
  private let table: CSVTable
  private let log: DiagnosticLog

  /// Reads a table of at most ``Limits/publishedTableBytes``, the load of every row of it.
  static func read(path: String) throws(ScenarioError) -> PublishedTableFile {
    try parse(SourceFile.read(path: path, limit: Limits.publishedTableBytes))
  }

  static func parse(_ file: SourceFile) throws(ScenarioError) -> PublishedTableFile {
    let log = DiagnosticLog(file: file.path, dialect: .csv)
    let required = loadColumns + figureColumns.map(\.name)
    guard let table = CSVTable(file, columns: required, into: log) else {
      throw .invalid(log.sorted)
    }
    if table.rows.isEmpty { log.report(at: .start, "the file has a header but no rows") }
    let parallel = parallelColumns.filter(table.hasColumn)
    if parallel.count > 1 {
      let names = parallel.map { "`\($0)`" }.joined(separator: " and ")
      log.report(at: .start, "the header has \(names), two names of one column; accepted: one")
    }
    let entries = table.rows.compactMap { entry($0, of: table, parallelColumn: parallel.first) }
    try log.throwIfAny()
    return PublishedTableFile(entries: entries, table: table, log: log)
  }

  /// Nil with an error for each field that is refused.
  private static func entry(
    _ row: CSVTable.Row, of table: CSVTable, parallelColumn: String?
  ) -> Entry? {
    let inputTokens = table.integer(row, "input_tokens", in: 1...Limits.tokens)
    let outputTokens = table.integer(row, "output_tokens", in: 2...Limits.tokens)
    let concurrency = table.integer(row, "concurrency", in: 1...Limits.clients)
    let requests = table.integer(row, "requests", in: 1...Limits.requests)
    let devices = parallelColumn.flatMap { table.isBlank(row, $0) ? nil : $0 }
      .map { table.integer(row, $0, in: 1...Limits.heads) }
    guard let inputTokens, let outputTokens, let concurrency, let requests,
      let tensorParallelSize = devices ?? 1
    else { return nil }
    return Entry(
      line: row.line,
      load: PublishedResults.Load(
        inputTokens: inputTokens, outputTokens: outputTokens, concurrency: concurrency,
        tensorParallelSize: tensorParallelSize),
      requests: requests, row: row)
  }

  /// The whole rows of some of the table's entries.
  /// - Throws: ``ScenarioError/invalid(_:)`` with every field of theirs that is refused.
  func rows(of entries: [Entry]) throws(ScenarioError) -> [Row] {
    let rows = entries.compactMap(row)
    try log.throwIfAny()
    return rows
  }

  /// Nil with an error for each field that is refused.
  private func row(_ entry: Entry) -> Row? {
    let word = table.word(entry.row, "kv_format").lowercased().replacing("_", with: "-")
    let format = PublishedTableFile.formats.first { $0.0 == word }?.1
    if format == nil {
      table.refuse(
        entry.row, "kv_format", PublishedTableFile.formats.map(\.0).joined(separator: ", "))
    }
    var figures: [ServingFigure: Double] = [:]
    let stated = PublishedTableFile.optionalFigureColumns.filter {
      !table.isBlank(entry.row, $0.name)
    }
    let columns = PublishedTableFile.figureColumns + stated
    for column in columns {
      figures[column.figure] = table.number(entry.row, column.name, in: column.range)
        .map(column.value)
    }
    guard let format, figures.count == columns.count else { return nil }
    return Row(
      line: entry.line, load: entry.load, format: format, requests: entry.requests,
      figures: figures)
  }
}
