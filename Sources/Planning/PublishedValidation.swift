import Operators
import Scenario
import Simulator

/// Published results beside simulations of the same load, format by format.
public struct PublishedValidation: Sendable {
  /// One row of the published table, as it was and as it is simulated.
  public struct Row: Sendable {
    /// The format of the KV cache.
    public let format: KVFormat
    /// What was published; nanoseconds and tokens per second.
    public let published: [ServingFigure: Double]
    /// The same figures, simulated, and those that the table lacks.
    public let simulated: [ServingFigure: Double]
    /// The most requests that held blocks at once in the simulation.
    public let peakRunning: Int
    /// Preemptions in the simulation.
    public let preemptions: Int

    /// (simulated − published) / published, or nil where the table lacks the figure.
    public func error(of figure: ServingFigure) -> Double? {
      guard let published = published[figure], let simulated = simulated[figure] else {
        return nil
      }
      return simulated / published - 1
    }
  }

  /// The scenario.
  public let scenario: ServingScenario
  /// Where the results are from.
  public let results: PublishedResults
  /// The rows, in the order of the scenario's formats.
  public let rows: [Row]

  /// Plays a plan, which has the formats of the rows, and compares each with its row.
  /// - Throws: `PlanningError.timeLimit`, `.rejectedRequests`.
  public init(
    playing plan: ComparisonPlan, against results: PublishedResults
  ) throws(PlanningError) {
    scenario = plan.scenario
    self.results = results
    var rows: [Row] = []
    for (index, row) in results.rows.enumerated() {
      var requests = FinishedRequests()
      let summary = try plan.playWhole(index, .fast, recordingInto: &requests)
      rows.append(
        Row(
          format: row.format, published: row.figures,
          simulated: PublishedValidation.figures(
            requests, summary, runOverheadNs: results.runOverheadNs),
          peakRunning: summary.peakRunning, preemptions: summary.preemptions))
    }
    self.rows = rows
  }

  /// What a run came to, by the definitions of ``ServingFigure``.
  static func figures(
    _ requests: FinishedRequests, _ summary: RunSummary, runOverheadNs: Int64
  ) -> [ServingFigure: Double] {
    let wallNs = Double(summary.durationNs + runOverheadNs)
    return [
      .outputTokensPerSecond: Double(summary.outputTokens) / (wallNs * 1e-9),
      .meanTTFT: summary.ttft.meanNs,
      .tpot: requests.tpotNs,
      .meanLatency: summary.e2e.meanNs,
      .p75Latency: Double(summary.e2e.p75Ns),
      .p90Latency: Double(summary.e2e.p90Ns),
    ]
  }
}

/// What published figures need of each request beyond a run's summary.
struct FinishedRequests: Recorder {
  private var count = 0
  /// The sum over requests of (output tokens − 1) / (latency − TTFT), in tokens per nanosecond.
  private var decodeRates = 0.0

  mutating func record(_ request: RequestRecord) throws(Never) {
    guard request.outcome == .finished else { return }
    count += 1
    decodeRates +=
      Double(request.lastSampleTokens - 1) / Double(request.finishNs - request.firstTokenNs)
  }

  mutating func record(_ run: StepRecord) throws(Never) {}

  mutating func record(_ event: EventRecord) throws(Never) {}

  /// 1 over the mean rate at which a request got its tokens after the first, in nanoseconds.
  var tpotNs: Double { Double(count) / decodeRates }
}
