/// The rows of tables as they are, in CSV or JSON Lines.
///
/// - CSV as RFC 4180 has it, but that lines end in a line feed alone, as those of `kvsim query` do:
///   a header of column names first; NULL is an empty field, an empty text is `""`.
/// - JSON Lines: an object for each row, its table first.
struct TableRows {
  let source: ExportSource
  /// The runs that rows are taken of; nil for all.
  let runs: [StoredRun]?

  /// Writes a table.
  /// - Throws: `damaged` where rows do not follow one another.
  func write(
    _ table: String, as form: ExportForm, to file: ExportFile
  ) throws(TraceError) {
    let connection = source.connection
    let columns = try connection.prepare("SELECT * FROM \(table)").columnNames
    let row = try connection.prepare("SELECT * FROM \(table)\(condition(table, columns))")
    if form == .csv {
      file.text.append(columns.joined(separator: ",") + "\n")
    }
    let labels = columns.map { ",\"\($0)\":" }
    // In a forged file, pages can lead back to themselves.
    let isOfTokens = columns[0] == "request_seq"
    let isOrdered = isOfTokens || columns[0] == "seq"
    var last: (Int64, Int64, Int64) = (0, 0, 0)
    while try row.step() {
      if isOrdered {
        let seq = row.integer(0)
        let next = isOfTokens ? (seq, row.integer(1), row.integer(2)) : (seq, 0, 0)
        guard last < next else {
          throw .damaged(path: connection.path, reason: "row \(seq) of \(table) is out of place")
        }
        last = next
      }
      if form == .csv {
        try append(csv: row, of: table, count: columns.count, to: &file.text)
      } else {
        try append(json: row, of: table, labels, to: &file.text)
      }
      try file.passOn()
    }
  }

  /// Which rows are taken: those of the runs, and what these refer to.
  private func condition(_ table: String, _ columns: [String]) -> String {
    guard let runs else { return "" }
    if columns[0] == "request_seq" {
      let ranges = runs.map(\.sequence).map {
        "request_seq BETWEEN \($0.lowerBound) AND \($0.upperBound - 1)"
      }
      return " WHERE " + ranges.joined(separator: " OR ")
    }
    let (column, numbers): (String, [Int64]) =
      switch table {
      case "run": ("id", runs.map(\.id))
      case "scenario": ("id", runs.map(\.description.scenarioID))
      case "request_class": ("scenario_id", runs.map(\.description.scenarioID))
      case "profile": ("id", runs.flatMap { $0.description.groups.map(\.profileID) })
      default: ("run_id", runs.map(\.id))
      }
    guard columns.contains(column) else { return "" }
    let list = Set(numbers).sorted().map(String.init).joined(separator: ", ")
    return " WHERE \(column) IN (\(list))"
  }

  private func append(
    csv row: Statement, of table: String, count: Int, to text: inout ExportText
  ) throws(TraceError) {
    for column in 0..<Int32(count) {
      if column > 0 { text.append(",") }
      switch row.value(column) {
      case .null: break
      case .integer(let number): text.append(number)
      case .real(let number): text.append(number.description)
      case .text(let field): text.append(field: field)
      case .bytes: throw misplacedBytes(in: table)
      }
    }
    text.append("\n")
  }

  private func append(
    json row: Statement, of table: String, _ labels: [String], to text: inout ExportText
  ) throws(TraceError) {
    text.append("{\"table\":\"")
    text.append(table)
    text.append("\"")
    for (column, label) in labels.enumerated() {
      text.append(label)
      switch row.value(Int32(column)) {
      case .null: text.append("null")
      case .integer(let number): text.append(number)
      case .real(let number): text.append(number)
      case .text(let value): text.append(quoted: value)
      case .bytes: throw misplacedBytes(in: table)
      }
    }
    text.append("}\n")
  }

  /// No column has the type, but a forged file can hold what its schema forbids.
  private func misplacedBytes(in table: String) -> TraceError {
    .damaged(path: source.connection.path, reason: "\(table) holds what is neither number nor text")
  }
}
