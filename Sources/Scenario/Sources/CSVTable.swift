/// A small table of comma-separated values: a header that names the columns, then rows of words
/// and numbers without quotes. Lines end in LF or CRLF; empty ones are passed over.
struct CSVTable {
  /// One row, and where it stands.
  struct Row {
    fileprivate let fields: [Substring]
    /// The line of the file, from 1.
    let line: Int
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
    let columns = lines[0].split(separator: ",", omittingEmptySubsequences: false)
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
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
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

  /// Whether the header names a column.
  func hasColumn(_ column: String) -> Bool { columns.contains { $0 == column } }

  /// Whether a row says nothing in an optional column: the table lacks it, or the field is empty.
  func isBlank(_ row: Row, _ column: String) -> Bool {
    !hasColumn(column) || row.fields[index(column)].isEmpty
  }

  /// The word in a column.
  func word(_ row: Row, _ column: String) -> String { String(row.fields[index(column)]) }

  /// A whole number within `range`, or nil with an error.
  func integer(_ row: Row, _ column: String, in range: ClosedRange<Int>) -> Int? {
    let field = row.fields[index(column)]
    guard let value = Int(field), range.contains(value) else {
      refuse(
        row, column, "a whole number from \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return value
  }

  /// A number within `range`, or nil with an error.
  func number(_ row: Row, _ column: String, in range: ClosedRange<Double>) -> Double? {
    guard let value = PlainNumber(String(row.fields[index(column)]))?.value,
      range.contains(value)
    else {
      refuse(row, column, "a number from \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return value
  }

  /// Microseconds as whole nanoseconds, or nil with an error.
  func nanoseconds(_ row: Row, microseconds column: String) -> Int64? {
    guard let value = PlainNumber(String(row.fields[index(column)]))?.value,
      value >= 0.001, value * 1e3 <= Double(Limits.callNs)
    else {
      refuse(row, column, "a positive number of microseconds")
      return nil
    }
    return Int64((value * 1e3).rounded())
  }

  /// Reports that a field is not what is `accepted`.
  func refuse(_ row: Row, _ column: String, _ accepted: String) {
    let place = index(column)
    let before = row.fields[..<place].reduce(0) { $0 + $1.count + 1 }
    log.report(
      at: Position(line: row.line, column: before + 1),
      "\(column): \(Escaping.quoted(String(row.fields[place]))) is not accepted here; accepted: "
        + accepted)
  }

  /// The rows as a list of mappings, for readers that take JSON too; empty fields are absent.
  var node: SourceNode {
    let rows = rows.map { row in
      var before = 1
      var members: [SourceNode.Member] = []
      for (column, field) in zip(columns, row.fields) {
        let position = Position(line: row.line, column: before)
        before += field.count + 1
        guard !field.isEmpty else { continue }
        let text = String(field)
        members.append(
          SourceNode.Member(
            key: String(column), keyPosition: position,
            value: SourceNode(
              kind: .scalar(text, quoted: PlainNumber(text) == nil), position: position)))
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
