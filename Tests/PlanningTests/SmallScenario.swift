import CostModel
import Foundation
import Operators
import Scenario

/// A small model on a made-up device, with 64 clients, in a folder of its own.
final class SmallScenario {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "kvsim-planning-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try write(
      "model.json",
      """
      {"model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 4,
       "num_key_value_heads": 2, "hidden_size": 256, "intermediate_size": 512,
       "vocab_size": 1000, "max_position_embeddings": 4096}
      """)
    try write("profile.json", ProfileFile.encode(SmallScenario.profile))
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: folder.appendingPathComponent(name))
  }

  /// 200 requests of these lengths, and whatever else stands at the end of the file; several
  /// devices have the link of `link.json`; `engine` is the option that says how much memory the
  /// cache gets, if not `memory`.
  func load(
    memory: String = "2 MiB", prompt: String = "{uniform: {min: 10, max: 200}}",
    output: String = "{uniform: {min: 1, max: 100}}", more: String = "",
    devices: Int = 1, batchedTokens: Int = 256, engine: String? = nil
  ) throws -> ServingScenario {
    try write(
      "small.yaml",
      text(
        memory: memory, prompt: prompt, output: output, more: more, devices: devices,
        batchedTokens: batchedTokens, engine: engine))
    return try ServingScenario.load(path: path("small.yaml"))
  }

  /// The text of such a scenario.
  func text(
    memory: String = "2 MiB", prompt: String = "{uniform: {min: 10, max: 200}}",
    output: String = "{uniform: {min: 1, max: 100}}", more: String = "",
    devices: Int = 1, batchedTokens: Int = 256, engine: String? = nil
  ) -> String {
    """
    kvsim: 1
    name: small
    model: model.json
    device: {profile: profile.json\(devices > 1 ? ", link: link.json" : "")}
    engine:
      max_num_seqs: 64
      max_num_batched_tokens: \(batchedTokens)
      \(engine ?? "kv_cache_memory_bytes: \(memory)")
      tensor_parallel_size: \(devices)
    workload:
      requests: 200
      arrivals: {process: closed-loop, concurrency: 64}
      prompt_tokens: \(prompt)
      output_tokens: \(output)
    \(more)
    """
  }

  private static let profile: Profile = {
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
  }()
}
