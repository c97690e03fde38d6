extension SourceFile {
  /// What `read` makes of the file's JSON, and its text.
  ///
  /// - Parameters:
  ///   - what: what the file holds, with its article.
  ///   - read: gives nil with at least one error in the log where it refuses the file.
  /// - Throws: ``ScenarioError/invalid(_:)`` with every error of the file.
  func json<Value>(
    _ what: String, read: (_ root: Cursor, _ log: DiagnosticLog) -> Value?
  ) throws(ScenarioError) -> (value: Value, text: String) {
    let log = DiagnosticLog(file: path, dialect: .json)
    let text = text(into: log)
    let root = text.flatMap { JSONSource.parse($0, into: log) }
    let value = root.flatMap { read(Cursor(node: $0, path: "", log: log), log) }
    try log.throwIfAny()
    guard let value, let text else { preconditionFailure("\(what) is neither valid nor refused") }
    return (value, text)
  }
}
