import CostModel
import Foundation
import Operators
import Testing

@testable import Scenario

/// A folder of LLMServingSim's in a temporary place, which goes with it.
final class LLMServingSimFixture {
  /// Ends in a slash.
  let path: String
  private let originals: [String: String]

  /// 4 query heads and 2 KV heads of 16, hidden size 64, MLP 128, vocabulary 1000.
  static let model = ModelArchitecture(
    name: "m", hiddenSize: 64, intermediateSize: 128, layers: 2,
    heads: HeadGeometry(queryHeads: 4, kvHeads: 2, headDim: 16), vocabSize: 1000,
    maxPositions: 4096, tiesEmbeddings: false)

  static let files = [
    "profile-meta.yaml": """
    vllm_version: 0.19.0
    cuda_version: '12.8'
    gpu: Some GPU
    profiled_at: '2026-08-17T19:43:32+00:00'
    tp_degrees: [1]
    engine_effective:
      block_size: 16

    """,
    "cluster.json": """
    {"nodes": [{"instances": [{"npu_mem": {"mem_size": 24, "mem_bw": 1008}}]}]}
    """,
    "dense.csv": """
    layer,tokens,time_us
    qkv_proj,1,10.5
    o_proj,1,4.0004
    gate_up_proj,2,20
    down_proj,2,11
    layernorm,1,1.5
    final_layernorm,1,1.25
    rotary_emb,1,2
    act_fn,1,3
    embedding,1,2.5

    """,
    "per_sequence.csv": "layer,sequences,time_us\r\nlm_head,3,30\r\nsampler,3,7\r\n",
    "attention.csv": """
    prefill_chunk,kv_prefill,n_decode,kv_decode,time_us
    0,0,1,16,9.31067
    16,0,0,0,9.546
    16,32,4,64,12

    """,
  ]

  /// The files of a good folder.
  /// - Parameter more: further ones, or others in place of those.
  init(with more: [String: String] = [:]) throws {
    path = NSTemporaryDirectory() + "kvsim-import-\(UUID().uuidString)/"
    originals = LLMServingSimFixture.files.merging(more) { _, new in new }
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for (name, text) in originals { try write(name, text) }
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path + name))
  }

  /// Writes a good file with some text replaced.
  func change(_ name: String, _ old: String, _ new: String) throws {
    let text = try #require(originals[name])
    try #require(text.contains(old))
    try write(name, text.replacingOccurrences(of: old, with: new))
  }

  /// What an import of the folder is refused for, with paths from the folder on.
  func errors(degree: Int = 1, readsRagged: Bool = false) -> [String] {
    do throws(ScenarioError) {
      _ = try LLMServingSimImport(
        folder: path, model: LLMServingSimFixture.model, degree: degree, readsRagged: readsRagged)
      return []
    } catch {
      return error.diagnostics.map { $0.description.replacingOccurrences(of: path, with: "") }
    }
  }
}
