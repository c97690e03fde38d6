/// Heights over time for terminals, a line of text each, all of them on one scale that begins at
/// zero and along one axis of time.
struct TimeLines {
  /// A line.
  struct Row {
    /// What stands before it.
    let label: String
    /// What stands behind it.
    let figure: String
    /// The number of its colour.
    let colour: Int
    /// Its heights, where the whole axis has so many columns: one a column, from the start to its
    /// own end, which may come earlier.
    let heights: (_ columns: Int) -> [Double]
  }

  /// What stands above, with how much a whole character is.
  let title: String
  /// The height of a whole character; nil for the greatest of all.
  let top: Double?
  /// Writes a height.
  let scale: (Double) -> String
  /// From top to bottom.
  let rows: [Row]

  /// The chart, no line of which is longer than so many columns.
  /// - Precondition: heights are finite and not negative; there are ``RowLayout/leastColumns``.
  func lines(columns: Int, _ style: TerminalStyle) -> [ChartLine] {
    let layout = RowLayout(
      labels: rows.map(\.label), figures: rows.map(\.figure), columns: columns)
    let heights = rows.map { $0.heights(layout.plot).prefix(layout.plot) }
    let top = top ?? heights.compactMap { $0.max() }.max() ?? 0
    let drawn = zip(rows, heights).map { row, heights in
      var plot = TimeLines.heights(Array(heights), top: top, style)
      // Nothing waits where nothing is drawn; where the run is over something is.
      if heights.count < layout.plot { plot += style.isUTF8 ? "▏" : "|" }
      return layout.line(
        label: row.label, plot: plot, figure: row.figure, colour: row.colour, style)
    }
    let whole = TimeLines.characters(style)[7]
    var above = RowLayout.title(title, columns: columns, style)
    if top > 0 {
      // Half a number would be another one.
      let key = ", \(whole) is " + style.fit(scale(top), columns)
      if above.columns + key.count <= columns { above.append(key, style) }
    }
    return [above] + drawn
  }

  /// A character for each height, in eighths of the top: nothing for zero, and at least the lowest
  /// for what is more.
  static func heights(_ heights: [Double], top: Double, _ style: TerminalStyle) -> String {
    let characters = characters(style)
    return String(
      heights.map { height in
        precondition(height >= 0 && height.isFinite, "a height is a number")
        guard height > 0, top > 0 else { return " " }
        return characters[max(1, Int((min(1, height / top) * 8).rounded())) - 1]
      })
  }

  private static func characters(_ style: TerminalStyle) -> [Character] {
    Array(style.isUTF8 ? "▁▂▃▄▅▆▇█" : ".:-=+*#@")
  }
}
