import Simulator
import Testing

@testable import Scenario

/// Replicas that differ, fail, and come and go.
@Suite struct GroupReaderTests {
  /// A good scenario with all of them.
  static let grouped = Fixture.scenario.replacingOccurrences(
    of: "workload:",
    with: """
      cluster:
        router: least-kv
        kv_transfer: {bandwidth: 50 GB/s, latency: 10 us}
        failures:
          - {replica: 4, at: 10 s, recovers_after: 2 min}
          - {replica: 0, at: 1 s}
        groups:
          - name: prompts
            role: prefill
            engine: {max_num_batched_tokens: 1024}
            autoscaling: {max_replicas: 3, target_outstanding: 8, start_up: 30 s}
          - name: tokens
            role: decode
            replicas: 2
            engine: {max_num_seqs: 128, gpu_memory_utilization: 0.5}
          - name: others
            kv_cache: {format: int4}
            device: {profile: profile.json}
      workload:
      """)

  /// A good scenario whose replicas come and go.
  static let scaled = Fixture.scenario.replacingOccurrences(
    of: "workload:",
    with: """
      cluster:
        replicas: 2
        autoscaling:
          min_replicas: 1
          max_replicas: 4
          target_outstanding: 16
          start_up: 90 s
      workload:
      """)

  private func cluster(_ text: String) throws -> ClusterOptions {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write("scenario.yaml", text)
    return try fixture.load().cluster
  }

  @Test("A group is the scenario but for what it says itself")
  func groups() throws {
    let cluster = try cluster(GroupReaderTests.grouped)
    let (prompts, tokens, others) = (cluster.groups[0], cluster.groups[1], cluster.groups[2])
    #expect(cluster.groups.map(\.name) == ["prompts", "tokens", "others"])
    #expect(cluster.groups.map(\.role) == [.prefill, .decode, .whole])
    #expect(cluster.groups.map(\.most) == [3, 2, 1] && cluster.replicas == 6)
    #expect(prompts.setup.engine.maxNumBatchedTokens == 1024)
    #expect(prompts.setup.engine.maxNumSeqs == 64)
    #expect(prompts.setup.engine.kvCacheMemory == .bytes(2 << 30))
    #expect(tokens.setup.engine.maxNumSeqs == 128)
    #expect(tokens.setup.engine.maxNumBatchedTokens == 512)
    // One way to say how much memory there is takes the place of the other.
    #expect(tokens.setup.engine.kvCacheMemory == .utilization(0.5))
    #expect(prompts.format == nil && others.format?.name == "int4")
    #expect(others.setup.profile == prompts.setup.profile)
    #expect(
      prompts.autoscaling
        == Autoscaling(
          members: 0..<3, initial: 1, least: 1, targetOutstanding: 8, intervalNs: 15_000_000_000,
          startUpNs: 30_000_000_000, scaleDownDelayNs: 300_000_000_000))
    #expect(cluster.transferLink == CopyLink(bytesPerSecond: 50_000_000_000, latencyNs: 10_000))
    #expect(
      cluster.outages == [
        Outage(replica: 4, atNs: 10_000_000_000, recoversAfterNs: 120_000_000_000),
        Outage(replica: 0, atNs: 1_000_000_000, recoversAfterNs: nil),
      ])
  }

  @Test("Replicas without groups come and go by a rule too")
  func scaling() throws {
    let cluster = try cluster(GroupReaderTests.scaled)
    #expect(cluster.replicas == 4 && cluster.groups[0].replicas == 2)
    #expect(cluster.groups[0].autoscaling?.initial == 2)
  }

  @Test("one mistake gives one error at its place", arguments: mistakes)
  func bad(_ input: BadInput) throws {
    let errors = try Fixture.errors("scenario.yaml", input.applied(to: GroupReaderTests.grouped))
    try input.expectAlone(in: errors, of: "scenario.yaml")
  }

  static let mistakes = [
    BadInput("no name of a group", "name: tokens\n      role", "role", "26:7", "missing"),
    BadInput("one name of two groups", "name: tokens", "name: prompts", "26:13", "two groups"),
    BadInput(
      "prompts without decodes", "role: decode", "role: both", "21:3",
      "no group has the role `decode`"),
    BadInput(
      "no way to hand over", "  kv_transfer: {bandwidth: 50 GB/s, latency: 10 us}\n", "", "20:3",
      "`prompts`, `tokens` hand the KV cache over", "kv_transfer"),
    BadInput(
      "two formats to hand over", "role: decode\n",
      "role: decode\n      kv_cache: {format: int4}\n", "21:3", "one format"),
    BadInput(
      "replicas beside groups", "router: least-kv", "replicas: 2", "16:3",
      "does not go with `groups`"),
    BadInput(
      "two schedulers", "max_num_seqs: 128,", "scheduler: sglang,", "26:7", "sglang", "`vllm`"),
    BadInput("no such replica", "replica: 4", "replica: 6", "19:17", "accepted: 0 to 5"),
    BadInput("endless failure", "at: 10 s", "at: 900000 h", "19:24", "out of range"),
    BadInput(
      "fewer than at the start", "max_replicas: 3,", "max_replicas: 3, min_replicas: 4,", "25:35",
      "min_replicas"),
    BadInput("no start", ", start_up: 30 s", "", "25:20", "missing"),
    BadInput("a group's mistake", "max_num_seqs: 128", "max_num_seqs: 0", "29:30", "from 1"),
    BadInput(
      "a format among the options", "{max_num_batched_tokens: 1024}", "{kv_cache_dtype: int4}",
      "24:16", "kv_cache: {format: …}"),
    BadInput("a format that is none", "{format: int4}", "{format: int5}", "31:26", "int5"),
    BadInput(
      "a profile that is none", "      device: {profile: profile.json}",
      "      device: {profile: other.json}", "32:25", "other.json"),
    BadInput("a group's unknown key", "      replicas: 2", "      replica: 2", "28:7", "replicas"),
    BadInput(
      "ranks that come and go", "{max_num_batched_tokens: 1024}",
      "{max_num_batched_tokens: 1024, data_parallel_size: 2}", "25:7", "data_parallel_size"),
  ]
}
