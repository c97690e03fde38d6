/// A table for terminals: the first column to the left, the others to the right, unless told else.
struct TextTable {
  private let leading: Set<Int>
  private var rows: [[String]] = []
  private var ruleBefore: Set<Int> = []

  /// - Parameter leading: the columns that stand to the left.
  init(leading: Set<Int> = [0]) {
    self.leading = leading
  }

  /// Adds a row; all rows have as many cells.
  mutating func add(_ cells: [String]) {
    rows.append(cells)
  }

  /// Draws a line before the next row.
  mutating func addRule() {
    ruleBefore.insert(rows.count)
  }

  /// The table, a line a row, each ended by a newline.
  func rendered() -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    let rule = String(repeating: "─", count: widths.reduce(2 * max(0, columns - 1), +))
    var text = ""
    for (index, row) in rows.enumerated() {
      if ruleBefore.contains(index) { text += rule + "\n" }
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        line += column == 0 ? "" : "  "
        line += leading.contains(column) ? cell + padding : padding + cell
      }
      while line.hasSuffix(" ") { line.removeLast() }
      text += line + "\n"
    }
    return text
  }
}
