import Trace

/// A sweep in charts for terminals, to stand below its table: throughput and time per token by the
/// key that varies, format beside format.
public struct SweepCharts {
  /// Bars of a chart at most: those of the first curves are drawn.
  private static let mostBars = 48

  private let curves: SweepCurves?

  /// The charts of a sweep.
  public init(_ overview: SweepOverview) {
    curves = SweepCurves(overview)
  }

  /// The charts, a blank line above each, no line longer than the terminal's; nothing where that is
  /// too narrow for any, or no key with several numbers varies.
  public func rendered(in style: TerminalStyle) -> String {
    let columns = min(style.columns, BarChart.mostColumns)
    guard columns >= RowLayout.leastColumns, let curves else { return "" }
    let blocks = BarChart.pair(
      chart("output tokens/s", "output_tokens_per_s", of: curves),
      chart("TPOT p50, ms", "tpot_p50_ns", scale: 1e6, of: curves), columns: columns, style)
    return blocks.map { lines in "\n" + lines.map { $0.text + "\n" }.joined() }.joined()
  }

  private func chart(
    _ title: String, _ metric: String, scale: Double = 1, of curves: SweepCurves
  ) -> BarChart {
    let places = Set(curves.curves.flatMap { $0.points.map(\.x) }).sorted()
    let shown = curves.curves.prefix(max(1, SweepCharts.mostBars / max(1, places.count)))
    let rows = places.flatMap { place in
      shown.compactMap { curve -> BarChart.Row? in
        guard let point = curve.points.first(where: { $0.x == place }) else { return nil }
        // The database may be anybody's.
        let value = point[metric].map { $0 / scale }.flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
        return BarChart.Row(
          label: "\(Figures.number(place)) \(curve.briefLabel)", value: value,
          figure: value.map(Figures.decimal) ?? "–", colour: curve.style)
      }
    }
    return BarChart(
      title: "\(title), by \(curves.name)", rows: Array(rows.prefix(2 * SweepCharts.mostBars)))
  }
}
