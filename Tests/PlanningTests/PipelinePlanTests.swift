import Operators
import Scenario
import Simulator
import Testing
import Trace

@testable import Planning

@Suite("Pipelines in a comparison")
struct PipelinePlanTests {
  private let small: SmallScenario

  init() throws {
    small = try SmallScenario()
    // A message of up to 4 GiB takes a microsecond.
    let times = [("all-reduce", 2), ("all-gather", 2), ("send", 2)].map {
      #"{"collective": "\#($0.0)", "algorithm": "a", "devices": \#($0.1), "bytes": 4294967296, "#
        + #""times_ns": [1000]}"#
    }
    try small.write(
      "link.json",
      """
      {"kvsim_link": 1, "measured_at_utc": "2026-11-29T00:00:00Z", "device": {"name": "d"},
       "software": "s", "measurements": [\(times.joined(separator: ", "))]}
      """)
  }

  private func staged(memory: String = "2 MiB") throws -> ServingScenario {
    try small.load(
      devices: 2, engine: "kv_cache_memory_bytes: \(memory)\n  pipeline_parallel_size: 2")
  }

  @Test("A pipeline is one replica, whose rows are of its lanes")
  func rows() throws {
    let plan = try ComparisonPlan(staged())
    let comparison = try plan.run(
      writingTo: TraceWriter(path: small.path("p.db"), overwrite: false),
      version: "test", startedUTC: "2026-01-01T00:00:00Z"
    ) { _ in }
    let reader = try TraceReader(path: small.path("p.db"))
    for (run, outcome) in zip(try reader.runs(), comparison.outcomes) {
      #expect(try reader.verifyDigest(run: run.id))
      #expect(run.description.groups.map(\.replicas) == [1])
      #expect(run.description.groups.map(\.poolBlocks) == [Int64(outcome.pool.blocks)])
      let replica = outcome.summary.replicas[0]
      #expect(outcome.summary.replicas.count == 1 && outcome.summary.finishedRequests == 200)
      #expect(replica.stageBusyNs.count == 2 && replica.stageWaitNs > 0)
      // Work of both stages at once is more than the time for which there was any.
      #expect(outcome.summary.cost.totalNs > outcome.summary.busyNs)
      #expect(outcome.summary.peakUsedBlocks <= outcome.pool.blocks)
      #expect(outcome.pool.layers == 1 && outcome.pool.laneBlocks == outcome.pool.blocks / 2)
    }
    let again = try plan.runWithoutTrace(options: PlayOptions(usesExactSteps: true)) { _ in }
    #expect(again.outcomes.map(\.summary) == comparison.outcomes.map(\.summary))
  }

  @Test("A lane that holds no request is refused, with what would help")
  func smallLanes() throws {
    // A block of FP16 takes 4,096 bytes on a device of one of two stages, which has one KV head.
    #expect(throws: Never.self) { try ComparisonPlan(staged(memory: "8 KiB")) }
    let error = #expect(throws: PlanningError.self) { try ComparisonPlan(staged(memory: "7 KiB")) }
    let text = error?.description ?? ""
    #expect(text.contains("each of the 2 lanes of the KV pool of"), "\(text)")
    #expect(text.contains("kv_cache_memory_bytes of at least 8192 B"), "\(text)")
  }
}
