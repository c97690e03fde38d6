/// The errors of one file, gathered while it is read.
///
/// A class, because the cursors over a file's parts all report into the same list.
final class DiagnosticLog {
  /// The path of the file, as it was opened.
  let file: String
  /// What the file is written in: decides the wording of advice.
  let dialect: Dialect
  private(set) var diagnostics: [Diagnostic] = []
  private var uncounted = 0

  /// The notation of a file.
  enum Dialect {
    case yaml, json, csv
  }

  init(file: String, dialect: Dialect) {
    self.file = file
    self.dialect = dialect
  }

  /// Whether the file is without errors so far.
  var isEmpty: Bool { diagnostics.isEmpty }

  /// Whether further errors will only be counted.
  var isFull: Bool { diagnostics.count >= Limits.diagnosticsPerFile }

  /// Keeps an error; beyond ``Limits/diagnosticsPerFile`` it is only counted.
  func report(at position: Position, key: String = "", _ message: String) {
    guard !isFull else {
      uncounted += 1
      return
    }
    diagnostics.append(
      Diagnostic(
        file: file, line: position.line, column: position.column, keyPath: key,
        message: message))
  }

  /// All errors in the order of their places, the number of those left out at the last.
  var sorted: [Diagnostic] {
    guard uncounted > 0, let last = diagnostics.max() else { return diagnostics.sorted() }
    let rest = Diagnostic(
      file: file, line: last.line, column: last.column, keyPath: "",
      message: "… and \(uncounted) more errors")
    return diagnostics.sorted() + [rest]
  }

  /// Throws what was gathered, if anything was.
  func throwIfAny() throws(ScenarioError) {
    if !isEmpty { throw .invalid(sorted) }
  }
}
