import Benchmark
import CostModel
import Foundation
import Operators
import Planning
import Scenario
import Simulator
import Trace

/// Runs of one replica: with and without a trace, jumping over decode steps and walking them.
let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration = Benchmark.Configuration(
    metrics: [.wallClock, .cpuTotal, .peakMemoryResident], warmupIterations: 1,
    maxDuration: .seconds(30), maxIterations: 7)

  Benchmark("100,000 Poisson requests, simulated and stored") { _ in
    try playAndStore()
  }
  Benchmark("100,000 Poisson requests, simulated") { _ in
    try blackHole(play(requests: 100_000, usesExactSteps: false))
  }
  Benchmark("100,000 Poisson requests, simulated step by step") { _ in
    try blackHole(play(requests: 100_000, usesExactSteps: true))
  }
  Benchmark("1,000,000 requests of 512 and 128 tokens, simulated") { _ in
    try blackHole(
      play(
        requests: 1_000_000, prompt: .fixed(512), output: .fixed(128), usesExactSteps: false))
  }
}

private func scenario() throws -> ServingScenario {
  let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  return try ServingScenario.load(
    path: package.appendingPathComponent("poisson-100k.yaml").path)
}

/// What `kvsim run` does, without printing.
private func playAndStore() throws {
  let trace = FileManager.default.temporaryDirectory
    .appendingPathComponent("kvsim-bench-\(UUID().uuidString).db")
  defer { try? FileManager.default.removeItem(at: trace) }
  let writer = try TraceWriter(path: trace.path, overwrite: false)
  let comparison = try ComparisonPlan(scenario()).run(
    writingTo: writer, usesExactSteps: false, version: "bench",
    startedUTC: "2026-01-01T00:00:00Z"
  ) { _ in }
  blackHole(comparison.outcomes.count)
}

/// The scenario's engine and load, with so many requests and nothing kept of them.
private func play(
  requests: Int, prompt: Workload.Lengths? = nil, output: Workload.Lengths? = nil,
  usesExactSteps: Bool
) throws -> RunSummary {
  let given = try scenario()
  let format = given.formats[0]
  let pool = PoolPlan(
    model: given.model, device: given.profile.device, format: format, options: given.engine)
  let pricer = try StepPricer(
    model: given.model, format: format, profile: given.profile,
    maxSequences: given.engine.maxNumSeqs, maxTokens: given.engine.maxNumBatchedTokens)
  var recorder = NullRecorder()
  return simulate(
    Workload(
      arrivals: given.workload.arrivals, promptTokens: prompt ?? given.workload.promptTokens,
      outputTokens: output ?? given.workload.outputTokens, requests: requests),
    seed: given.seed,
    configuration: EngineConfiguration(
      options: given.engine, poolBlocks: pool.blocks, maxPositions: given.model.maxPositions,
      usesExactSteps: usesExactSteps),
    pricer: pricer, recorder: &recorder)
}
