import Simulator

/// What reads the rows of one form, each a line.
protocol RequestRowReader {
  /// Whether the first line is a header.
  var hasHeader: Bool { get }
  /// The blocks of the prompts of all rows read.
  var promptBlocks: PromptBlocks? { get }
  /// For each of them the row of which it says to be the later turn, -1 for none; empty where the
  /// form does not say.
  var parents: [Int32] { get }
  /// Reads a row: appends it, passes over it as failed, or reports what is wrong with it.
  mutating func readRow(_ row: Span<UInt8>, into rows: inout RequestTraceRows)
}

extension RequestRowReader {
  var parents: [Int32] { [] }
}

/// The rows of a request trace that were read so far, and the state between them.
///
/// Lines end in LF or CRLF, the last one may end without. Rows stand in the order of their times.
/// The reader walks once over the bytes and allocates nothing per row.
struct RequestTraceRows {
  private let log: DiagnosticLog
  private var arrivalNs: [Int64] = []
  private var promptTokens: [Int32] = []
  private var outputTokens: [Int32] = []
  private var failedRows = 0
  private var first: Timestamp?
  private var last: Int64 = 0
  private var line = 1
  private var errors: RowErrors

  /// All of a file's rows as a trace.
  static func read(
    _ file: SourceFile, by reader: inout some RequestRowReader
  ) throws(ScenarioError) -> RequestTrace {
    let log = DiagnosticLog(file: file.path, dialect: .csv)
    var rows = RequestTraceRows(log: log, byteCount: file.bytes.count)
    rows.read(file.bytes.span, by: &reader)
    try log.throwIfAny()
    let blocks = reader.promptBlocks?.continued(
      parents: reader.parents, promptTokens: rows.promptTokens, outputTokens: rows.outputTokens)
    return RequestTrace(
      arrivalNs: rows.arrivalNs, promptTokens: rows.promptTokens,
      outputTokens: rows.outputTokens, promptBlocks: blocks, failedRows: rows.failedRows)
  }

  private init(log: DiagnosticLog, byteCount: Int) {
    self.log = log
    errors = RowErrors(log)
    // A row of Azure's takes 34 to 38 bytes, of most others more.
    let rows = min(byteCount / 34 + 1, Limits.requests)
    arrivalNs.reserveCapacity(rows)
    promptTokens.reserveCapacity(rows)
    outputTokens.reserveCapacity(rows)
  }

  private mutating func read(_ bytes: Span<UInt8>, by reader: inout some RequestRowReader) {
    var start = bytes.textStart
    while start < bytes.count {
      let (text, next) = bytes.line(from: start)
      let row = bytes.extracting(text)
      if arrivalNs.count == Limits.requests {
        report(row, 0, "more rows than the limit, \(Limits.requests)")
        return
      }
      if line > 1 || !reader.hasHeader { reader.readRow(row, into: &self) }
      start = next
      line += 1
    }
    finish()
  }

  private func finish() {
    errors.reportRest()
    if log.isEmpty, arrivalNs.isEmpty {
      log.report(
        at: .start,
        failedRows == 0
          ? "the file has a header but no rows"
          : "all \(failedRows) rows of the file are requests that failed")
    }
  }

  // MARK: What the readers of rows call

  /// Keeps a request. Its time was asked of ``arrival(_:of:)``.
  mutating func append(arrivalNs arrival: Int64, promptTokens prompt: Int32, outputTokens: Int32) {
    last = arrival
    arrivalNs.append(arrival)
    promptTokens.append(prompt)
    self.outputTokens.append(outputTokens)
  }

  /// Counts a row whose request failed.
  mutating func passOverFailed() { failedRows += 1 }

  /// Nanoseconds since the first request; nil with an error where the row comes too early or late.
  mutating func arrival(_ timestamp: Timestamp, of row: Span<UInt8>) -> Int64? {
    let first = first ?? timestamp
    self.first = first
    let seconds = timestamp.seconds - first.seconds
    guard Double(seconds) < Limits.arrivalSeconds else {
      report(row, 0, "more than a hundred years after the first row")
      return nil
    }
    // A time before the first row may lie any number of years back: look before multiplying.
    let isEarlier = seconds < 0
    let arrival =
      isEarlier ? -1 : seconds * 1_000_000_000 + timestamp.nanoseconds - first.nanoseconds
    guard arrival >= last else {
      report(row, 0, "earlier than the row before it; rows stand in the order of their times")
      return nil
    }
    return arrival
  }

  /// The tokens that a field of the row states; nil with an error where it does not.
  mutating func tokens(_ row: Span<UInt8>, _ field: Range<Int>, of name: String) -> Int32? {
    guard let value = RequestTraceRows.wholeNumber(row.extracting(field)), value >= 1,
      value <= Limits.tokens
    else {
      refuse(row, field, of: name, "a whole number of tokens from 1 to \(Limits.tokens)")
      return nil
    }
    return Int32(value)
  }

  /// The number that a field is, which has nothing but digits; nil where it is none or exceeds 64
  /// bits.
  static func wholeNumber(_ field: Span<UInt8>) -> Int? {
    guard !field.isEmpty else { return nil }
    var value = 0
    for index in field.indices {
      let digit = field[index] &- 48
      guard digit < 10 else { return nil }
      let (tens, overflows) = value.multipliedReportingOverflow(by: 10)
      let (sum, carries) = tens.addingReportingOverflow(Int(digit))
      guard !overflows, !carries else { return nil }
      value = sum
    }
    return value
  }

  /// Reports that a field of the row is not what is `accepted`.
  mutating func refuse(
    _ row: Span<UInt8>, _ field: Range<Int>, of name: String, _ accepted: String
  ) {
    // Of a long field a message shows no more than this.
    let shown = row.extracting(field).extracting(first: 4 * Limits.quotedCharacters)
    report(
      row, field.lowerBound,
      "\(name): \(Escaping.quoted(shown.text)) is not accepted here; accepted: \(accepted)")
  }

  /// Reports an error at a byte of the row.
  mutating func report(_ row: Span<UInt8>, _ offset: Int, _ message: @autoclosure () -> String) {
    let line = line
    func position() -> Position {
      Position(line: line, column: row.extracting(0..<offset).text.unicodeScalars.count + 1)
    }
    errors.report(at: position(), message())
  }
}
