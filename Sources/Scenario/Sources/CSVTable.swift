/// A small table of comma-separated values: a header that names the columns, then rows of words
/// and numbers, in quotes or not (RFC 4180; a field ends with its line). Lines end in LF or CRLF;
/// empty ones are passed over.
struct CSVTable {
  /// One row, and where it stands.
  struct Row {
    fileprivate let fields: [Field]
    /// The line of the file, from 1.
    let line: Int
  }

  /// What a field says, and the column at which it begins.
  fileprivate struct Field {
    let text: Substring
    let column: Int
  }

  /// The rows below the header.
  let rows: [Row]
  private let columns: [Substring]
  private let log: DiagnosticLog

  /// The table, or nil with an error where columns are missing or a row has another number of
  /// fields. Columns that are not in `names` are passed over.
  init?(_ file: SourceFile, columns names: [String], into log: DiagnosticLog) {
    guard let text = file.text(into: log) else { return nil }
    // A line feed behind a carriage return is one character to Swift.
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    guard let columns = CSVTable.fields(lines[0], line: 1, into: log)?.map(\.text) else {
      return nil
    }
    let missing = names.filter { name in !columns.contains { $0 == name } }
    guard missing.isEmpty else {
      log.report(
        at: .start,
        "the header lacks \(missing.map { "`\($0)`" }.joined(separator: ", ")); accepted: columns "
          + names.map { "`\($0)`" }.joined(separator: ", "))
      return nil
    }
    var rows: [Row] = []
    for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty {
      guard let fields = CSVTable.fields(line, line: index + 1, into: log) else { return nil }
      guard fields.count == columns.count else {
        log.report(
          at: Position(line: index + 1, column: 1),
          "\(fields.count) fields; accepted: \(columns.count), as many as the header has")
        return nil
      }
      rows.append(Row(fields: fields, line: index + 1))
    }
    self.rows = rows
    self.columns = columns
    self.log = log
  }

  /// The fields of one line, or nil with an error where quotation marks do not enclose a field.
  private static func fields(
    _ line: Substring, line number: Int, into log: DiagnosticLog
  ) -> [Field]? {
    var fields: [Field] = []
    var column = 1
    var rest = line
    while true {
      let start = rest
      var text = rest.prefix { $0 != "," }
      if rest.first == "\"" {
        guard let quoted = CSVTable.quoted(&rest) else {
          log.report(
            at: Position(line: number, column: column),
            "the quotation marks of this field do not enclose it; accepted: \"text\", with a "
              + "quotation mark in it doubled")
          return nil
        }
        text = quoted[...]
      } else {
        rest = rest.dropFirst(text.count)
      }
      fields.append(Field(text: text, column: column))
      column += start.count - rest.count + 1
      guard rest.popFirst() != nil else { return fields }
    }
  }

  /// Takes a field in quotes off the start of `rest`; nil where it does not end in a quotation mark
  /// before a comma or the end.
  private static func quoted(_ rest: inout Substring) -> String? {
    rest.removeFirst()
    var text = ""
    while let next = rest.popFirst() {
      guard next == "\"" else {
        text.append(next)
        continue
      }
      guard rest.first == "\"" else { return rest.isEmpty || rest.first == "," ? text : nil }
      text.append(rest.removeFirst())
    }
    return nil
  }

  /// The header's columns that are not in `names`.
  func columns(beside names: [String]) -> [String] {
    columns.map(String.init).filter { !names.contains($0) }
  }

  /// Whether the header names a column.
  func hasColumn(_ column: String) -> Bool { columns.contains { $0 == column } }

  /// Whether a row says nothing in an optional column: the table lacks it, or the field is empty.
  func isBlank(_ row: Row, _ column: String) -> Bool {
    !hasColumn(column) || row.fields[index(column)].text.isEmpty
  }

  /// The word in a column.
  func word(_ row: Row, _ column: String) -> String { String(row.fields[index(column)].text) }

  /// A whole number within `range`, or nil with an error.
  func integer(_ row: Row, _ column: String, in range: ClosedRange<Int>) -> Int? {
    let field = row.fields[index(column)].text
    guard let value = Int(field), range.contains(value) else {
      refuse(
        row, column, "a whole number from \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return value
  }

  /// A number within `range`, or nil with an error.
  func number(_ row: Row, _ column: String, in range: ClosedRange<Double>) -> Double? {
    guard let value = PlainNumber(String(row.fields[index(column)].text))?.value,
      range.contains(value)
    else {
      refuse(row, column, "a number from \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return value
  }

  /// Microseconds as whole nanoseconds, or nil with an error.
  func nanoseconds(_ row: Row, microseconds column: String) -> Int64? {
    guard let value = PlainNumber(String(row.fields[index(column)].text))?.value,
      value >= 0.001, value * 1e3 <= Double(Limits.callNs)
    else {
      refuse(row, column, "a positive number of microseconds")
      return nil
    }
    return Int64((value * 1e3).rounded())
  }

  /// Reports that a field is not what is `accepted`.
  func refuse(_ row: Row, _ column: String, _ accepted: String) {
    let field = row.fields[index(column)]
    log.report(
      at: Position(line: row.line, column: field.column),
      "\(column): \(Escaping.quoted(String(field.text))) is not accepted here; accepted: "
        + accepted)
  }

  /// The rows as a list of mappings, for readers that take JSON too; empty fields are absent.
  var node: SourceNode {
    let rows = rows.map { row in
      let members = zip(columns, row.fields).filter { !$1.text.isEmpty }.map { column, field in
        let position = Position(line: row.line, column: field.column)
        let text = String(field.text)
        let isBare = PlainNumber(text) != nil || text == "true" || text == "false"
        return SourceNode.Member(
          key: String(column), keyPosition: position,
          value: SourceNode(kind: .scalar(text, quoted: !isBare), position: position))
      }
      return SourceNode(kind: .mapping(members), position: Position(line: row.line, column: 1))
    }
    return SourceNode(kind: .sequence(rows), position: .start)
  }

  private func index(_ column: String) -> Int {
    guard let index = columns.firstIndex(where: { $0 == column }) else {
      preconditionFailure("`\(column)` is read but not declared")
    }
    return index
  }
}
