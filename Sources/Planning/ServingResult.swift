import Scenario
import Simulator
import Trace

extension VLLMBenchResult {
  /// What a run came to. What it does not keep is left out: when it was made, and the most requests
  /// at once by seconds.
  public init(_ outcome: FormatOutcome, of scenario: ServingScenario) {
    let summary = outcome.summary
    self.init(
      format: outcome.format.name, scenario: scenario.name, seed: scenario.seed,
      traffic: StatedTraffic(scenario))
    requests = Int64(summary.finishedRequests + summary.rejectedRequests)
    finished = Int64(summary.finishedRequests)
    inputTokens = Int64(summary.promptTokens)
    outputTokens = Int64(summary.outputTokens)
    durationNs = Double(summary.durationNs)
    goodput = summary.goodput?.requestsPerSecond
    drafting = summary.drafting.map {
      Drafting(
        drafts: Double($0.drafts), acceptedTokens: Double($0.acceptedTokens),
        meanAcceptanceLength: $0.meanAcceptanceLength)
    }
    ttft = Times(summary.ttft)
    tpot = Times(summary.tpot)
    itl = Times(summary.itl)
    e2el = Times(summary.e2e)
    rowDigest = outcome.rowDigest
    deviceNs =
      RunFigures(
        summary: summary, groups: outcome.groups, classes: scenario.workload.classes.map(\.name)
      ).deviceNs
  }
}

extension VLLMBenchResult.Times {
  fileprivate init(_ statistics: LatencyStatistics) {
    self.init()
    guard statistics.count > 0 else { return }
    meanNs = statistics.meanNs
    deviationNs = statistics.deviationNs
    p50Ns = statistics.interpolated.p50Ns
    p90Ns = statistics.interpolated.p90Ns
    p95Ns = statistics.interpolated.p95Ns
    p99Ns = statistics.interpolated.p99Ns
  }
}
