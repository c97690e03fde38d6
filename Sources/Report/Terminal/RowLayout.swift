/// How the rows of a chart share the columns: a label, a plot and a figure, with a space between.
struct RowLayout {
  /// No chart is narrower.
  static let leastColumns = 24
  /// Figures of three digits with a unit have fewer.
  private static let mostFigureColumns = 10
  /// Of the plot, for which long labels are cut off.
  private static let leastPlotColumns = 8

  let label: Int
  let plot: Int
  let figure: Int

  /// - Precondition: there are ``leastColumns`` at least.
  init(labels: [String], figures: [String], columns: Int) {
    precondition(columns >= RowLayout.leastColumns)
    figure = min(RowLayout.mostFigureColumns, figures.map(\.count).max() ?? 0)
    let most = columns - figure - 2 - RowLayout.leastPlotColumns
    label = min(most, labels.map(\.count).max() ?? 0)
    plot = columns - label - figure - 2
  }

  /// A row.
  func line(
    label text: String, plot drawn: String, figure number: String, colour: Int,
    _ style: TerminalStyle
  ) -> ChartLine {
    var line = ChartLine()
    line.append(style.fit(text, label), style)
    line.pad(to: label + 1)
    line.append(drawn, colour: colour, style)
    let shown = style.fit(number, figure)
    line.pad(to: label + 1 + plot + 1 + figure - shown.count)
    line.append(shown, style)
    return line
  }

  /// The line above the rows.
  static func title(_ text: String, columns: Int, _ style: TerminalStyle) -> ChartLine {
    var line = ChartLine()
    line.append(style.fit(text, columns), style)
    return line
  }
}
