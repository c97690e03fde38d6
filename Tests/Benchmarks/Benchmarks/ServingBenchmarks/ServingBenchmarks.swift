import Benchmark
import Foundation
import Planning
import Scenario
import Trace

/// What `kvsim run` does with the scenarios beside this package once it has read them: with and
/// without a trace, jumping over decode steps and walking them.
let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration = Benchmark.Configuration(
    metrics: [.wallClock, .cpuTotal, .peakMemoryResident], warmupIterations: 1,
    maxDuration: .seconds(30), maxIterations: 7)

  Benchmark("100,000 Poisson requests, simulated and stored") { benchmark in
    let plan = try plan("poisson-100k")
    benchmark.startMeasurement()
    try playAndStore(plan)
  }
  Benchmark("100,000 Poisson requests, simulated") { benchmark in
    let plan = try plan("poisson-100k")
    benchmark.startMeasurement()
    try play(plan)
  }
  Benchmark("100,000 Poisson requests, simulated step by step") { benchmark in
    let plan = try plan("poisson-100k")
    benchmark.startMeasurement()
    try play(plan, usesExactSteps: true)
  }
  Benchmark("1,000,000 requests of 512 and 128 tokens, simulated") { benchmark in
    let plan = try plan("one-replica")
    benchmark.startMeasurement()
    try play(plan)
  }
}

private func plan(_ name: String) throws -> ComparisonPlan {
  let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  return try ComparisonPlan(
    ServingScenario.load(path: package.appendingPathComponent("\(name).yaml").path))
}

private func playAndStore(_ plan: ComparisonPlan) throws {
  let trace = FileManager.default.temporaryDirectory
    .appendingPathComponent("kvsim-bench-\(UUID().uuidString).db")
  defer { try? FileManager.default.removeItem(at: trace) }
  let writer = try TraceWriter(path: trace.path, overwrite: false)
  let comparison = try plan.run(
    writingTo: writer, version: "bench",
    startedUTC: "2026-01-01T00:00:00Z"
  ) { _ in }
  blackHole(comparison.outcomes.count)
}

private func play(_ plan: ComparisonPlan, usesExactSteps: Bool = false) throws {
  blackHole(
    try plan.runWithoutTrace(options: PlayOptions(usesExactSteps: usesExactSteps)) { _ in }.outcomes
      .count)
}
