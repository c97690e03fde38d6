/// Errors in the rows of one file: the first ``Limits/diagnosticsPerTrace`` are kept, the rest
/// counted.
struct RowErrors {
  private let log: DiagnosticLog
  private var rows = 0

  init(_ log: DiagnosticLog) { self.log = log }

  /// A row is malformed. Of what is only counted, neither the place nor the message is made.
  mutating func report(
    at position: @autoclosure () -> Position, _ message: @autoclosure () -> String
  ) {
    rows += 1
    guard rows <= Limits.diagnosticsPerTrace else { return }
    log.report(at: position(), message())
  }

  /// Says behind the last one that is kept how many more there are, if there are any.
  func reportRest() {
    guard rows > Limits.diagnosticsPerTrace else { return }
    let place = log.diagnostics.last.map { Position(line: $0.line, column: $0.column) }
    log.report(
      at: place ?? .start, "… and \(rows - Limits.diagnosticsPerTrace) more malformed rows")
  }
}
