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
      writingTo: TraceWriter(path: small.path(name), overwrite: false), usesExactSteps: false,
      version: "test", startedUTC: "2026-01-01T00:00:00Z"
    ) { _ in }
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
      error?.description.contains("a kv_cache_memory_bytes of up to \(Size(rest)) would fit")
        == true)
    // One block: 16 tokens of 2 layers, 2 KV heads, 256 bytes.
    let short = try small.load(memory: "1 kB")
    #expect(
      throws: PlanningError.poolTooSmall(format: "fp16", poolBytes: 1000, blockBytes: 16384)
    ) { try ComparisonPlan(short) }
  }

  @Test("Sizes are shown in the binary unit that suits them")
  func sizes() {
    #expect(
      [0, 1023, 1024, 1536, 1 << 30, 5 << 40].map { Size($0).description } == [
        "0 B", "1023 B", "1.00 KiB", "1.50 KiB", "1.00 GiB", "5.00 TiB",
      ])
  }
}
