import Simulator

/// Reads a request trace in the form of the Azure Public Dataset, or as ``RecordedRunFile`` does
/// where the file starts with a brace.
///
///     TIMESTAMP,ContextTokens,GeneratedTokens
///     2023-11-16 18:15:46.6805900,374,44
///
/// Lines end in LF or CRLF, the last one may end without. Rows stand in the order of their times;
/// tokens are whole numbers of at least 1. The reader walks once over the bytes and allocates
/// nothing per row.
public enum RequestTraceFile {
  /// The first line of such a file.
  public static let header = "TIMESTAMP,ContextTokens,GeneratedTokens"

  /// Reads a trace of at most ``Limits/traceBytes`` and ``Limits/requests`` rows; of malformed
  /// rows the first ``Limits/diagnosticsPerTrace`` are reported and the rest counted.
  public static func read(path: String) throws(ScenarioError) -> RequestTrace {
    let file = try SourceFile.read(path: path, limit: Limits.traceBytes)
    if file.bytes.first == UInt8(ascii: "{") { return try RecordedRunFile.trace(file) }
    return try parse(file.bytes, path: path)
  }

  static func parse(_ bytes: [UInt8], path: String) throws(ScenarioError) -> RequestTrace {
    let log = DiagnosticLog(file: path, dialect: .csv)
    var reader = RequestTraceReader(log: log, byteCount: bytes.count)
    reader.read(bytes.span)
    try log.throwIfAny()
    return RequestTrace(
      arrivalNs: reader.arrivalNs, promptTokens: reader.promptTokens,
      outputTokens: reader.outputTokens)
  }
}

/// The rows read so far, and the state between them.
private struct RequestTraceReader {
  let log: DiagnosticLog
  var arrivalNs: [Int64] = []
  var promptTokens: [Int32] = []
  var outputTokens: [Int32] = []
  private var first: Timestamp?
  private var last: Int64 = 0
  private var line = 1
  private var malformedRows = 0

  init(log: DiagnosticLog, byteCount: Int) {
    self.log = log
    // A row of Azure's takes 34 to 38 bytes.
    let rows = min(byteCount / 34 + 1, Limits.requests)
    arrivalNs.reserveCapacity(rows)
    promptTokens.reserveCapacity(rows)
    outputTokens.reserveCapacity(rows)
  }

  mutating func read(_ bytes: Span<UInt8>) {
    var start = bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF ? 3 : 0
    guard start < bytes.count else {
      log.report(at: .start, "the file is empty; it starts with `\(RequestTraceFile.header)`")
      return
    }
    while start < bytes.count {
      var end = start
      while end < bytes.count, bytes[end] != 10 { end += 1 }
      let next = end + 1
      if end > start, bytes[end - 1] == 13 { end -= 1 }
      let row = bytes.extracting(start..<end)
      if line == 1 {
        guard isHeader(row) else { return }
      } else if arrivalNs.count == Limits.requests {
        report(1, "more rows than the limit, \(Limits.requests)")
        return
      } else {
        readRow(row)
      }
      start = next
      line += 1
    }
    finish()
  }

  private mutating func finish() {
    if malformedRows > Limits.diagnosticsPerTrace {
      let more = malformedRows - Limits.diagnosticsPerTrace
      let place = log.diagnostics.last.map { Position(line: $0.line, column: $0.column) }
      log.report(at: place ?? .start, "… and \(more) more malformed rows")
    } else if log.isEmpty, arrivalNs.isEmpty {
      log.report(at: .start, "the file has a header but no rows")
    }
  }

  private func isHeader(_ row: Span<UInt8>) -> Bool {
    let header = Array(RequestTraceFile.header.utf8)
    if row.count == header.count, header.indices.allSatisfy({ row[$0] == header[$0] }) {
      return true
    }
    let given = Escaping.quoted(text(row.extracting(first: 4 * Limits.quotedCharacters)))
    log.report(
      at: .start,
      "the first line is \(given); accepted: `\(RequestTraceFile.header)`")
    return false
  }

  private mutating func readRow(_ row: Span<UInt8>) {
    var commas = (-1, -1)
    var count = 0
    for index in row.indices where row[index] == UInt8(ascii: ",") {
      if count == 0 { commas.0 = index } else { commas.1 = index }
      count += 1
    }
    guard count == 2 else {
      let columns = row.isEmpty ? 0 : count + 1
      report(1, "the row has \(columns) columns; accepted: 3, \(RequestTraceFile.header)")
      return
    }
    let stamp = row.extracting(0..<commas.0)
    guard let timestamp = Timestamp(stamp) else {
      report(
        1,
        "TIMESTAMP: \(Escaping.quoted(text(stamp))) is no time; accepted: a date and a time of day "
          + "such as `2023-11-16 18:15:46.6805900`, up to nine decimals")
      return
    }
    guard let arrival = arrival(timestamp) else { return }
    guard
      let prompt = tokens(
        row.extracting(commas.0 + 1..<commas.1), of: "ContextTokens", column: commas.0 + 2),
      let output = tokens(
        row.extracting(commas.1 + 1..<row.count), of: "GeneratedTokens", column: commas.1 + 2)
    else { return }
    last = arrival
    arrivalNs.append(arrival)
    promptTokens.append(prompt)
    outputTokens.append(output)
  }

  /// Nanoseconds since the first row.
  private mutating func arrival(_ timestamp: Timestamp) -> Int64? {
    let first = first ?? timestamp
    self.first = first
    let seconds = timestamp.seconds - first.seconds
    guard Double(seconds) < Limits.arrivalSeconds else {
      report(1, "more than a hundred years after the first row")
      return nil
    }
    // A time before the first row may lie any number of years back: look before multiplying.
    let isEarlier = seconds < 0
    let arrival =
      isEarlier ? -1 : seconds * 1_000_000_000 + timestamp.nanoseconds - first.nanoseconds
    guard arrival >= last else {
      report(1, "earlier than the row before it; rows stand in the order of their times")
      return nil
    }
    return arrival
  }

  private mutating func tokens(
    _ field: Span<UInt8>, of name: StaticString, column: Int
  ) -> Int32? {
    var value = 0
    var isNumber = !field.isEmpty
    for index in field.indices {
      let digit = field[index] &- 48
      guard digit < 10, value <= Limits.tokens else {
        isNumber = false
        break
      }
      value = value * 10 + Int(digit)
    }
    guard isNumber, value >= 1, value <= Limits.tokens else {
      report(
        column,
        "\(name): \(Escaping.quoted(text(field))) is not accepted here; accepted: a whole number "
          + "of tokens from 1 to \(Limits.tokens)")
      return nil
    }
    return Int32(value)
  }

  private mutating func report(_ column: Int, _ message: String) {
    malformedRows += 1
    guard malformedRows <= Limits.diagnosticsPerTrace else { return }
    log.report(at: Position(line: line, column: column), message)
  }

  private func text(_ bytes: Span<UInt8>) -> String {
    String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
  }
}
