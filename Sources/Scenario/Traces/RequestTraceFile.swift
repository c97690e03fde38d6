import Simulator

/// A form in which request traces are published.
protocol RequestTraceForm: Sendable {
  /// Whose form it is, and its first line: what a message lists as accepted.
  var accepted: String { get }
  /// Whether a file that begins with this line has this form.
  func begins(with line: Span<UInt8>) -> Bool
  /// Reads such a file.
  func read(_ file: SourceFile) throws(ScenarioError) -> RequestTrace
}

/// Reads request traces in the forms that ``forms`` lists, told apart by their first lines.
public enum RequestTraceFile {
  /// Every form that is read. The first one that a first line fits is taken.
  static let forms: [any RequestTraceForm] = [
    CSVTraceForm.azure, CSVTraceForm.burstGPT, CSVTraceForm.vidur, BlockTraceForm.bailian,
    BlockTraceForm.mooncake, RecordedRunForm(),
  ]

  /// Reads a trace of at most ``Limits/traceBytes`` and ``Limits/requests`` rows; of malformed
  /// rows the first ``Limits/diagnosticsPerTrace`` are reported and the rest counted.
  public static func read(path: String) throws(ScenarioError) -> RequestTrace {
    try parse(SourceFile.read(path: path, limit: Limits.traceBytes))
  }

  static func parse(_ bytes: [UInt8], path: String) throws(ScenarioError) -> RequestTrace {
    try parse(SourceFile(path: path, bytes: bytes))
  }

  private static func parse(_ file: SourceFile) throws(ScenarioError) -> RequestTrace {
    let bytes = file.bytes.span
    let line = bytes.line(from: bytes.textStart).text
    let form = forms.first { $0.begins(with: bytes.extracting(line)) }
    if let form { return try form.read(file) }
    let accepted = "accepted: " + forms.map(\.accepted).joined(separator: "; ")
    let start = bytes.extracting(line).extracting(first: 4 * Limits.quotedCharacters)
    let given =
      bytes.textStart == bytes.count
      ? "the file is empty" : "the first line is \(Escaping.quoted(start.text)), which no form has"
    let log = DiagnosticLog(file: file.path, dialect: .csv)
    log.report(at: .start, "\(given); \(accepted)")
    throw .invalid(log.sorted)
  }
}

extension Span<UInt8> {
  /// Where the text begins: behind a byte order mark, if there is one.
  var textStart: Int {
    count >= 3 && self[0] == 0xEF && self[1] == 0xBB && self[2] == 0xBF ? 3 : 0
  }

  /// The line that begins at `start`, without LF or CR LF, and where the next one begins.
  func line(from start: Int) -> (text: Range<Int>, next: Int) {
    var end = start
    while end < count, self[end] != 10 { end += 1 }
    let next = end + 1
    if end > start, self[end - 1] == 13 { end -= 1 }
    return (start..<end, next)
  }

  /// The bytes as text; what is not UTF-8 is repaired.
  var text: String {
    String(decoding: indices.map { self[$0] }, as: UTF8.self)
  }

  /// Whether these are the bytes of `other`.
  func equals(_ other: [UInt8]) -> Bool {
    guard count == other.count else { return false }
    for index in indices where self[index] != other[index] { return false }
    return true
  }

  /// Whether the bytes of `other` stand somewhere in these.
  func contains(_ other: [UInt8]) -> Bool {
    guard count >= other.count else { return false }
    return (0...count - other.count).contains { start in
      other.indices.allSatisfy { self[start + $0] == other[$0] }
    }
  }
}
