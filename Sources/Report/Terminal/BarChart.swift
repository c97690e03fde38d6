/// Bars for terminals, all of them on one scale that begins at zero: what is twice as much is twice
/// as long.
struct BarChart {
  /// A bar.
  struct Row {
    /// What stands before it.
    let label: String
    /// How long it is; nil for none.
    let value: Double?
    /// What stands behind it.
    let figure: String
    /// The number of its colour.
    let colour: Int
  }

  /// What stands above.
  let title: String
  /// From top to bottom.
  let rows: [Row]

  /// The chart, no line of which is longer than so many columns.
  /// - Precondition: values are finite and not negative; there are ``RowLayout/leastColumns``.
  func lines(columns: Int, _ style: TerminalStyle) -> [ChartLine] {
    let layout = RowLayout(
      labels: rows.map(\.label), figures: rows.map(\.figure), columns: columns)
    let longest = rows.compactMap(\.value).max() ?? 0
    let bars = rows.map { row in
      let share = longest > 0 ? (row.value ?? 0) / longest : 0
      return layout.line(
        label: row.label, plot: BarChart.bar(share, columns: layout.plot, style),
        figure: row.figure, colour: row.colour, style)
    }
    return [RowLayout.title(title, columns: columns, style)] + bars
  }

  /// A bar of this share of the columns, to an eighth of one; in ASCII to a whole one. One that
  /// would be nothing, and is not, is as short as can be.
  static func bar(_ share: Double, columns: Int, _ style: TerminalStyle) -> String {
    precondition(share >= 0 && share <= 1, "a bar has a length")
    guard style.isUTF8 else {
      let full = Int((share * Double(columns)).rounded())
      return full == 0 && share > 0 ? "." : String(repeating: "#", count: full)
    }
    var eighths = Int((share * Double(8 * columns)).rounded())
    if eighths == 0, share > 0 { eighths = 1 }
    return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
  }

  /// No chart is wider, however wide the terminal.
  static let mostColumns = 100
  /// From here on two charts stand beside each other.
  private static let columnsForTwo = 72
  private static let gap = 4

  /// Two charts beside each other, or one below the other where there is no room.
  static func pair(
    _ left: BarChart, _ right: BarChart, columns: Int, _ style: TerminalStyle
  ) -> [[ChartLine]] {
    guard columns >= columnsForTwo else {
      return [left, right].map { $0.lines(columns: columns, style) }
    }
    let half = (columns - gap) / 2
    return [
      ChartLine.beside(
        left.lines(columns: half, style), columns: half, gap: gap,
        right.lines(columns: half, style))
    ]
  }

  private static let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
}
