import CostModel
import Foundation
import Operators
import Testing

@testable import Scenario

@Suite("Import of LLMServingSim's operator times")
struct LLMServingSimImportTests {
  private let fixture: LLMServingSimFixture
  private var folder: String { fixture.path }

  init() throws {
    fixture = try LLMServingSimFixture()
  }

  @Test("Each row becomes an operator of the model's shapes, its time in nanoseconds")
  func rows() throws {
    let result = try LLMServingSimImport(folder: folder, model: LLMServingSimFixture.model)
    let heads = LLMServingSimFixture.model.heads
    let expected: [(OperatorShape, Int64)] = [
      // Q, K and V: (4 + 2 · 2) · 16 = 128 rows; output: 64 of 4 · 16.
      (.linear(tokens: 1, outputs: 128, inputs: 64), 10_500),
      (.linear(tokens: 1, outputs: 64, inputs: 64), 4_000),
      (.linear(tokens: 2, outputs: 256, inputs: 64), 20_000),
      (.linear(tokens: 2, outputs: 64, inputs: 128), 11_000),
      (.elementwise(.norm, rows: 1, width: 64), 1_500),
      (.elementwise(.finalNorm, rows: 1, width: 64), 1_250),
      (.elementwise(.rotary, rows: 1, width: 96), 2_000),
      (.elementwise(.activation, rows: 1, width: 128), 3_000),
      (.elementwise(.embedding, rows: 1, width: 64), 2_500),
      (.linear(tokens: 3, outputs: 1000, inputs: 64), 30_000),
      (.elementwise(.sampling, rows: 3, width: 1000), 7_000),
      (.decodeAttention(sequences: 1, context: 16, heads: heads, format: .fp16), 9_311),
      (.prefillAttention(tokens: 16, prefix: 0, heads: heads, format: .fp16), 9_546),
      (
        .mixedAttention(
          tokens: 16, prefix: 32, sequences: 4, context: 64, heads: heads, format: .fp16), 12_000
      ),
    ]
    #expect(result.profile.measurements.map(\.shape) == expected.map(\.0))
    #expect(result.profile.measurements.map(\.timesNs) == expected.map { [$0.1] })
    #expect(result.notes.isEmpty)
    let device = result.profile.device
    #expect(result.profile.provenance == .imported && device.name == "Some GPU")
    #expect(device.kernelPath == "vLLM 0.19.0" && device.workers == "vLLM 0.19.0 kernels")
    #expect(device.memoryBytes == 24 << 30)
    #expect(result.profile.readBytesPerSecond == 1_008_000_000_000)
    #expect(result.profile.measuredAtUTC == "2026-08-17T19:43:32Z")
  }

  @Test("The profile survives its file, and prices the model")
  func roundTrip() throws {
    let result = try LLMServingSimImport(folder: folder, model: LLMServingSimFixture.model)
    try fixture.write("profile.json", ProfileFile.encode(result.profile))
    let loaded = try ProfileFile.read(path: folder + "profile.json")
    #expect(loaded.profile == result.profile)
    let pricer = try StepPricer(
      model: LLMServingSimFixture.model, format: .fp16, profile: loaded.profile,
      maxSequences: 4, maxTokens: 32)
    let cost = pricer.cost(
      of: BatchShape(
        chunks: [PrefillChunk(tokens: 16, prefix: 32, endsPrompt: false)], decodeSequences: 4,
        contextTokens: 4 * 64))
    // Two layers of the mixed launch; nothing is derived.
    #expect(cost.decodeAttentionNs + cost.prefillAttentionNs == 24_000)
    #expect(cost.derivedNs == 0)
  }

  @Test("Tables of two devices are of their shares, and stand in a folder of their own")
  func tensorParallelism() throws {
    let meta = LLMServingSimFixture.files["profile-meta.yaml"]!
    try fixture.write(
      "profile-meta.yaml", meta.replacingOccurrences(of: "[1]", with: "[1, 2]"))
    try FileManager.default.createDirectory(
      atPath: folder + "tp2", withIntermediateDirectories: true)
    for name in ["dense.csv", "per_sequence.csv", "attention.csv"] {
      try fixture.write("tp2/\(name)", LLMServingSimFixture.files[name]!)
    }
    let model = LLMServingSimFixture.model
    let profile = try LLMServingSimImport(folder: folder, model: model, degree: 2).profile
    let shapes = profile.measurements.map(\.shape)
    #expect(shapes[0] == .linear(tokens: 1, outputs: 64, inputs: 64))
    #expect(shapes[1] == .linear(tokens: 1, outputs: 64, inputs: 32))
    #expect(shapes[9] == .linear(tokens: 3, outputs: 500, inputs: 64))
    #expect(shapes[10] == .elementwise(.sampling, rows: 3, width: 1000))
    let pricer = try StepPricer(
      model: model, format: .fp16, profile: profile, maxSequences: 4, maxTokens: 32,
      parallelism: Parallelism(
        tensorParallelSize: 2, link: .init(bytesPerSecond: 1_000_000_000, latencyNs: 0)))
    let cost = pricer.cost(of: BatchShape(decodeSequences: 1, contextTokens: 16))
    // Only what the devices exchange is derived.
    #expect(cost.decodeAttentionNs == 2 * 9_311 && cost.derivedNs == cost.collectiveNs)
  }

  @Test("Experts stand in a table of their own, by how many of them have work")
  func experts() throws {
    let mixture = ModelArchitecture(
      name: "m", hiddenSize: 64,
      layerGroups: [
        LayerGroup(
          count: 2,
          feedForward: .experts(
            count: 8, perToken: 2, intermediateSize: 32, sharedIntermediateSize: 0))
      ],
      heads: HeadGeometry(queryHeads: 4, kvHeads: 2, headDim: 16), vocabSize: 1000,
      maxPositions: 4096, tiesEmbeddings: false)
    let attention = "layer,tokens,time_us\nqkv_proj,1,10\no_proj,1,4\ngate,1,2\n"
    try fixture.write("dense.csv", attention)
    #expect(throws: ScenarioError.self) {
      try LLMServingSimImport(folder: folder, model: mixture)
    }
    try fixture.write("moe.csv", "tokens,activated_experts,time_us\n1,2,20\n16,8,50\n")
    let profile = try LLMServingSimImport(folder: folder, model: mixture).profile
    let layer = ExpertShape(perToken: 2, inputs: 64, width: 32)
    #expect(
      profile.measurements.prefix(5).map(\.shape) == [
        .linear(tokens: 1, outputs: 128, inputs: 64), .linear(tokens: 1, outputs: 64, inputs: 64),
        .linear(tokens: 1, outputs: 8, inputs: 64),
        .experts(tokens: 1, active: 2, layer: layer),
        .experts(tokens: 16, active: 8, layer: layer),
      ])
    try fixture.write("profile.json", ProfileFile.encode(profile))
    #expect(try ProfileFile.read(path: folder + "profile.json").profile == profile)
    try fixture.write("moe.csv", "tokens,activated_experts,time_us\n1,9,20\n")
    do throws(ScenarioError) {
      _ = try LLMServingSimImport(folder: folder, model: mixture)
      Issue.record("nine of eight experts")
    } catch {
      #expect("\(error)".contains("moe.csv:2:3: error: activated_experts: `9`"))
    }
  }

  @Test("A layer that no operator stands for is left out with a note")
  func unknownLayer() throws {
    let dense = LLMServingSimFixture.files["dense.csv"]!
    try fixture.write("dense.csv", dense + "wobble,1,2\nwobble,2,3\n")
    let result = try LLMServingSimImport(folder: folder, model: LLMServingSimFixture.model)
    #expect(result.notes.count == 1 && result.notes[0].hasPrefix("wobble: left out"))
    #expect(result.profile.measurements.count == 14)
  }

  @Test(
    "A malformed file is refused at its place",
    arguments: [
      (
        "dense.csv", "layer,tokens\nqkv_proj,1\n",
        "dense.csv:1:1: error: the header lacks `time_us`"
      ),
      ("dense.csv", "layer,tokens,time_us\nqkv_proj,1\n", "dense.csv:2:1: error: 2 fields"),
      (
        "dense.csv", "layer,tokens,time_us\nqkv_proj,0,1\n",
        "dense.csv:2:10: error: tokens: `0` is not accepted here"
      ),
      (
        "dense.csv", "layer,tokens,time_us\nqkv_proj,1,-3\n",
        "dense.csv:2:12: error: time_us: `-3` is not accepted here"
      ),
      (
        "dense.csv", "layer,tokens,time_us\nqkv_proj,1,nan\n",
        "dense.csv:2:12: error: time_us: `nan` is not accepted here"
      ),
      (
        "attention.csv", "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,0,0,1\n",
        "attention.csv:2:5: error: n_decode: `0` is not accepted here"
      ),
      ("cluster.json", "{\"nodes\": []}", "cluster.json:1:1: error: no instance with `npu_mem`"),
      (
        "profile-meta.yaml", "gpu: G\nvllm_version: 1\nprofiled_at: today\n",
        "profile-meta.yaml:3:14: error: profiled_at: `today` is not accepted here"
      ),
      (
        "profile-meta.yaml",
        LLMServingSimFixture.files["profile-meta.yaml"]!.replacingOccurrences(
          of: "[1]", with: "[2, 4]"),
        "profile-meta.yaml:5:13: error: tp_degrees: the tables are of 2, 4 and not of 1"
      ),
    ])
  func malformed(name: String, text: String, error: String) throws {
    try fixture.write(name, text)
    let errors = fixture.errors()
    #expect(errors.contains { $0.hasPrefix(error) }, "\(errors)")
  }
}
