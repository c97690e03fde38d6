import Operators

/// Reads tables of serving results as papers and their repositories publish them: CSV, a row for
/// each run of a closed loop with fixed lengths, columns in any order.
///
///     input_tokens,output_tokens,kv_format,concurrency,requests,output_tokens_per_s,…
///     256,1024,int4-rotated,32,256,3689.0,…
enum PublishedTableFile {
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
  private static let parallelColumn = "tensor_parallel_size"
  /// Every column that is read.
  static let columns =
    loadColumns + [parallelColumn] + (figureColumns + optionalFigureColumns).map(\.name)
  /// Names of formats, and kvsim's. Most tables say BF16, which takes as many bytes as FP16.
  private static let formats =
    KVFormat.named.map { ($0.name, $0.name) } + [("bf16", KVFormat.fp16.name)]

  /// Reads a table of at most ``Limits/publishedTableBytes``, every row of it.
  static func read(path: String) throws(ScenarioError) -> [Row] {
    try parse(SourceFile.read(path: path, limit: Limits.publishedTableBytes))
  }

  static func parse(_ file: SourceFile) throws(ScenarioError) -> [Row] {
    let log = DiagnosticLog(file: file.path, dialect: .csv)
    let required = loadColumns + figureColumns.map(\.name)
    var rows: [Row] = []
    if let table = CSVTable(file, columns: required, into: log) {
      if table.rows.isEmpty { log.report(at: .start, "the file has a header but no rows") }
      rows = table.rows.compactMap { row($0, of: table) }
    }
    try log.throwIfAny()
    return rows
  }

  /// Nil with an error for each field that is refused.
  private static func row(_ row: CSVTable.Row, of table: CSVTable) -> Row? {
    let inputTokens = table.integer(row, "input_tokens", in: 1...Limits.tokens)
    let outputTokens = table.integer(row, "output_tokens", in: 2...Limits.tokens)
    let word = table.word(row, "kv_format")
    let format = formats.first { $0.0 == word }?.1
    if format == nil {
      table.refuse(row, "kv_format", formats.map(\.0).joined(separator: ", "))
    }
    let concurrency = table.integer(row, "concurrency", in: 1...Limits.clients)
    let requests = table.integer(row, "requests", in: 1...Limits.requests)
    let tensorParallelSize =
      table.isBlank(row, parallelColumn)
      ? 1 : table.integer(row, parallelColumn, in: 1...Limits.heads)
    var figures: [ServingFigure: Double] = [:]
    let stated = optionalFigureColumns.filter { !table.isBlank(row, $0.name) }
    for column in figureColumns + stated {
      figures[column.figure] = table.number(row, column.name, in: column.range).map(column.value)
    }
    guard let inputTokens, let outputTokens, let format, let concurrency, let requests,
      let tensorParallelSize, figures.count == figureColumns.count + stated.count
    else { return nil }
    return Row(
      line: row.line,
      load: PublishedResults.Load(
        inputTokens: inputTokens, outputTokens: outputTokens, concurrency: concurrency,
        tensorParallelSize: tensorParallelSize),
      format: format, requests: requests, figures: figures)
  }
}
