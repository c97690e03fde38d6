import CostModel
import Foundation
import Operators
import Simulator
import Testing

@testable import Scenario

@Suite struct GoodScenarioTests {
  /// The good scenario with changes made to its text.
  func load(
    _ changes: [(old: String, new: String)] = [], seedOverride: UInt64? = nil
  ) throws -> ServingScenario {
    let fixture = try Fixture()
    defer { fixture.remove() }
    var text = Fixture.scenario
    for change in changes {
      #expect(text.contains(change.old))
      text = text.replacingOccurrences(of: change.old, with: change.new)
    }
    try fixture.write("scenario.yaml", text)
    return try ServingScenario.load(
      path: fixture.folder + "scenario.yaml", profileOverride: nil, seedOverride: seedOverride)
  }

  @Test("every value of the file arrives, and every text verbatim")
  func everyValue() throws {
    let scenario = try load()
    #expect(scenario.name == "test-run")
    #expect(scenario.description == "A good one")
    #expect(scenario.seed == 7)
    #expect(scenario.model.name == "model")
    #expect(scenario.formats == [.fp16, .int4])
    #expect(scenario.profile == Fixture.syntheticProfile)
    #expect(scenario.engine.maxNumSeqs == 64)
    #expect(scenario.engine.kvCacheMemory == .bytes(2_147_483_648))
    #expect(scenario.workload.arrivals == .poisson(requestsPerSecond: 2.5))
    #expect(scenario.workload.promptTokens == .uniform(10...20))
    #expect(scenario.workload.outputTokens == .fixed(30))
    #expect(scenario.text == Fixture.scenario)
    #expect(scenario.modelText == Fixture.model)
    #expect(scenario.setup.profileText == Fixture.profile)
    #expect(scenario.path.hasSuffix("scenario.yaml"))
    #expect(scenario.modelPath.hasSuffix("model.json"))
    #expect(scenario.setup.profilePath.hasSuffix("profile.json"))
  }

  @Test("devices share a model over their link, and the host's time arrives in nanoseconds")
  func devicesAndHost() throws {
    let scenario = try load([
      (
        "profile: profile.json",
        "profile: profile.json\n  link: {bandwidth: 450 GB/s, latency: 2.5 us}"
      ),
      (
        "max_num_seqs: 64",
        "max_num_seqs: 64\n  tensor_parallel_size: 2\n  pipeline_parallel_size: 1\n"
          + "  host_overhead: {per_step: 0.3 ms, per_sequence: 10 us}"
      ),
    ])
    #expect(scenario.engine.tensorParallelSize == 2)
    #expect(
      scenario.parallelism
        == Parallelism(
          tensorParallelSize: 2, link: .init(bytesPerSecond: 450_000_000_000, latencyNs: 2_500)))
    #expect(
      scenario.hostOverhead == HostOverhead(perStepNs: 300_000, perSequenceNs: 10_000))
    let plain = try load()
    #expect(plain.parallelism == .none && plain.hostOverhead == .none)
  }

  @Test("SGLang's way to schedule and a client's times arrive; without them vLLM's and none")
  func schedulerAndClient() throws {
    let scenario = try load([
      ("max_num_seqs: 64", "scheduler: sglang\n  max_num_seqs: 64"),
      ("output_tokens: 30", "output_tokens: 30\n  client: {prepare: 120 us, send: 1.5 ms}"),
    ])
    #expect(scenario.engine.scheduler == .sglang)
    #expect(scenario.workload.client == .init(prepareNs: 120_000, sendNs: 1_500_000))
    let preparing = try load([("tokens: 30", "tokens: 30\n  client: {prepare: 1 us}")])
    #expect(preparing.workload.client == .init(prepareNs: 1_000, sendNs: 0))
    let plain = try load()
    #expect(plain.engine.scheduler == .vllm && plain.workload.client == .instant)
  }

  @Test(
    "every scheduler arrives by its name, with its usual watermark and step",
    arguments: [
      ("vllm", .vllm, 0.0, 2048), ("sglang", .sglang, 0, 2048), ("sarathi", .sarathi, 0.01, 2048),
      ("vllm-v0", .vllmV0, 0.01, 4096), ("static", .staticBatching, 0, 2048),
      ("priority", .priority, 0, 2048), ("edf", .edf, 0, 2048),
      ("shortest-prompt-first", .shortestPromptFirst, 0, 2048),
    ] as [(String, EngineOptions.Scheduler, Double, Int)])
  func schedulers(
    name: String, scheduler: EngineOptions.Scheduler, watermark: Double, tokens: Int
  ) throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write(
      "scenario.yaml",
      Fixture.scenario.replacingOccurrences(
        of: "  max_num_batched_tokens: 512\n", with: "  scheduler: \(name)\n"))
    try fixture.write(
      "model.json",
      Fixture.model.replacingOccurrences(
        of: "\"max_position_embeddings\": 2048", with: "\"max_position_embeddings\": 4096"))
    let engine = try fixture.load().engine
    #expect(engine.scheduler == scheduler && engine.watermark == watermark)
    #expect(engine.maxNumBatchedTokens == tokens)
    #expect(engine.longPrefillTokenThreshold == 0 && engine.maxQueuedRequests == nil)
  }

  @Test("a scheduler's options arrive")
  func schedulerOptions() throws {
    let engine = try load([
      (
        "block_size: 16",
        "long_prefill_token_threshold: 256\n  watermark: 0.05\n  max_queued_requests: 0"
      )
    ]).engine
    #expect(engine.longPrefillTokenThreshold == 256 && engine.watermark == 0.05)
    #expect(engine.maxQueuedRequests == 0)
  }

  @Test("a block has as many tokens as the profile's, unless something else is stated")
  func blockSize() throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    let good = Fixture.syntheticProfile
    let profile = Profile(
      provenance: good.provenance, device: good.device, measuredAtUTC: good.measuredAtUTC,
      blockSize: 1, readBytesPerSecond: good.readBytesPerSecond, measurements: good.measurements)
    try fixture.write("profile.json", ProfileFile.encode(profile, residuals: []))
    #expect(fixture.errors().count == 1, "16 is stated")
    let text = Fixture.scenario.replacingOccurrences(of: "  block_size: 16\n", with: "")
    try fixture.write("scenario.yaml", text)
    #expect(try fixture.load().engine.blockSize == 1)
  }

  @Test("what is left out has vLLM's defaults")
  func defaults() throws {
    let options = Fixture.scenario.components(separatedBy: "engine:\n")[1]
      .components(separatedBy: "workload:")[0]
    let scenario = try load([
      ("engine:\n" + options, ""), ("kv_cache:\n  format: [fp16, int4]\n", ""),
      ("seed: 7\n", ""), ("name: test-run\n", ""), ("description: A good one\n", ""),
    ])
    #expect(scenario.name == "scenario")
    #expect(scenario.description == "")
    #expect(scenario.seed == 1)
    #expect(scenario.formats == KVFormat.named)
    #expect(
      scenario.engine
        == EngineOptions(
          maxNumSeqs: 256, maxNumBatchedTokens: 2048, blockSize: 16,
          enablePrefixCaching: true, kvCacheMemory: .utilization(0.9)))
  }

  @Test(
    "sizes are exact in every unit",
    arguments: [
      ("1 B", 1), ("3 kB", 3_000), ("1.5 MB", 1_500_000), ("2GB", 2_000_000_000),
      ("0.001 TB", 1_000_000_000), ("1 KiB", 1024), ("1.5 MiB", 1_572_864), ("2  GiB", 1 << 31),
      ("\"0.5 TiB\"", 1 << 39), ("0.1 GB", 100_000_000),
    ])
  func sizes(text: String, bytes: Int) throws {
    #expect(try load([("2 GiB", text)]).engine.kvCacheMemory == .bytes(bytes))
  }

  @Test(
    "rates are per second, minute or hour",
    arguments: [
      ("2.5/s", 2.5), ("150/min", 2.5), ("9000 /h", 2.5), ("1e-1/s", 0.1),
    ])
  func rates(text: String, perSecond: Double) throws {
    let scenario = try load([("2.5/s", text)])
    #expect(scenario.workload.arrivals == .poisson(requestsPerSecond: perSecond))
  }

  @Test("a replay takes lengths and number from the trace, unless told otherwise")
  func replay() throws {
    let replay = ("poisson\n    rate: 2.5/s", "replay\n    trace: trace.csv")
    let all = try load([
      replay, ("  requests: 100\n", ""), ("  output_tokens: 30\n", ""),
      ("  prompt_tokens: {uniform: {min: 10, max: 20}}\n", ""),
    ]).workload
    #expect(all.requests == 3)
    #expect(all.promptTokens == .fromTrace && all.outputTokens == .fromTrace)
    let two = try load([replay, ("s: 100", "s: 2")]).workload
    #expect(two.requests == 2)
    #expect(two.outputTokens == .fixed(30))
    guard case .replay(let trace, timeScale: 1) = two.arrivals else {
      Issue.record("not a replay at its own pace")
      return
    }
    #expect(trace.arrivalNs == [0, 4_314_579_000, 4_319_410_000])
  }

  @Test("a replay starts where it is told to, and its jitter is of the run's seed")
  func replayOptions() throws {
    func trace(_ options: String, seed: UInt64 = 7) throws -> RequestTrace? {
      let workload = try load(
        [
          ("  requests: 100\n", ""),
          ("poisson\n    rate: 2.5/s", "replay\n    trace: trace.csv\n" + options),
        ], seedOverride: seed
      ).workload
      guard case .replay(let trace, timeScale: 1) = workload.arrivals else { return nil }
      #expect(workload.requests == trace.count)
      return trace
    }
    let whole = try #require(try trace(""))
    #expect(try trace("    start: 4314 ms") == whole.starting(atNs: 4_314_000_000))
    #expect(try trace("    start: 4315 ms")?.arrivalNs == [4_410_000])
    #expect(try trace("    jitter: 3 s") == whole.jittered(byNs: 3_000_000_000, seed: 7))
    #expect(try trace("    jitter: 3 s", seed: 8) == whole.jittered(byNs: 3_000_000_000, seed: 8))
    #expect(
      try trace("    jitter: 3 s\n    start: 1 s")
        == whole.starting(atNs: 1_000_000_000).jittered(byNs: 3_000_000_000, seed: 7))
    #expect(try trace("    end: 4315 ms")?.arrivalNs == [0, 4_314_579_000])
    // From 1 s to 4.315 s there is one row; it comes three times, and its jitter is drawn for each.
    let part = whole.starting(atNs: 1_000_000_000).ending(atNs: 3_315_000_000)
    let often = "    start: 1 s\n    end: 4315 ms\n    repeats: 3"
    let thrice = part.repeated(3, periodNs: 3_315_000_000)
    #expect(thrice.arrivalNs == [3_314_579_000, 6_629_579_000, 9_944_579_000])
    #expect(try trace(often) == thrice)
    #expect(
      try trace(often + "\n    jitter: 1 s") == thrice.jittered(byNs: 1_000_000_000, seed: 7))
  }

  @Test("one format needs no list, and YAML's other notations are taken")
  func notations() throws {
    #expect(try load([("[fp16, int4]", "int4-rotated")]).formats == [.int4Rotated])
    #expect(try load([("[fp16, int4]", "\n    - int4\n    - fp16")]).formats == [.int4, .fp16])
    #expect(try load([("A good one", "|\n  on\n  two lines")]).description == "on\ntwo lines\n")
    #expect(try load([("test-run", "'2024'")]).name == "2024")
    #expect(try load([("kvsim: 1", "\u{FEFF}kvsim: 1")]).seed == 7)
    #expect(try load([("\n", "\r\n")]).seed == 7)
    #expect(try load([("A good one", "it's *so* & *very* `good`, 規模")]).seed == 7)
  }

  @Test("the command line's seed and profile come before the file's")
  func overrides() throws {
    #expect(try load(seedOverride: 99).seed == 99)
    #expect(throws: ScenarioError.self) { try load(seedOverride: .max) }
    let fixture = try Fixture()
    defer { fixture.remove() }
    let path = fixture.folder + "scenario.yaml"
    try fixture.write("other.json", Fixture.profile)
    let text = Fixture.scenario.replacingOccurrences(
      of: "device:\n  profile: profile.json\n", with: "")
    try fixture.write("scenario.yaml", text)
    let other = fixture.folder + "other.json"
    #expect(try ServingScenario.load(path: path, profileOverride: other).setup.profilePath == other)
    do throws(ScenarioError) {
      _ = try ServingScenario.load(path: path, profileOverride: "no.json")
      Issue.record("a profile that is not there was read")
    } catch {
      #expect(error.description.hasPrefix("no.json: error: cannot be read: there is no such file"))
      #expect(error.description.contains("kvsim calibrate --device cpu -o FILE"))
    }
  }
}
