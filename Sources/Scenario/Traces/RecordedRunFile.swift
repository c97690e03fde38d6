import Simulator

/// A run of a real engine as its client and its log recorded it: what a simulation of the same
/// requests is compared with.
public struct RecordedRun: Hashable, Sendable {
  /// One request. Times are nanoseconds since the first request was queued.
  public struct Request: Hashable, Sendable {
    /// When the engine took it into its queue.
    public let queuedNs: Int64
    /// When its first token was ready.
    public let firstTokenNs: Int64
    /// When its last token was ready.
    public let lastTokenNs: Int64
    /// Tokens produced.
    public let outputTokens: Int
  }

  /// What an engine's log says at one moment.
  public struct Tick: Hashable, Sendable {
    /// Nanoseconds since the run began.
    public let timeNs: Int64
    /// Requests that hold blocks.
    public let running: Int
    /// Requests in the queue.
    public let waiting: Int
    /// The share of the blocks that are owned, 0...1.
    public let usedShare: Double
  }

  /// The requests, in the order of their arrivals.
  public let requests: [Request]
  /// The log, in the order of its times; empty where there is none.
  public let ticks: [Tick]
}

/// The form of a recorded run where it serves as a request trace.
struct RecordedRunForm: RequestTraceForm {
  let accepted = "JSON Lines with `input_toks` (a recorded run)"

  func begins(with line: Span<UInt8>) -> Bool {
    line.beginsObject && line.contains(Array("\"input_toks\"".utf8))
  }

  func read(_ file: SourceFile) throws(ScenarioError) -> RequestTrace {
    try RecordedRunFile.trace(file)
  }
}

/// Reads runs of vLLM as LLMServingSim's bench records them: JSON Lines, a request a line, in the
/// order of their arrivals. Times are seconds; `arrival_time` is of the client's clock, the others
/// are of the engine's.
///
///     {"request_id": "bench-0", "input_toks": 2358, "output_toks": 531, "arrival_time": 1787…,
///      "queued_ts": 27536.66, "scheduled_ts": 27536.67, "first_token_ts": 27537.35,
///      "last_token_ts": 27554.23}
///
/// and its log, `t,prompt_throughput,gen_throughput,running,waiting,kv_cache_pct`.
public enum RecordedRunFile {
  private static let keys = [
    "input_toks", "output_toks", "arrival_time", "queued_ts", "first_token_ts", "last_token_ts",
  ]

  /// Reads a run, and its log where there is one.
  public static func read(
    requests path: String, timeseries: String?
  ) throws(ScenarioError) -> RecordedRun {
    let rows = try rows(SourceFile.read(path: path, limit: Limits.recordedRunBytes))
    let start = rows.first?.queued ?? 0.0
    let requests = try rows.map { row throws(ScenarioError) in
      guard let queued = row.queued, let first = row.first, let last = row.last,
        queued <= first, first <= last
      else {
        throw .invalid([
          Diagnostic(
            file: path, line: row.line, column: 1, keyPath: "",
            message: "lacks `queued_ts`, `first_token_ts` or `last_token_ts`, or has them out of "
              + "order; accepted: all three, in seconds")
        ])
      }
      func ns(_ time: Double) -> Int64 { Int64(((time - start) * 1e9).rounded()) }
      return RecordedRun.Request(
        queuedNs: ns(queued), firstTokenNs: ns(first), lastTokenNs: ns(last),
        outputTokens: row.outputTokens)
    }
    let ticks = try timeseries.map(ticks(path:)) ?? []
    return RecordedRun(requests: requests, ticks: ticks)
  }

  /// Arrivals and lengths alone.
  static func trace(_ file: SourceFile) throws(ScenarioError) -> RequestTrace {
    let rows = try rows(file)
    let start = rows.first?.arrival ?? 0
    return RequestTrace(
      arrivalNs: rows.map { Int64((($0.arrival - start) * 1e9).rounded()) },
      promptTokens: rows.map { Int32($0.promptTokens) },
      outputTokens: rows.map { Int32($0.outputTokens) })
  }

  private struct Row {
    let line: Int
    let promptTokens: Int
    let outputTokens: Int
    let arrival: Double
    let queued: Double?
    let first: Double?
    let last: Double?
  }

  private static func rows(_ file: SourceFile) throws(ScenarioError) -> [Row] {
    let log = DiagnosticLog(file: file.path, dialect: .json)
    var rows: [Row] = []
    if let text = file.text(into: log), let values = JSONSource.parseLines(text, into: log) {
      if values.isEmpty { log.report(at: .start, "the file has no requests") }
      for value in values {
        guard let row = row(Cursor(node: value, path: "", log: log)) else { continue }
        if let last = rows.last, row.arrival < last.arrival {
          log.report(
            at: value.position, key: "arrival_time",
            "earlier than the row before it; rows stand in the order of their times")
        }
        rows.append(row)
      }
      let span = (rows.last?.arrival ?? 0) - (rows.first?.arrival ?? 0)
      if span > Limits.arrivalSeconds {
        log.report(at: .start, "the requests arrive over more than a hundred years")
      }
    }
    try log.throwIfAny()
    return rows
  }

  private static func row(_ cursor: Cursor) -> Row? {
    guard let request = cursor.anyMapping(keys: keys) else { return nil }
    func tokens(_ key: String) -> Int? {
      request.required(key, accepted: "a whole number of tokens")?
        .integer(in: 1...Limits.tokens, unit: "tokens")
    }
    func seconds(_ cursor: Cursor?) -> Double? {
      cursor?.number(in: { $0 >= 0 && $0 < 1e11 }, accepted: "a time in seconds")
    }
    let prompt = tokens("input_toks")
    let output = tokens("output_toks")
    let arrival = seconds(request.required("arrival_time", accepted: "a time in seconds"))
    guard let prompt, let output, let arrival else { return nil }
    return Row(
      line: cursor.node.position.line, promptTokens: prompt, outputTokens: output,
      arrival: arrival, queued: seconds(request.optional("queued_ts")),
      first: seconds(request.optional("first_token_ts")),
      last: seconds(request.optional("last_token_ts")))
  }

  private static func ticks(path: String) throws(ScenarioError) -> [RecordedRun.Tick] {
    let file = try SourceFile.read(path: path, limit: Limits.recordedRunBytes)
    let log = DiagnosticLog(file: path, dialect: .csv)
    let table = CSVTable(file, columns: ["t", "running", "waiting", "kv_cache_pct"], into: log)
    let ticks = table?.rows.compactMap { row -> RecordedRun.Tick? in
      guard let table, let time = table.number(row, "t", in: 0...1e9),
        let running = table.integer(row, "running", in: 0...Limits.requests),
        let waiting = table.integer(row, "waiting", in: 0...Limits.requests),
        let used = table.number(row, "kv_cache_pct", in: 0...100)
      else { return nil }
      return RecordedRun.Tick(
        timeNs: Int64((time * 1e9).rounded()), running: running, waiting: waiting,
        usedShare: used / 100)
    }
    try log.throwIfAny()
    return ticks ?? []
  }
}
