import Planning
import Simulator

/// The comparison of formats in charts for terminals, to stand below its table: what each format
/// holds and yields, how long requests take, and what went on over time.
public struct ComparisonCharts {
  private let comparison: FormatComparison
  private var outcomes: [FormatOutcome] { comparison.outcomes }

  /// The charts of a comparison.
  public init(_ comparison: FormatComparison) {
    self.comparison = comparison
  }

  /// The charts, a blank line above each, no line longer than the terminal's; nothing where that is
  /// too narrow for any.
  public func rendered(in style: TerminalStyle) -> String {
    let columns = min(style.columns, BarChart.mostColumns)
    guard columns >= RowLayout.leastColumns, !outcomes.isEmpty else { return "" }
    var blocks = BarChart.pair(requestsAtOnce, throughput, columns: columns, style)
    blocks += BarChart.pair(
      latencies("TTFT", \.ttft), latencies("TPOT", \.tpot), columns: columns, style)
    blocks += overTime(columns, style)
    return blocks.map { lines in "\n" + lines.map { $0.text + "\n" }.joined() }.joined()
  }

  // MARK: Bars

  private var requestsAtOnce: BarChart {
    let isCluster = comparison.scenario.cluster.replicas > 1
    let held = comparison.scenario.workload.hasSamples ? "sequences" : "requests"
    return BarChart(
      title: "most \(held) held at once" + (isCluster ? ", by a replica" : ""),
      rows: outcomes.enumerated().map { index, outcome in
        let most = outcome.summary.peakRunning
        return BarChart.Row(
          label: outcome.format.name, value: Double(most), figure: Figures.count(most),
          colour: index)
      })
  }

  private var throughput: BarChart {
    BarChart(
      title: "output tokens/s",
      rows: outcomes.enumerated().map { index, outcome in
        let rate = outcome.summary.outputTokensPerSecond
        return BarChart.Row(
          label: outcome.format.name, value: rate, figure: Figures.decimal(rate), colour: index)
      })
  }

  /// Percentile by percentile, so that formats stand together.
  private func latencies(
    _ name: String, _ latency: KeyPath<RunSummary, LatencyStatistics>
  ) -> BarChart {
    let all = outcomes.map { $0.summary[keyPath: latency] }
    let unit = Figures.TimeUnit(largestNs: Double(all.map(\.p99Ns).max() ?? 0))
    let percentiles: [(String, KeyPath<LatencyStatistics, Int64>)] = [
      ("p50", \.p50Ns), ("p90", \.p90Ns), ("p95", \.p95Ns), ("p99", \.p99Ns),
    ]
    let rows = percentiles.flatMap { percentile, path in
      outcomes.enumerated().map { index, outcome in
        let statistics = all[index]
        let ns = statistics.count == 0 ? nil : Double(statistics[keyPath: path])
        return BarChart.Row(
          label: (index == 0 ? percentile : "   ") + " " + outcome.format.name, value: ns,
          figure: ns.map(unit.text) ?? "–", colour: index)
      }
    }
    return BarChart(title: "\(name), \(unit.name)", rows: rows)
  }

  // MARK: Over time

  /// None where runs kept nothing over time, or nothing went on.
  private func overTime(_ columns: Int, _ style: TerminalStyle) -> [[ChartLine]] {
    let longest = outcomes.compactMap { $0.timeline?.endNs }.max() ?? 0
    guard longest > 0 else { return [] }
    let unit = Figures.TimeUnit(largestNs: Double(longest))
    let axis = "over time, 0 to \(unit.text(Double(longest))) \(unit.name); means at right"
    func lines(
      _ title: String, top: Double?, _ value: @escaping (RunTimeline.Slice) -> Double,
      _ figure: @escaping (Double) -> String
    ) -> [ChartLine] {
      TimeLines(
        title: title, top: top, scale: figure,
        rows: outcomes.enumerated().compactMap { index, outcome in
          guard let timeline = outcome.timeline else { return nil }
          return TimeLines.Row(
            label: outcome.format.name, figure: figure(value(timeline.mean)), colour: index
          ) { columns in
            timeline.means(columnNs: Double(longest) / Double(columns)).map(value)
          }
        }
      ).lines(columns: columns, style)
    }
    return [
      [RowLayout.title(axis, columns: columns, style)]
        + lines("KV pool in use", top: 1, \.usedShare, Figures.percent)
        + lines("sequences running", top: nil, \.running, Figures.decimal)
        + lines("requests waiting", top: nil, \.waiting, Figures.decimal)
    ]
  }
}
