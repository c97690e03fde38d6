import CostModel
import Planning
import Scenario
import Simulator

/// The comparison of formats as a table for terminals.
public struct ComparisonTable {
  private let comparison: FormatComparison
  private let cluster: ClusterRows
  private var table = TextTable()

  /// The table of a comparison.
  public init(_ comparison: FormatComparison) {
    self.comparison = comparison
    cluster = ClusterRows(comparison)
    addHeader()
    addCapacity()
    addThroughput()
    addLatencies()
    addClasses()
    addSteps()
  }

  /// The table, with a heading that says what was simulated and a note that says on what ground.
  public func rendered() -> String {
    let scenario = comparison.scenario
    return """
      \(scenario.name): \(Figures.count(scenario.workload.requests)) requests, \
      \(Escaping.escaped(scenario.model.name)), seed \(scenario.seed)
      \(cluster.heading)

      \(table.rendered())
      """
  }

  private mutating func add(_ name: String, _ cell: (FormatOutcome) -> String) {
    table.add([name] + comparison.outcomes.map(cell))
  }

  private mutating func add(_ rows: [[String]]) {
    for row in rows { table.add(row) }
  }

  private mutating func addHeader() {
    add("KV cache format") { $0.format.name }
    table.addRule()
  }

  private mutating func addCapacity() {
    add(cluster.capacity)
    let held = comparison.scenario.workload.hasSamples ? "sequences" : "requests"
    add("most \(held) held at once" + (cluster.isCluster ? " by one replica" : "")) {
      Figures.count($0.summary.peakRunning)
    }
    add("KV slots without a token: mean") { Figures.percent($0.summary.emptySlotShare) }
    add("KV slots without a token: when fullest") {
      Figures.percent($0.summary.emptySlotShareWhenFullest)
    }
    if comparison.scenario.workload.hasSamples {
      add("blocks copied on write") { Figures.count($0.summary.sampling?.blocksCopied ?? 0) }
    }
    add("preemptions") { Figures.count($0.summary.preemptions) }
    if comparison.outcomes.contains(where: { $0.summary.swaps > 0 }) {
      add("of these, swapped to host memory") { Figures.count($0.summary.swaps) }
      add("blocks swapped out") { Figures.count($0.summary.blocksSwappedOut) }
      add("blocks swapped in") { Figures.count($0.summary.blocksSwappedIn) }
      add("most blocks in host memory") {
        "\(Figures.count($0.summary.peakHostBlocks)) of "
          + Figures.count($0.pool.hostMemory.blocks)
      }
    }
    add(cluster.displacements)
    add("tokens computed again") { Figures.count($0.summary.recomputedTokens) }
    if comparison.scenario.workload.hasCommonPrefixes {
      add("prompt tokens found in the cache") {
        let all = $0.summary.promptTokens
        return all == 0 ? "–" : Figures.percent(Double($0.summary.cachedTokens) / Double(all))
      }
    }
    add("rejected requests") { Figures.count($0.summary.rejectedRequests) }
    table.addRule()
  }

  private mutating func addThroughput() {
    add("output tokens/s") { Figures.decimal($0.summary.outputTokensPerSecond) }
    if comparison.scenario.workload.hasSamples {
      add("samples of finished requests") { Figures.count($0.summary.sampling?.samples ?? 0) }
    }
    add("requests/s") { Figures.decimal($0.summary.requestsPerSecond) }
    let unit = Figures.TimeUnit(
      largestNs: Double(comparison.outcomes.map(\.summary.durationNs).max() ?? 0))
    add("duration, \(unit.name)") { unit.text(Double($0.summary.durationNs)) }
    add(cluster.activity)
    if comparison.scenario.cluster.groups.contains(where: { $0.setup.engine.speculation != nil }) {
      add("tokens a sequence and decode step (mean acceptance length)") {
        $0.summary.drafting?.meanAcceptanceLength.map { Figures.decimal($0) } ?? "–"
      }
    }
    table.addRule()
    let transfers = cluster.transfers
    guard !transfers.isEmpty else { return }
    add(transfers)
    table.addRule()
  }

  private mutating func addLatencies() {
    addLatency("TTFT", \.ttft)
    addLatency("TPOT", \.tpot)
    addLatency("ITL", \.itl)
    addLatency("end-to-end", \.e2e)
    addLatency("queueing", \.queueing)
    table.addRule()
  }

  private mutating func addLatency(
    _ name: String, _ latency: KeyPath<RunSummary, LatencyStatistics>
  ) {
    let all = comparison.outcomes.map { $0.summary[keyPath: latency] }
    let unit = Figures.TimeUnit(largestNs: Double(all.map(\.p99Ns).max() ?? 0))
    let figures: [(String, (LatencyStatistics) -> Double)] = [
      ("mean", { $0.meanNs }), ("p50", { Double($0.p50Ns) }), ("p90", { Double($0.p90Ns) }),
      ("p95", { Double($0.p95Ns) }), ("p99", { Double($0.p99Ns) }),
    ]
    for (figure, value) in figures {
      add("\(name) \(figure), \(unit.name)") {
        let statistics = $0.summary[keyPath: latency]
        return statistics.count == 0 ? "–" : unit.text(value(statistics))
      }
    }
  }

  private mutating func addClasses() {
    let rows = ClassRows(comparison).rows
    guard !rows.isEmpty else { return }
    add(rows)
    table.addRule()
  }

  private mutating func addSteps() {
    let parts: [(String, (FormatOutcome) -> Int64)] = [
      ("linear", { $0.summary.cost.linearNs }),
      ("prefill attention", { $0.summary.cost.prefillAttentionNs }),
      ("decode attention", { $0.summary.cost.decodeAttentionNs }),
      ("append", { $0.summary.cost.appendNs }),
      ("elementwise", { $0.summary.cost.elementwiseNs }),
      ("collectives", { $0.summary.cost.collectiveNs }),
      ("host", { $0.summary.cost.hostNs }),
      ("swapping", { $0.summary.cost.swapNs }),
    ]
    for (name, ns) in parts {
      // Most scenarios have one device and an engine that works beside it.
      let isUsual = !["collectives", "host", "swapping"].contains(name)
      guard isUsual || comparison.outcomes.contains(where: { ns($0) > 0 }) else { continue }
      add("step time: \(name)") { ComparisonTable.share(ns($0), of: $0) }
    }
    let estimates = ErrorEstimates(comparison.scenario.cluster.groups[0].setup.profile)
    // What lies beyond them, or is derived of other shapes, has no estimate.
    add("estimated error between points") {
      estimates.error(of: $0.summary.cost, on: $0.groups)
        .map { "± \(Figures.percent($0))" } ?? "–"
    }
    // What a derived profile's points say was measured elsewhere.
    let isDerived = comparison.scenario.cluster.groups.contains {
      $0.setup.profile.provenance == .derived
    }
    add("priced: between \(isDerived ? "the source's" : "measured") points") {
      ComparisonTable.share(
        $0.summary.cost.totalNs - $0.summary.cost.extrapolatedNs - $0.summary.cost.derivedNs,
        of: $0)
    }
    add("priced: beyond, in proportion to work") {
      ComparisonTable.share($0.summary.cost.extrapolatedNs, of: $0)
    }
    add("priced: derived by bytes or operations") {
      ComparisonTable.share($0.summary.cost.derivedNs, of: $0)
    }
  }

  /// Of the time of all steps: what they wait for stages is no part of it.
  private static func share(_ ns: Int64, of outcome: FormatOutcome) -> String {
    let stepNs = outcome.summary.cost.totalNs
    return stepNs == 0 ? "–" : Figures.percent(Double(ns) / Double(stepNs))
  }
}
