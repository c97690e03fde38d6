import Foundation
import Scenario
import Trace

/// The rows of a query, printed as they come or, where columns are as wide as what they hold, at
/// the end.
public struct QueryResult {
  /// How rows are printed.
  public enum Form: String, Sendable, CaseIterable {
    /// Columns for people.
    case table
    /// Comma-separated values with a line of names (RFC 4180, lines ended by a line feed).
    case csv
    /// An array of objects.
    case json
    /// A table of Markdown.
    case markdown
  }

  private let form: Form
  private let columns: [String]
  private let encoder = JSONEncoder()
  private var rows: [[QueryValue]] = []
  private var bytes = 0
  private var count = 0

  /// Rows that a table keeps at most until its end, and their bytes, some for each value.
  static let mostRows = 100_000
  static let mostBytes = 64 << 20

  /// Whether there are more rows than a table keeps: those that came too late are not in it.
  public private(set) var isTooLong = false

  /// The result of a query with these columns.
  public init(columns: [String], as form: Form) {
    self.columns = columns
    self.form = form
    encoder.outputFormatting = .withoutEscapingSlashes
  }

  /// What to print before the rows.
  public var beginning: String {
    switch form {
    case .csv: QueryResult.line(columns.map(QueryResult.csv))
    case .json: "["
    case .table, .markdown: ""
    }
  }

  /// Takes a row; what to print now.
  public mutating func add(_ row: [QueryValue]) -> String {
    count += 1
    switch form {
    case .csv: return QueryResult.line(row.map { QueryResult.csv($0.exact) })
    case .json:
      let fields = zip(columns, row).map { "\(quoted($0)): \(json($1))" }
      return (count == 1 ? "\n" : ",\n") + "  {" + fields.joined(separator: ", ") + "}"
    case .table, .markdown:
      bytes += row.reduce(0) { $0 + $1.heldBytes }
      isTooLong = isTooLong || count > QueryResult.mostRows || bytes > QueryResult.mostBytes
      if !isTooLong { rows.append(row) }
      return ""
    }
  }

  /// What to print behind the rows.
  public func end() -> String {
    switch form {
    case .csv: ""
    case .json: count == 0 ? "]\n" : "\n]\n"
    case .table: table()
    case .markdown: markdown()
    }
  }

  /// Whether a column holds numbers alone, which stand to the right.
  private func isNumeric(_ column: Int) -> Bool {
    rows.allSatisfy { row in
      switch row[column] {
      case .integer, .real, .null: true
      case .text, .bytes: false
      }
    }
  }

  private func table() -> String {
    var table = TextTable(leading: Set(columns.indices.filter { !isNumeric($0) }))
    table.add(columns.map(Escaping.escaped))
    table.addRule()
    for row in rows { table.add(row.map(\.readable)) }
    return rows.isEmpty ? "no rows\n" : table.rendered()
  }

  private func markdown() -> String {
    let rule = columns.indices.map { isNumeric($0) && !rows.isEmpty ? "--:" : "---" }
    let lines = [columns.map(Escaping.escaped), rule] + rows.map { $0.map(\.readable) }
    return lines.map { cells in
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
    }.joined()
  }

  private static func line(_ cells: [String]) -> String { cells.joined(separator: ",") + "\n" }

  private static func csv(_ text: String) -> String {
    let needsQuotes = text.contains { $0 == "," || $0 == "\"" || $0.isNewline }
    guard needsQuotes else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }

  private func json(_ value: QueryValue) -> String {
    switch value {
    case .null: "null"
    case .real(let real) where !real.isFinite: "null"
    case .integer, .real: value.exact
    case .text, .bytes: quoted(value.exact)
    }
  }

  private func quoted(_ text: String) -> String {
    // Every string can be encoded. The encoder leaves controls beyond ASCII as they are.
    let encoded = String(decoding: (try? encoder.encode(text)) ?? Data(), as: UTF8.self)
    guard encoded.unicodeScalars.contains(where: QueryResult.isLateControl) else { return encoded }
    return encoded.unicodeScalars.reduce(into: "") { result, scalar in
      if QueryResult.isLateControl(scalar) {
        result += "\\u00" + String(scalar.value, radix: 16)
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
  }

  private static func isLateControl(_ scalar: Unicode.Scalar) -> Bool {
    (0x7F..<0xA0).contains(scalar.value)
  }
}

extension QueryValue {
  /// As it is, for programs; NULL is empty.
  fileprivate var exact: String {
    switch self {
    case .null: ""
    case .integer(let integer): "\(integer)"
    case .real(let real): "\(real)"
    case .text(let text): text
    case .bytes(let count): "\(count) bytes"
    }
  }

  /// About what it takes to keep it.
  fileprivate var heldBytes: Int {
    if case .text(let text) = self { 32 + text.utf8.count } else { 32 }
  }

  /// For people: numbers with three digits, or all those before the point.
  fileprivate var readable: String {
    switch self {
    case .null: "–"
    case .real(let real): Figures.decimal(real)
    case .text(let text):
      Escaping.escaped(text.split(whereSeparator: \.isNewline).joined(separator: " "))
    case .integer, .bytes: exact
    }
  }
}
