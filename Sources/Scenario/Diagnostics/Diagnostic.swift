/// One thing wrong with a file: where it stands, which key it concerns, what was given and what
/// would be accepted.
///
/// Printed as compilers do, `file:line:column: error: key: message`, so that editors jump there.
public struct Diagnostic: Hashable, Sendable {
  /// How bad it is. Nothing here is a warning: a file is valid or it is not.
  public enum Severity: String, Sendable {
    /// The file cannot be used.
    case error
  }

  /// The path of the file, as it was opened.
  public let file: String
  /// The line, from 1; 0 where the file as a whole is meant.
  public let line: Int
  /// The column, from 1 and in Unicode scalars; 0 where the file as a whole is meant.
  public let column: Int
  /// How bad it is.
  public let severity: Severity
  /// The key, from the file's root: `workload.arrivals.rate`; empty where there is none.
  public let keyPath: String
  /// What is wrong and what is accepted; control characters of the input are escaped.
  public let message: String

  /// A diagnostic; control characters in `keyPath` and `message` become escapes.
  public init(
    file: String, line: Int, column: Int, severity: Severity = .error, keyPath: String,
    message: String
  ) {
    self.file = file
    self.line = line
    self.column = column
    self.severity = severity
    self.keyPath = Escaping.escaped(keyPath)
    self.message = Escaping.escaped(message)
  }
}

extension Diagnostic: CustomStringConvertible {
  /// `file:line:column: error: key: message`, on one line.
  public var description: String {
    let place = line > 0 ? ":\(line):\(column)" : ""
    let key = keyPath.isEmpty ? "" : "\(keyPath): "
    return "\(Escaping.escaped(file))\(place): \(severity.rawValue): \(key)\(message)"
  }
}

extension Diagnostic: Comparable {
  /// By file, then by place, then by message and key, so that lists of errors never reshuffle.
  public static func < (left: Diagnostic, right: Diagnostic) -> Bool {
    if left.file != right.file { return left.file < right.file }
    if left.line != right.line { return left.line < right.line }
    if left.column != right.column { return left.column < right.column }
    // `… and 9 more` stands at the place of the last error, and sorts behind it by its first sign.
    if left.message != right.message { return left.message < right.message }
    return left.keyPath < right.keyPath
  }
}

/// Why files from outside did not become a scenario.
public enum ScenarioError: Error, Hashable, Sendable {
  /// The files were read and are wrong; every error in them, sorted by file, line and column.
  case invalid([Diagnostic])
  /// A file could not be read at all.
  case unreadable(path: String, reason: String)

  /// What is wrong, each error a diagnostic: one of the whole file where it could not be read.
  public var diagnostics: [Diagnostic] {
    switch self {
    case .invalid(let diagnostics):
      return diagnostics
    case .unreadable(let path, let reason):
      return [Diagnostic(file: path, line: 0, column: 0, keyPath: "", message: reason)]
    }
  }
}

extension ScenarioError: CustomStringConvertible {
  /// The diagnostics, one a line.
  public var description: String {
    diagnostics.map(\.description).joined(separator: "\n")
  }
}
