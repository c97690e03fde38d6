import Simulator

/// A form of comma-separated values: a header, then a row for each request. No published trace
/// quotes a field.
struct CSVTraceForm: RequestTraceForm {
  /// How rows tell the time.
  enum Clock {
    /// A date and a time of day, with an offset from UTC or none.
    case date
    /// Seconds of any clock, with a fraction or none.
    case seconds
  }

  /// Whose form it is.
  let name: String
  /// The first line.
  let header: String
  /// The columns, from 0, of a row's time and lengths. Others are passed over.
  let columns: (time: Int, prompt: Int, output: Int)
  let clock: Clock
  /// Whether a row without output tokens is a request that failed, and is passed over.
  let hasFailures: Bool

  var accepted: String { "`\(header)` (\(name))" }

  func begins(with line: Span<UInt8>) -> Bool { line.equals(Array(header.utf8)) }

  func read(_ file: SourceFile) throws(ScenarioError) -> RequestTrace {
    var reader = CSVTraceReader(form: self)
    return try RequestTraceRows.read(file, by: &reader)
  }
}

private struct CSVTraceReader: RequestRowReader {
  let form: CSVTraceForm
  private let names: [String]
  /// The row's commas; kept from row to row for its memory.
  private var commas: [Int] = []

  init(form: CSVTraceForm) {
    self.form = form
    names = form.header.split(separator: ",").map(String.init)
  }

  var hasHeader: Bool { true }
  var promptBlocks: PromptBlocks? { nil }

  mutating func readRow(_ row: Span<UInt8>, into rows: inout RequestTraceRows) {
    commas.removeAll(keepingCapacity: true)
    for index in row.indices where row[index] == UInt8(ascii: ",") { commas.append(index) }
    guard commas.count + 1 == names.count else {
      let columns = row.isEmpty ? 0 : commas.count + 1
      rows.report(
        row, 0, "the row has \(columns) columns; accepted: \(names.count), \(form.header)")
      return
    }
    let output = field(form.columns.output, of: row)
    if form.hasFailures, output.count == 1, row[output.lowerBound] == UInt8(ascii: "0") {
      if timestamp(row, &rows) != nil { rows.passOverFailed() }
      return
    }
    let prompt = field(form.columns.prompt, of: row)
    guard let timestamp = timestamp(row, &rows), let arrival = rows.arrival(timestamp, of: row),
      let promptTokens = rows.tokens(row, prompt, of: names[form.columns.prompt]),
      let outputTokens = rows.tokens(row, output, of: names[form.columns.output])
    else { return }
    rows.append(arrivalNs: arrival, promptTokens: promptTokens, outputTokens: outputTokens)
  }

  private func field(_ column: Int, of row: Span<UInt8>) -> Range<Int> {
    let start = column == 0 ? 0 : commas[column - 1] + 1
    return start..<(column == commas.count ? row.count : commas[column])
  }

  private func timestamp(_ row: Span<UInt8>, _ rows: inout RequestTraceRows) -> Timestamp? {
    let field = field(form.columns.time, of: row)
    let name = names[form.columns.time]
    let bytes = row.extracting(field)
    switch form.clock {
    case .seconds:
      return rows.time(row, field, of: name, unit: .seconds)
    case .date:
      if let timestamp = Timestamp(zoned: bytes) { return timestamp }
      let shown = bytes.extracting(first: 4 * Limits.quotedCharacters).text
      rows.report(
        row, field.lowerBound,
        "\(name): \(Escaping.quoted(shown)) is no time; accepted: a date and a time of day "
          + "such as `2023-11-16 18:15:46.6805900`, up to nine decimals, with `+00:00` or none")
      return nil
    }
  }
}
