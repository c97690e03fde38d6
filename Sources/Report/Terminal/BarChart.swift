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

  private static let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
}
