import Planning
import Simulator

/// The rows of a comparison that tell a workload's classes apart, and which requests met their
/// objectives.
struct ClassRows {
  /// A name and a cell for each format.
  private(set) var rows: [[String]] = []
  private let outcomes: [FormatOutcome]

  init(_ comparison: FormatComparison) {
    outcomes = comparison.outcomes
    let classes = comparison.scenario.workload.classes
    addGoodput("") { $0.goodput }
    // Of an only class the rest stands above.
    guard classes.count > 1 else { return }
    for (place, requestClass) in classes.enumerated() {
      let name = "\(requestClass.name): "
      add("\(name)requests") { Figures.count($0.classes[place].requests) }
      addLatency("\(name)TTFT") { $0.classes[place].ttft }
      addLatency("\(name)TPOT") { $0.classes[place].tpot }
      addLatency("\(name)end-to-end") { $0.classes[place].e2e }
      addGoodput(name) { $0.goodput(of: [$0.classes[place]]) }
    }
  }

  private mutating func add(_ name: String, _ cell: (RunSummary) -> String) {
    rows.append([name] + outcomes.map { cell($0.summary) })
  }

  private mutating func addLatency(
    _ name: String, _ latency: (RunSummary) -> LatencyStatistics
  ) {
    let largest = outcomes.map { latency($0.summary).p99Ns }.max() ?? 0
    let unit = Figures.TimeUnit(largestNs: Double(largest))
    let figures: [(String, KeyPath<LatencyStatistics, Int64>)] = [
      ("p50", \.p50Ns), ("p95", \.p95Ns), ("p99", \.p99Ns),
    ]
    for (figure, value) in figures {
      add("\(name) \(figure), \(unit.name)") {
        let statistics = latency($0)
        return statistics.count == 0 ? "–" : unit.text(Double(statistics[keyPath: value]))
      }
    }
  }

  private mutating func addGoodput(_ name: String, _ goodput: (RunSummary) -> Goodput?) {
    guard outcomes.contains(where: { goodput($0.summary) != nil }) else { return }
    add("\(name)requests within objectives") {
      goodput($0)?.share.map(Figures.percent) ?? "–"
    }
    add("\(name)goodput, requests/s") {
      goodput($0).map { Figures.decimal($0.requestsPerSecond) } ?? "–"
    }
  }
}
