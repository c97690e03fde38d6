import CostModel
import Foundation
import Operators
import Testing

@testable import Scenario

@Suite("Folders of LLMServingSim that are refused")
struct LLMServingSimRefusalTests {
  private let fixture: LLMServingSimFixture
  private var folder: String { fixture.path }

  init() throws {
    fixture = try LLMServingSimFixture()
  }

  private func text(_ name: String) -> String { LLMServingSimFixture.files[name]! }

  @Test("Files that are missing are named all at once, beside the errors of the others")
  func missingFiles() throws {
    for name in ["cluster.json", "attention.csv"] {
      try FileManager.default.removeItem(atPath: folder + name)
    }
    try fixture.write("dense.csv", "layer,tokens\n")
    #expect(
      fixture.errors().map { $0.prefix(40) } == [
        "attention.csv: error: cannot be read: th", "cluster.json: error: cannot be read: the",
        "dense.csv:1:1: error: the header lacks `",
      ])
  }

  @Test("Layers without which a step has no time are named where they are missing")
  func missingLayers() throws {
    try fixture.write("dense.csv", "layer,tokens,time_us\nqkv_proj,1,10\ndown_proj,1,9\n")
    try fixture.write("per_sequence.csv", "layer,sequences,time_us\nsampler,1,1\n")
    #expect(
      fixture.errors() == [
        "dense.csv:1:1: error: no rows of `o_proj`, `gate_up_proj`, without which a step of m has "
          + "no time",
        "per_sequence.csv:1:1: error: no rows of `lm_head`, without which a step of m has no time",
      ])
  }

  @Test("Attention that lacks a kind of row is refused in its own words")
  func attentionGaps() throws {
    let header = "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n"
    try fixture.write("attention.csv", header + "16,0,0,0,9.5\n16,32,4,64,12\n")
    #expect(
      fixture.errors() == [
        "attention.csv:1:1: error: no measurement of `decode_attention` (rows of decodes alone, "
          + "`prefill_chunk` 0); a fit needs some"
      ])
    try fixture.write("attention.csv", header + "16,0,0,0,9.5\n0,0,4,64,12\n")
    #expect(
      fixture.errors() == [
        "attention.csv:1:1: error: no measurement of `append` (or rows of a chunk with decodes, "
          + "which contain it); a fit needs some"
      ])
  }

  @Test("A row that stands twice is refused with both places; layers of one shape are two rows")
  func duplicates() throws {
    try fixture.write("dense.csv", text("dense.csv") + "qkv_proj,1,10.5\n")
    #expect(
      fixture.errors() == [
        "dense.csv:11:1: error: the same operator and sizes stand in line 2; accepted: one row for "
          + "each"
      ])
    try fixture.write("dense.csv", text("dense.csv"))
    // Of as many outputs as Q, K and V together.
    try fixture.write("per_sequence.csv", "layer,sequences,time_us\nlm_head,1,30\n")
    let model = ModelArchitecture(
      name: "m", hiddenSize: 64, intermediateSize: 128, layers: 2,
      heads: HeadGeometry(queryHeads: 4, kvHeads: 2, headDim: 16), vocabSize: 128,
      maxPositions: 4096, tiesEmbeddings: false)
    let profile = try LLMServingSimImport(folder: folder, model: model).profile
    #expect(
      profile.measurements.filter {
        $0.shape == .linear(tokens: 1, outputs: 128, inputs: 64)
      }.count == 2)
  }

  @Test("What the reader of profiles would refuse is refused at its row")
  func unreadable() throws {
    let attention = text("attention.csv")
    try fixture.write("attention.csv", attention + "0,0,16777216,16777216,9.5\n0,0,1,32,0.002\n")
    let errors = fixture.errors()
    #expect(
      errors.count == 2
        && errors[0].hasPrefix("attention.csv:5:1: error: `decode_attention` takes 9500 ns for at ")
        && errors[1].hasPrefix("attention.csv:6:1: error: `decode_attention` takes 2 ns with 32"),
      "\(errors)")
    try fixture.write("attention.csv", attention + "0,0,1,32,0.009\n")
    let fall = fixture.errors()
    #expect(
      fall.count == 1
        && fall[0].hasPrefix(
          "attention.csv:5:1: error: `decode_attention` takes 9 ns with 32 `context`, but 9311 ns")
        && fall[0].contains("a wrong unit makes a factor of a thousand"), "\(fall)")
  }

  @Test("Tables of several degrees need a folder for the one that is read")
  func severalDegrees() throws {
    try fixture.change("profile-meta.yaml", "[1]", "[1, 2]")
    for degree in [1, 2] {
      let errors = fixture.errors(degree: degree)
      #expect(
        errors == [
          "profile-meta.yaml:5:13: error: tp_degrees: the tables are of 1, 2: those of \(degree) "
            + "have to stand in a folder of their own, `tp\(degree)/`, which is not there"
        ])
    }
  }

  @Test(
    "Times of weights or caches that have not 16 bits are refused",
    arguments: [
      ("gpu:", "variant: fp8\ngpu:", "3:10", "variant: times in `fp8`"),
      ("gpu:", "quantization: awq\ngpu:", "3:15", "quantization: times in `awq`"),
      (
        "  block", "  kv_cache_dtype: fp8_e4m3\n  block", "7:19",
        "engine_effective.kv_cache_dtype: times in `fp8_e4m3`"
      ),
    ])
  func narrowFormats(old: String, new: String, place: String, says: String) throws {
    try fixture.change("profile-meta.yaml", old, new)
    let errors = fixture.errors()
    #expect(
      errors.count == 1 && errors[0].hasPrefix("profile-meta.yaml:\(place): error: \(says)")
        && errors[0].contains("would be read as those of 16 bits"), "\(errors)")
    let fine = new.replacingOccurrences(of: "fp8_e4m3", with: "auto")
      .replacingOccurrences(of: "fp8", with: "bf16").replacingOccurrences(of: "awq", with: "null")
    try fixture.change("profile-meta.yaml", old, fine)
    #expect(fixture.errors().isEmpty)
  }

  @Test("A model that is not the one that was timed is refused with both values")
  func otherModel() throws {
    func meta(_ overrides: String) throws {
      try fixture.change("profile-meta.yaml", "  block", "  hf_overrides: {\(overrides)}\n  block")
    }
    try meta("num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 128")
    #expect(fixture.errors().isEmpty)
    // Of one of two devices' share.
    try meta("num_attention_heads: 2, vocab_size: 500")
    #expect(fixture.errors().count == 2)
    try FileManager.default.createDirectory(
      atPath: folder + "tp1", withIntermediateDirectories: true)
    for name in ["dense.csv", "per_sequence.csv", "attention.csv"] {
      try fixture.write("tp1/\(name)", text(name))
    }
    let shares = text("profile-meta.yaml").replacingOccurrences(of: "[1]", with: "[1, 2]")
    try fixture.write(
      "profile-meta.yaml",
      shares.replacingOccurrences(
        of: "  block", with: "  hf_overrides: {num_attention_heads: 2}\n  block"))
    #expect(fixture.errors().isEmpty)
    try meta("num_attention_heads: 32, hidden_size: 4096, num_hidden_layers: 1")
    #expect(
      fixture.errors() == [
        "profile-meta.yaml:7:39: error: engine_effective.hf_overrides.num_attention_heads: the "
          + "tables are of a model with 32, and m has 4; pass the model whose layers were timed",
        "profile-meta.yaml:7:56: error: engine_effective.hf_overrides.hidden_size: the tables are "
          + "of a model with 4096, and m has 64; pass the model whose layers were timed",
      ])
  }

  @Test("Memory is that of the instance of the hardware that the tables were taken on")
  func hardware() throws {
    func instance(_ name: String, _ gib: Int) -> String {
      "{\"hardware\": \"\(name)\", \"npu_mem\": {\"mem_size\": \(gib), \"mem_bw\": 1000}}"
    }
    try fixture.write(
      "cluster.json",
      "{\"nodes\": [{\"instances\": [\(instance("A", 10))]}, {\"instances\": "
        + "[\(instance("B", 20))]}]}")
    func memory() throws -> Int {
      try LLMServingSimImport(folder: folder, model: LLMServingSimFixture.model)
        .profile.device.memoryBytes >> 30
    }
    #expect(try memory() == 10)
    try fixture.change("profile-meta.yaml", "gpu:", "hardware: B\ngpu:")
    #expect(try memory() == 20)
    try fixture.change("profile-meta.yaml", "gpu:", "hardware: C\ngpu:")
    #expect(
      fixture.errors() == [
        "cluster.json:1:1: error: no instance of `hardware` `C`, on which the tables were taken; "
          + "it has `A`, `B`"
      ])
  }

  @Test("meta.yaml is another name of profile-meta.yaml")
  func otherName() throws {
    try FileManager.default.moveItem(
      atPath: folder + "profile-meta.yaml", toPath: folder + "meta.yaml")
    #expect(fixture.errors().isEmpty)
    try FileManager.default.removeItem(atPath: folder + "meta.yaml")
    #expect(
      fixture.errors().count == 1 && fixture.errors()[0].hasPrefix("profile-meta.yaml: error: "))
  }

  @Test(
    "Times of profiling are turned into UTC",
    arguments: [
      ("2026-08-17T19:43:32+00:00", "2026-08-17T19:43:32Z"),
      ("2026-08-17T19:43:32Z", "2026-08-17T19:43:32Z"),
      ("2026-08-17T19:43:32", "2026-08-17T19:43:32Z"),
      ("2026-08-17 19:43:32.250", "2026-08-17T19:43:32.250Z"),
      ("2026-12-31T22:30:00-05:30", "2027-01-01T04:00:00Z"),
      ("2024-03-01T01:00:00.5+02:00", "2024-02-29T23:00:00.5Z"),
      ("1969-12-31T23:00:00+01:00", "1969-12-31T22:00:00Z"),
    ])
  func times(given: String, utc: String) throws {
    try fixture.change("profile-meta.yaml", "2026-08-17T19:43:32+00:00", given)
    let profile = try LLMServingSimImport(
      folder: folder, model: LLMServingSimFixture.model
    ).profile
    #expect(profile.measuredAtUTC == utc)
  }

  @Test(
    "Times of no such form are refused",
    arguments: [
      "2026-08-17", "2026-08-17T19:43:32+0200", "2026-08-17T19:43:32+24:00", "2026-02-29T00:00:00",
      "0000-01-01T00:00:00+01:00", "2026-08-17T19:43:32+00:00Z",
    ])
  func wrongTimes(given: String) throws {
    try fixture.change("profile-meta.yaml", "2026-08-17T19:43:32+00:00", given)
    #expect(
      fixture.errors().count == 1
        && fixture.errors()[0].contains("profiled_at: the quoted text `\(given)`"))
  }
}
