import CostModel
import Foundation
import Operators
import Scenario
import Simulator
import Testing

@testable import Planning

extension PublishedValidation {
  /// Plays what a scenario names.
  fileprivate init(_ scenario: ServingScenario) throws {
    guard case .published(let plan, let results) = try ValidationPlan(scenario) else {
      throw PlanningError.noReference
    }
    try self.init(playing: plan, against: results)
  }
}

/// A step takes 100 ns, and 10 ns more for each token of a prompt.
private struct HandPricer: StepPricing {
  func cost(of batch: BatchShape) -> StepCost {
    StepCost(linearNs: batch.chunks.reduce(100) { $0 + 10 * Int64($1.tokens) })
  }

  func decodeSpan(of batch: BatchShape) -> DecodeSpan {
    DecodeSpan(
      first: StepCost(linearNs: 100), growthNs: 0, steps: .max, basis: .interpolated)
  }
}

@Suite("Comparison with published results")
struct PublishedValidationTests {
  private let small: SmallScenario

  init() throws {
    small = try SmallScenario()
  }

  private static let header =
    "input_tokens,output_tokens,kv_format,concurrency,requests,output_tokens_per_s,"
    + "mean_output_tps_per_request,mean_ttft_ms,e2e_mean_s,e2e_p75_s,e2e_p90_s\n"

  /// A table's row for the small scenario, with these figures.
  private static func row(_ format: String, _ figures: [ServingFigure: Double]) -> String {
    func time(_ figure: ServingFigure, _ ns: Double) -> String {
      figures[figure].map { "\($0 / ns)" } ?? ""
    }
    let throughput = time(.outputTokensPerSecond, 1)
    let decodeRate = figures[.tpot].map { "\(1e9 / $0)" } ?? ""
    return "20,10,\(format),64,200,\(throughput),\(decodeRate),\(time(.meanTTFT, 1e6)),"
      + "\(time(.meanLatency, 1e9)),\(time(.p75Latency, 1e9)),\(time(.p90Latency, 1e9))\n"
  }

  private static func row(_ format: String, allTimesNs ns: Double) -> String {
    row(format, Dictionary(uniqueKeysWithValues: ServingFigure.allCases.map { ($0, ns) }))
  }

  private func load(
    _ rows: String..., overhead: String = "0 s", memory: String = "2 MiB"
  ) throws -> ServingScenario {
    try small.write("table.csv", PublishedValidationTests.header + rows.joined())
    return try small.load(
      memory: memory, prompt: "20", output: "10",
      more: "reference: {published: table.csv, run_overhead: \(overhead)}")
  }

  @Test("Two requests, worked by hand: every figure by its definition")
  func handWorked() {
    // 10 tokens a step: 0–200 A's prompt; 200–390 A's second token with 9 tokens of B's prompt;
    // 390–500 A's last with B's tenth; 600 and 700 B's second and last.
    var requests = FinishedRequests()
    let summary = simulate(
      Workload(
        arrivals: .closedLoop(concurrency: 2), promptTokens: .fixed(10), outputTokens: .fixed(3),
        requests: 2),
      seed: 1,
      configuration: EngineConfiguration(
        options: EngineOptions(
          maxNumSeqs: 2, maxNumBatchedTokens: 10, blockSize: 16, enablePrefixCaching: false,
          kvCacheMemory: .bytes(0)),
        poolBlocks: 8, maxPositions: 64),
      pricer: HandPricer(), recorder: &requests)
    let figures = PublishedValidation.figures(requests, summary, runOverheadNs: 500)
    // 6 tokens in 700 + 500 ns; TTFT 200 and 500; latency 500 and 700.
    #expect(abs(figures[.outputTokensPerSecond]! / 5e6 - 1) < 1e-12)
    #expect(figures[.meanTTFT] == 350 && figures[.meanLatency] == 600)
    #expect(figures[.p75Latency] == 700 && figures[.p90Latency] == 700)
    // 2 tokens in 300 and in 200 ns: rates of 1/150 and 1/100, and 1/120 on average. The mean of
    // the times, 125, is another figure.
    #expect(abs(figures[.tpot]! - 120) < 1e-9)
  }

  @Test("Requests that did not finish have no rate")
  func unfinished() {
    var requests = FinishedRequests()
    for outcome: RequestRecord.Outcome in [.finished, .rejected] {
      requests.record(
        RequestRecord(
          id: 0, arrivalNs: 5, scheduledNs: 5, firstTokenNs: 6, finishNs: 46, promptTokens: 1,
          cachedTokens: 0, outputTokens: 3, preemptions: 0, outcome: outcome))
    }
    #expect(requests.tpotNs == 20)
  }

  @Test("Publishing what is simulated leaves no error; twice as much, an error of one half")
  func roundTrip() throws {
    let first = try PublishedValidation(
      load(Self.row("int4", allTimesNs: 1e6), Self.row("bf16", allTimesNs: 1e6)))
    #expect(first.rows.map(\.format) == [.fp16, .int4])
    let doubled = first.rows[1].simulated.mapValues { 2 * $0 }
    let again = try PublishedValidation(
      load(Self.row("fp16", first.rows[0].simulated), Self.row("int4", doubled)))
    for figure in ServingFigure.allCases {
      #expect(abs(again.rows[0].error(of: figure)!) < 1e-9, "\(figure)")
      #expect(abs(again.rows[1].error(of: figure)! + 0.5) < 1e-9, "\(figure)")
    }
    // 2 MiB of fp16 hold 128 blocks, and a request needs two.
    #expect(again.rows.map(\.peakRunning) == [64, 64])
    #expect(again.rows.map(\.preemptions) == [0, 0])
  }

  @Test("A run's overhead lowers the throughput and nothing else")
  func overhead() throws {
    let row = Self.row("int4", allTimesNs: 1e6)
    let bare = try PublishedValidation(load(row)).rows[0].simulated
    let longer = try PublishedValidation(load(row, overhead: "250 ms")).rows[0].simulated
    let seconds = 2000 / bare[.outputTokensPerSecond]!
    #expect(abs(longer[.outputTokensPerSecond]! * (seconds + 0.25) / 2000 - 1) < 1e-12)
    for figure in ServingFigure.allCases where figure != .outputTokensPerSecond {
      #expect(longer[figure] == bare[figure])
    }
  }

  @Test("A format without a row need not fit; one with a row has to hold a request")
  func onlyPublishedFormats() throws {
    let row = Self.row("int4", allTimesNs: 1e6)
    // Two blocks of int4, which hold a request's 29 tokens; none of fp16.
    let scenario = try load(row, memory: "10 kB")
    #expect(throws: PlanningError.self) { try ComparisonPlan(scenario) }
    _ = try ValidationPlan(scenario)
    // One block.
    let short = try load(row, memory: "8 kB")
    let error = #expect(throws: PlanningError.self) { try ValidationPlan(short) }
    guard case .poolTooSmall("int4", let pool, 29, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(pool.tokens == 16)
  }

  @Test("A scenario without a reference is refused")
  func noReference() throws {
    let scenario = try small.load()
    #expect(throws: PlanningError.noReference) { try ValidationPlan(scenario) }
  }

  @Test("Mean errors count a row alike whichever its sign, and only where it states the figure")
  func meanErrors() {
    func row(
      _ published: [ServingFigure: Double], _ simulated: [ServingFigure: Double]
    ) -> PublishedValidation.Row {
      PublishedValidation.Row(
        format: .int4, published: published, simulated: simulated, peakRunning: 1, preemptions: 0)
    }
    let errors = PublishedErrors([
      row(
        [.outputTokensPerSecond: 100, .p90Latency: 10],
        [.outputTokensPerSecond: 110, .p90Latency: 8, .tpot: 3]),
      row([.outputTokensPerSecond: 1000], [.outputTokensPerSecond: 700, .p90Latency: 5]),
    ])
    #expect(errors.entries.map(\.figure) == [.outputTokensPerSecond, .p90Latency])
    #expect(errors.entries.map(\.rows) == [2, 1])
    // +10 % and −30 %; −20 %.
    #expect(abs(errors.entries[0].meanAbsoluteError - 0.2) < 1e-12)
    #expect(abs(errors.entries[1].meanAbsoluteError - 0.2) < 1e-12)
  }

  @Test("The published runs of SAW-INT4 are met within the project's aims")
  func sawINT4() throws {
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let loads = ["16384-c8", "256-c256", "256-c32"]
    let rows = try loads.flatMap { load in
      try PublishedValidation(
        ServingScenario.load(
          path: root.appendingPathComponent("Scenarios/saw-int4/qwen3-8b-\(load).yaml").path)
      ).rows
    }
    #expect(rows.count == 9)
    let aims: [ServingFigure: Double] = [
      .outputTokensPerSecond: 0.03, .meanTTFT: 0.12, .tpot: 0.04, .meanLatency: 0.04,
    ]
    for entry in PublishedErrors(rows).entries {
      guard let aim = aims[entry.figure] else { continue }
      #expect(entry.rows == 9 && entry.meanAbsoluteError <= aim, "\(entry)")
    }
    // What four bits save of the pool is a fact of the published system: 147,456 and 41,472 bytes.
    let formats = rows.prefix(3).map(\.format)
    #expect(formats.map(\.name) == ["fp16", "int4", "int4-rotated"])
    let heads = HeadGeometry(queryHeads: 32, kvHeads: 8, headDim: 128)
    #expect(formats.map { 36 * heads.kvBytesPerToken($0) } == [147_456, 41_472, 41_472])
  }
}
