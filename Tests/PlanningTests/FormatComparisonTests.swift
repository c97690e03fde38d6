import CostModel
import Foundation
import Operators
import Scenario
import Simulator
import Testing
import Trace

@testable import Planning

@Suite("Comparison of formats")
final class FormatComparisonTests {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "kvsim-planning-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  /// A small model on a made-up device, with 64 clients and little memory for KV.
  private func scenario(memory: String = "kv_cache_memory_bytes: 2 MiB") throws -> ServingScenario {
    try Data(
      """
      {"model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4,
       "num_key_value_heads": 2, "hidden_size": 256, "intermediate_size": 512,
       "vocab_size": 1000, "max_position_embeddings": 4096}
      """.utf8
    ).write(to: folder.appendingPathComponent("model.json"))
    try Data(ProfileFile.encode(profile()).utf8).write(
      to: folder.appendingPathComponent("profile.json"))
    try Data(
      """
      kvsim: 1
      name: small
      model: model.json
      device: {profile: profile.json}
      engine: {max_num_seqs: 64, max_num_batched_tokens: 256, \(memory)}
      workload:
        requests: 200
        arrivals: {process: closed-loop, concurrency: 64}
        prompt_tokens: {uniform: {min: 10, max: 200}}
        output_tokens: {uniform: {min: 1, max: 100}}
      """.utf8
    ).write(to: folder.appendingPathComponent("small.yaml"))
    return try ServingScenario.load(path: path("small.yaml"))
  }

  private func profile() -> Profile {
    let heads = HeadGeometry(queryHeads: 4, kvHeads: 2, headDim: 64)
    var shapes: [OperatorShape] = [1, 256].map {
      .linear(tokens: $0, outputs: 1024, inputs: 256)
    }
    for format in KVFormat.named {
      shapes += [1, 256].map {
        .append(tokens: $0, heads: heads.withoutGroups, format: format)
      }
      for size in [1, 64] {
        shapes += [16, 512].map {
          .decodeAttention(sequences: size, context: $0, heads: heads, format: format)
        }
        shapes += [0, 512].map {
          .prefillAttention(tokens: size, prefix: $0, heads: heads, format: format)
        }
      }
    }
    return Profile(
      provenance: .measured,
      device: Device(
        name: "made up", kind: "cpu", kernelPath: "none", threads: 1, memoryBytes: 1 << 26,
        lastLevelCacheBytes: 0),
      measuredAtUTC: "2026-01-01T00:00:00Z", blockSize: 16, readBytesPerSecond: 1_000_000_000,
      measurements: shapes.map {
        Measurement(
          shape: $0, isHeldOut: false,
          timesNs: [1000 + Int64($0.bytes) + Int64($0.operations) / 10])
      })
  }

  private func compare(_ scenario: ServingScenario, to name: String) throws -> FormatComparison {
    try ComparisonPlan(scenario).run(
      writingTo: TraceWriter(path: path(name), overwrite: false), usesExactSteps: false,
      version: "test", startedUTC: "2026-01-01T00:00:00Z"
    ) { _ in }
  }

  @Test("Formats see the very same requests, and a 4-bit cache holds 3.5 times the tokens")
  func sameRequests() throws {
    let comparison = try compare(scenario(), to: "a.db")
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
    let comparison = try compare(scenario(), to: "b.db")
    let reader = try TraceReader(path: path("b.db"))
    let runs = try reader.runs()
    #expect(runs.map(\.description.format) == KVFormat.named.map(\.name))
    #expect(runs.map { $0.end?.rowDigest } == comparison.outcomes.map(\.rowDigest))
    for run in runs {
      #expect(try reader.verifyDigest(run: run.id))
      #expect(run.end?.requests == 200)
    }
    let again = try compare(scenario(), to: "c.db")
    #expect(again.outcomes.map(\.rowDigest) == comparison.outcomes.map(\.rowDigest))
  }

  @Test("Shares of measured, extrapolated and derived time add up to the busy time")
  func shares() throws {
    for outcome in try compare(scenario(), to: "d.db").outcomes {
      #expect(outcome.summary.cost.totalNs == outcome.summary.busyNs)
      #expect(outcome.summary.cost.derivedNs > 0)
      #expect(
        outcome.summary.cost.derivedNs + outcome.summary.cost.extrapolatedNs
          <= outcome.summary.busyNs)
    }
  }

  @Test("What does not fit is refused before anything is written, with the bytes")
  func doesNotFit() throws {
    let large = try scenario(memory: "kv_cache_memory_bytes: 1 GiB")
    let error = #expect(throws: PlanningError.self) { try ComparisonPlan(large) }
    #expect(error?.description.contains("1.00 GiB") == true)
    // One block: 16 tokens of 2 layers, 2 KV heads, 256 bytes.
    let small = try scenario(memory: "kv_cache_memory_bytes: 1 kB")
    #expect(
      throws: PlanningError.poolTooSmall(format: "fp16", poolBytes: 1000, blockBytes: 16384)
    ) { try ComparisonPlan(small) }
  }

  @Test("Sizes are shown in the binary unit that suits them")
  func sizes() {
    #expect(
      [0, 1023, 1024, 1536, 1 << 30, 5 << 40].map { Size($0).description } == [
        "0 B", "1023 B", "1.00 KiB", "1.50 KiB", "1.00 GiB", "5.00 TiB",
      ])
  }
}
