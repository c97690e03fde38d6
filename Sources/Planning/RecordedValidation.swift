import CostModel
import Operators
import Scenario
import Simulator

/// A run of a real engine beside the simulation of the same requests.
public struct RecordedValidation: Sendable {
  /// A latency's distribution, in nanoseconds.
  public struct Distribution: Sendable {
    /// The mean and percentiles, in the order of ``RecordedValidation/names``.
    public let valuesNs: [Double]

    init(_ values: [Int64]) {
      let all = LatencyStatistics(values: values)
      valuesNs = [all.meanNs] + [all.p50Ns, all.p90Ns, all.p95Ns, all.p99Ns].map(Double.init)
    }
  }

  /// What a distribution's values are.
  public static let names = ["mean", "p50", "p90", "p95", "p99"]

  /// One latency, as it was and as it is simulated.
  public struct Metric: Sendable {
    /// `TTFT`, `TPOT` or `latency`.
    public let name: String
    /// As it was.
    public let real: Distribution
    /// As it is simulated.
    public let simulated: Distribution
  }

  /// Something that goes up and down in a run, at each tick of the real engine's log.
  public struct Course: Sendable {
    /// What it is: `running requests`.
    public let name: String
    /// Its mean over the ticks, as it was.
    public let realMean: Double
    /// The same, simulated.
    public let simulatedMean: Double
    /// The mean over the ticks of |simulated − real|.
    public let meanDifference: Double
  }

  /// The scenario.
  public let scenario: ServingScenario
  /// The latencies.
  public let metrics: [Metric]
  /// How the run went over time; empty where no log says.
  public let courses: [Course]
  /// How many ticks the real engine's log has.
  public let ticks: Int
  /// When the last token was ready, in nanoseconds since the first arrival.
  public let realEndNs: Int64
  /// The same, simulated.
  public let simulatedEndNs: Int64
  /// Preemptions in the simulation; a real log has none.
  public let preemptions: Int

  /// Plays a plan's first format and compares it with a run.
  /// - Throws: `PlanningError.timeLimit`, `.rejectedRequests`.
  public init(
    playing plan: ComparisonPlan, against run: RecordedRun
  ) throws(PlanningError) {
    var recorder = MemoryRecorder()
    // Ticks of the log may fall into a run of steps: each step is walked by itself.
    let summary = try plan.playWhole(0, PlayOptions(usesExactSteps: true), recordingInto: &recorder)
    scenario = plan.scenario
    metrics = RecordedValidation.metrics(run.requests, recorder.requests)
    let start = recorder.requests.map(\.arrivalNs).min() ?? 0
    courses = RecordedValidation.courses(
      run.ticks, recorder.steps, startNs: start, blocks: plan.pools[0][0].pool.blocks)
    ticks = run.ticks.count
    realEndNs = run.requests.map(\.lastTokenNs).max() ?? 0
    simulatedEndNs = (recorder.requests.map(\.finishNs).max() ?? 0) - start
    preemptions = summary.preemptions
  }

  private static func metrics(
    _ real: [RecordedRun.Request], _ simulated: [RequestRecord]
  ) -> [Metric] {
    func metric(
      _ name: String, _ was: (RecordedRun.Request) -> Int64?, _ is: (RequestRecord) -> Int64?
    ) -> Metric? {
      let (was, `is`) = (real.compactMap(was), simulated.compactMap(`is`))
      guard !was.isEmpty, !`is`.isEmpty else { return nil }
      return Metric(name: name, real: Distribution(was), simulated: Distribution(`is`))
    }
    return [
      metric("TTFT", { $0.firstTokenNs - $0.queuedNs }, \.ttftNs),
      metric(
        "TPOT",
        {
          $0.outputTokens < 2
            ? nil : ($0.lastTokenNs - $0.firstTokenNs) / Int64($0.outputTokens - 1)
        }, \.tpotNs),
      metric("latency", { $0.lastTokenNs - $0.queuedNs }, \.e2eNs),
    ].compactMap { $0 }
  }

  /// What the simulation had at each tick: of the run of steps that was under way then.
  private static func courses(
    _ ticks: [RecordedRun.Tick], _ steps: [StepRecord], startNs: Int64, blocks: Int
  ) -> [Course] {
    guard !ticks.isEmpty else { return [] }
    var index = 0
    var pairs: [(tick: RecordedRun.Tick, step: StepRecord?)] = []
    for tick in ticks {
      let time = startNs + tick.timeNs
      while index < steps.count, steps[index].endNs <= time { index += 1 }
      let isUnderWay = index < steps.count && steps[index].startNs <= time
      pairs.append((tick, isUnderWay ? steps[index] : nil))
    }
    func course(
      _ name: String, _ real: (RecordedRun.Tick) -> Double, _ simulated: (StepRecord) -> Double
    ) -> Course {
      let values = pairs.map { (real($0.tick), $0.step.map(simulated) ?? 0) }
      let count = Double(values.count)
      return Course(
        name: name, realMean: values.reduce(0) { $0 + $1.0 } / count,
        simulatedMean: values.reduce(0) { $0 + $1.1 } / count,
        meanDifference: values.reduce(0) { $0 + abs($1.0 - $1.1) } / count)
    }
    return [
      course(
        "running requests", { Double($0.running) },
        { Double($0.decodeSequences + $0.prefillSequences) }),
      course(
        "waiting requests", { Double($0.waiting) },
        { Double($0.waitingRequests) }),
      course(
        "KV blocks in use, %", { 100 * $0.usedShare },
        { 100 * Double($0.usedBlocks) / Double(blocks) }),
    ]
  }
}

/// Keeps requests and steps in memory.
private struct MemoryRecorder: Recorder {
  var requests: [RequestRecord] = []
  var steps: [StepRecord] = []

  mutating func record(_ request: RequestRecord) throws(Never) { requests.append(request) }
  mutating func record(_ run: StepRecord) throws(Never) { steps.append(run) }
  mutating func record(_ event: EventRecord) throws(Never) {}
}
