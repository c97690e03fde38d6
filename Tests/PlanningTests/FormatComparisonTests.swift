import Foundation
import Operators
import Scenario
import Simulator
import Testing
import Trace

@testable import Planning

@Suite("Comparison of formats")
struct FormatComparisonTests {
  private let small: SmallScenario

  init() throws {
    small = try SmallScenario()
  }

  private func compare(_ scenario: ServingScenario, to name: String) throws -> FormatComparison {
    try ComparisonPlan(scenario).run(
      writingTo: TraceWriter(path: small.path(name), overwrite: false),
      version: "test", startedUTC: "2026-01-01T00:00:00Z"
    ) { _ in }
  }

  @Test("A run that meets its time limit says how far it came, and leaves no trace")
  func timeLimit() throws {
    let scenario = try small.load(more: "  time_limit: 2.5 us")
    let error = #expect(throws: PlanningError.self) { try compare(scenario, to: "limit.db") }
    #expect(
      error?.description == """
        0 of 200 requests in format fp16 had left after its `time_limit`, 2.5e-06 s, of simulated \
        time; check the workload's rate and lengths and the times of the profile, or raise the limit
        """)
    #expect(!FileManager.default.fileExists(atPath: small.path("limit.db")))
    _ = try compare(small.load(more: "  time_limit: 10 h"), to: "unlimited.db")
  }

  @Test("Formats see the very same requests, and a 4-bit cache holds 3.5 times the tokens")
  func sameRequests() throws {
    let comparison = try compare(small.load(), to: "a.db")
    #expect(comparison.outcomes.map(\.format) == KVFormat.named)
    let finished = comparison.outcomes.map(\.summary)
    #expect(Set(finished.map(\.promptTokens)).count == 1)
    #expect(Set(finished.map(\.outputTokens)).count == 1)
    let tokens = comparison.outcomes.map { Double($0.pool.tokens) }
    // Head size 64: 256 bytes against 72.
    #expect(abs(tokens[1] / tokens[0] - 256.0 / 72) < 0.05)
    #expect(finished[1].peakRunning > finished[0].peakRunning)
  }

  @Test("The trace holds every run, its rows and the digests that the comparison names")
  func trace() throws {
    let comparison = try compare(small.load(), to: "b.db")
    let reader = try TraceReader(path: small.path("b.db"))
    let runs = try reader.runs()
    #expect(runs.map(\.description.format) == KVFormat.named.map(\.name))
    #expect(runs.map { $0.end?.rowDigest } == comparison.outcomes.map(\.rowDigest))
    for run in runs {
      #expect(try reader.verifyDigest(run: run.id))
      #expect(run.end?.requests == 200)
    }
    let again = try compare(small.load(), to: "c.db")
    #expect(again.outcomes.map(\.rowDigest) == comparison.outcomes.map(\.rowDigest))
  }

  @Test("Devices exchange over the link that was measured, and the trace keeps its file")
  func measuredLink() throws {
    // A message of up to 4 GiB takes a microsecond.
    let times = ["all-reduce", "all-gather"].map {
      #"{"collective": "\#($0)", "algorithm": "a", "devices": 2, "bytes": 4294967296, "#
        + #""times_ns": [1000]}"#
    }
    let link = """
      {"kvsim_link": 1, "measured_at_utc": "2026-11-29T00:00:00Z", "device": {"name": "d"},
       "software": "s", "measurements": [\(times.joined(separator: ", "))]}
      """
    try small.write("link.json", link)
    let scenario = try small.load(devices: 2)
    for outcome in try compare(scenario, to: "link.db").outcomes {
      // Two layers have five all-reduces; of logits, a step has one gathering or none.
      let (steps, ns) = (Int64(outcome.summary.steps), outcome.summary.cost.collectiveNs)
      #expect(ns % 1000 == 0 && (steps * 5000...steps * 6000).contains(ns))
    }
    let reader = try TraceReader(path: small.path("link.db"))
    #expect(try reader.scenario(1)?.linkJSON == link)
  }

  @Test("The trace keeps the classes, their figures, and of each request its class")
  func classes() throws {
    let scenario = try small.load(
      more: """
          classes:
            - {name: chat, share: 3, priority: -1, objectives: {ttft: 1 s}}
            - {name: batch, share: 1}

        """)
    let comparison = try compare(scenario, to: "classes.db")
    let reader = try TraceReader(path: small.path("classes.db"))
    #expect(
      try reader.scenario(1)?.classes == scenario.workload.classes.map(ClassDescription.init))
    for (run, outcome) in zip(try reader.runs(), comparison.outcomes) {
      let summary = outcome.summary
      var counts = ClassCounts()
      try reader.replay(run: run.id, into: &counts)
      #expect(counts.requests == summary.classes.map(\.requests))
      #expect(counts.priorities == [-1, 0])
      let metrics = Dictionary(
        uniqueKeysWithValues: try reader.metrics(run: run.id).map { ($0.name, $0.value) })
      #expect(metrics["batch.finished_requests"] == Double(summary.classes[1].finishedRequests))
      #expect(metrics["chat.ttft_p95_ns"] == Double(summary.classes[0].ttft.p95Ns))
      #expect(metrics["chat.goodput"] == summary.goodput?.requestsPerSecond)
      #expect(metrics["good_share"] == summary.goodput?.share)
      #expect(metrics["batch.goodput"] == nil)
    }
  }

  @Test("Shares of measured, extrapolated and derived time add up to the busy time")
  func shares() throws {
    for outcome in try compare(small.load(), to: "d.db").outcomes {
      #expect(outcome.summary.cost.totalNs == outcome.summary.busyNs)
      #expect(outcome.summary.cost.derivedNs > 0)
      #expect(
        outcome.summary.cost.derivedNs + outcome.summary.cost.extrapolatedNs
          <= outcome.summary.busyNs)
    }
  }

  @Test("What does not fit is refused before anything is written, with the bytes")
  func doesNotFit() throws {
    let large = try small.load(memory: "1 GiB")
    let error = #expect(throws: PlanningError.self) { try ComparisonPlan(large) }
    #expect(error?.description.contains("1.00 GiB") == true)
    // The pool is what is too large: what the device has besides would fit.
    guard case .doesNotFit(_, let pool, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    let rest = pool.deviceBytes - pool.weightBytes - pool.activationBytes
    #expect(rest > 0 && rest + pool.shortfallBytes == 1 << 30)
    #expect(
      error?.description.hasSuffix(
        "; it would fit with kv_cache_memory_bytes of up to \(rest >> 20) MiB, or a device with "
          + "\((pool.deviceBytes + pool.shortfallBytes + (1 << 20) - 1) >> 20) MiB") == true,
      "\(String(describing: error))")
    // One block: 16 tokens of 2 layers, 2 KV heads, 256 bytes.
    let short = try small.load(memory: "1 kB")
    #expect(
      try Self.refusal(short).contains("the KV pool of 1000 B holds 0 tokens in format fp16"))
  }

  private static func refusal(_ scenario: ServingScenario) throws -> String {
    let error = #expect(throws: PlanningError.self) { try ComparisonPlan(scenario) }
    return error?.description ?? ""
  }

  @Test("A pool that not even the shortest request fits is refused; one that it fits is not")
  func shortestRequest() throws {
    // 10 tokens and 1 that is never cached, in one block of 16 KiB; 41 tokens in three.
    _ = try ComparisonPlan(small.load(memory: "16 KiB"))
    let prompt = "{uniform: {min: 41, max: 200}}"
    _ = try ComparisonPlan(small.load(memory: "48 KiB", prompt: prompt))
    let text = try Self.refusal(small.load(memory: "47 KiB", prompt: prompt))
    #expect(
      text.hasPrefix(
        "the KV pool of 47.00 KiB holds 32 tokens in format fp16, and the shortest request needs 41"
          + "; it would fit with kv_cache_memory_bytes of at least 49152 B"), "\(text)")
    // What int4 takes less is enough, and so is a second device.
    #expect(text.contains("or kv_cache.format int4, int4-rotated"), "\(text)")
    #expect(text.contains("or tensor_parallel_size 2"), "\(text)")
    #expect(!text.contains("weights") && !text.contains("a device with"), "\(text)")
  }

  @Test("The least share that suffices is named; fewer tokens are not where weights do not fit")
  func share() throws {
    // 3.39 MB of weights in 5 % of 64 MiB.
    let scenario = try small.load(batchedTokens: 512, engine: "gpu_memory_utilization: 0.05")
    let error = #expect(throws: PlanningError.self) { try ComparisonPlan(scenario) }
    guard case .doesNotFit(_, let pool, let remedies) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(pool.weightBytes > pool.usableBytes)
    let shares = remedies.compactMap { if case .utilization(let share) = $0 { share } else { nil } }
    try #require(shares.count == 1 && (10...99).contains(shares[0]), "\(remedies)")
    func plan(_ hundredths: Int) throws -> ComparisonPlan {
      try ComparisonPlan(
        small.load(
          batchedTokens: 512, engine: "gpu_memory_utilization: \(Double(hundredths) / 100)"))
    }
    _ = try plan(shares[0])
    #expect(throws: PlanningError.self) { try plan(shares[0] - 1) }
    #expect(!remedies.contains { if case .batchedTokens = $0 { true } else { false } })
    #expect(!remedies.contains { if case .poolBytes = $0 { true } else { false } })
  }

  @Test("A share that no device is large enough for names none")
  func tinyShare() throws {
    let text = try Self.refusal(small.load(engine: "gpu_memory_utilization: 1e-300"))
    #expect(text.contains("gpu_memory_utilization of at least 0.") && !text.contains("a device"))
  }

  @Test("Fewer tokens of a step are named where their activations are what is too much")
  func batchedTokens() throws {
    let scenario = try small.load(
      batchedTokens: 8192, engine: "gpu_memory_utilization: 0.5")
    let error = #expect(throws: PlanningError.self) { try ComparisonPlan(scenario) }
    guard case .doesNotFit(_, _, let remedies) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    let most = remedies.compactMap { if case .batchedTokens(let most) = $0 { most } else { nil } }
    try #require(most.count == 1, "\(remedies)")
    _ = try ComparisonPlan(
      small.load(batchedTokens: most[0], engine: "gpu_memory_utilization: 0.5"))
    #expect(throws: PlanningError.self) {
      try ComparisonPlan(
        small.load(batchedTokens: most[0] + 1, engine: "gpu_memory_utilization: 0.5"))
    }
  }

  @Test("Sizes are shown in the binary unit that suits them")
  func sizes() {
    #expect(
      [0, 1023, 1024, 1536, 1 << 30, 5 << 40].map { Size($0).description } == [
        "0 B", "1023 B", "1.00 KiB", "1.50 KiB", "1.00 GiB", "5.00 TiB",
      ])
  }
}

/// Requests and priorities of each of two classes.
private struct ClassCounts: Recorder {
  var requests = [0, 0]
  var priorities: [Int64] = [0, 0]

  mutating func record(_ request: RequestRecord) throws(Never) {
    requests[Int(request.requestClass)] += 1
    priorities[Int(request.requestClass)] = request.priority
  }

  mutating func record(_ run: StepRecord) throws(Never) {}
  mutating func record(_ event: EventRecord) throws(Never) {}
}
