import CostModel
import Foundation
import Operators
import Testing

@testable import Scenario

/// Good files in a folder of their own, and loading with one of them changed.
struct Fixture {
  let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "kvsim-scenario-\(UUID().uuidString)/"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try write("scenario.yaml", Fixture.scenario)
    try write("model.json", Fixture.model)
    try write("profile.json", Fixture.profile)
    try write("trace.csv", Fixture.trace)
    try write("lengths.txt", Fixture.lengths)
    try write("clients.csv", Fixture.clients)
  }

  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder + name))
  }

  func remove() {
    try? FileManager.default.removeItem(atPath: folder)
  }

  func load() throws(ScenarioError) -> ServingScenario {
    try ServingScenario.load(path: folder + "scenario.yaml")
  }

  /// The errors without the folder's name, one a line.
  func errors() -> [String] {
    do throws(ScenarioError) {
      _ = try load()
      return []
    } catch {
      return error.diagnostics.map {
        $0.description.replacingOccurrences(of: folder, with: "")
      }
    }
  }

  /// The errors once `name` holds `text`.
  static func errors(_ name: String, _ text: String) throws -> [String] {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write(name, text)
    return fixture.errors()
  }

  static let scenario = """
    kvsim: 1
    name: test-run
    description: A good one
    seed: 7
    model: model.json
    device:
      profile: profile.json
    kv_cache:
      format: [fp16, int4]
    engine:
      max_num_seqs: 64
      max_num_batched_tokens: 512
      block_size: 16
      kv_cache_memory_bytes: 2 GiB
    workload:
      requests: 100
      arrivals:
        process: poisson
        rate: 2.5/s
      prompt_tokens: {uniform: {min: 10, max: 20}}
      output_tokens: 30

    """

  static let model = """
    {
      "model_type": "llama",
      "hidden_size": 64,
      "intermediate_size": 128,
      "num_hidden_layers": 2,
      "num_attention_heads": 4,
      "num_key_value_heads": 2,
      "head_dim": 16,
      "vocab_size": 1000,
      "max_position_embeddings": 2048,
      "tie_word_embeddings": true,
      "rope_theta": 10000.0
    }

    """

  static let trace =
    "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
    + "2023-11-16 18:15:46.6805900,374,44\r\n"
    + "2023-11-16 18:15:50.9951690,396,109\r\n"
    + "2023-11-16 18:15:51,1,2"

  static let clients = "client,rate,cv\nx,2,1\ny,0.5,2\n"

  static let lengths = "10,1\r\n20,2.5\n10,0.5"

  /// A synthetic profile: no device was measured.
  static let syntheticProfile = Profile(
    provenance: .measured,
    device: Device(
      name: "Synthetic \"one\"", kind: "cpu", kernelPath: "scalar", threads: 2,
      memoryBytes: 8 << 30, lastLevelCacheBytes: 0),
    measuredAtUTC: "2026-11-23T21:00:00Z", blockSize: 16, readBytesPerSecond: 42_000_000_000,
    measurements: measurements(repeats: 3))

  static let profile = ProfileFile.encode(
    syntheticProfile,
    residuals: [
      Residuals(
        kind: .append, format: .fp16, points: 1, medianError: 0.0125, p95Error: 0.5,
        medianSpread: 0.1),
      Residuals(
        kind: .linear, format: nil, points: 2, medianError: 0, p95Error: 1.25,
        medianSpread: 0.1),
    ])

  /// A point of each operator in each format, `copies` times over.
  static func measurements(repeats: Int, copies: Int = 1) -> [CostModel.Measurement] {
    let heads = HeadGeometry(queryHeads: 32, kvHeads: 8, headDim: 128)
    var shapes: [OperatorShape] = [.linear(tokens: 1, outputs: 4096, inputs: 4096)]
    for format in KVFormat.named {
      shapes += [
        .append(tokens: 1, heads: heads, format: format),
        .decodeAttention(sequences: 1, context: 128, heads: heads, format: format),
        .prefillAttention(tokens: 64, prefix: 0, heads: heads, format: format),
      ]
    }
    return (0..<copies).flatMap { copy in
      shapes.enumerated().map { index, shape in
        CostModel.Measurement(
          shape: shape, isHeldOut: copy > 0 && index % 5 == 4,
          timesNs: (1...repeats).map { Int64(100_000 * (index + 1) + 7 * $0) })
      }
    }
  }
}

/// One thing wrong with a good file, and the one error that it has to give.
struct BadInput: Sendable, CustomStringConvertible {
  /// What the rule is.
  let description: String
  /// Text of the good file, and what stands there instead.
  let old: String
  let new: String
  /// `line:column` of the error.
  let place: String
  /// What the error says, among other things.
  let says: [String]

  init(_ description: String, _ old: String, _ new: String, _ place: String, _ says: String...) {
    self.init(description, old, new, place, says)
  }

  init(_ description: String, _ old: String, _ new: String, _ place: String, _ says: [String]) {
    self.description = description
    self.old = old
    self.new = new
    self.place = place
    self.says = says
  }

  /// `good` with the change made.
  func applied(to good: String) -> String {
    precondition(good.contains(old), "`\(old)` does not stand in the good file")
    return good.replacingOccurrences(of: old, with: new)
  }

  /// Expects that these errors of a file are one, at the place, which says what it should.
  func expectAlone(
    in errors: [String], of file: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try #require(errors.count == 1, "\(errors)", sourceLocation: sourceLocation)
    #expect(
      errors[0].hasPrefix("\(file):\(place): error: "), "\(errors[0])",
      sourceLocation: sourceLocation)
    for part in says {
      #expect(errors[0].contains(part), "\(errors[0])", sourceLocation: sourceLocation)
    }
  }
}
