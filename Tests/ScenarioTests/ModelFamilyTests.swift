import CostModel
import Operators
import Testing

@testable import Scenario

@Suite struct ModelFamilyTests {
  @Test("a published config.json gives the published sizes", arguments: PublishedModel.all)
  func sizes(_ published: PublishedModel) throws {
    let model = try ModelFile.parse(published.file).architecture
    let error = Double(model.parameters) / published.parameters - 1
    #expect(abs(error) < 0.001, "\(model.parameters) parameters")
    let active = published.active ?? published.parameters
    let activeError = Double(model.activeParameters) / active - 1
    #expect(abs(activeError) < (published.active == nil ? 0.001 : 0.02), "\(activeError)")
    #expect(model.kvBytesPerToken(.fp16) == model.layers * model.heads.kvBytesPerToken(.fp16))
  }

  /// The windows of a model's groups, and in how many layers.
  private func windows(_ model: ModelArchitecture) -> [Int?: Int] {
    Dictionary(uniqueKeysWithValues: model.layerGroups.map { ($0.attentionWindow, $0.count) })
  }

  private func windows(_ name: String) throws -> [Int?: Int] {
    windows(try ModelFile.parse(PublishedModel.named(name).file).architecture)
  }

  @Test("windows are those of the family, alternating where it alternates")
  func familyWindows() throws {
    #expect(try windows("Llama-3.2-1B") == [nil: 16])
    #expect(try windows("Mistral-7B-v0.1") == [4096: 32])
    #expect(try windows("Mistral-Small-24B-Base") == [nil: 40])
    #expect(try windows("gemma-2b") == [nil: 18])
    #expect(try windows("gemma-2-27b") == [4096: 23, nil: 23])
    #expect(try windows("gemma-3-1b-it") == [512: 22, nil: 4])
    #expect(try windows("gemma-3-4b-it") == [1024: 29, nil: 5])
    #expect(try windows("Phi-3-mini-4k-instruct") == [2047: 32])
    #expect(try windows("Qwen1.5-MoE-A2.7B") == [nil: 24])
    // As long as the longest request: none.
    #expect(try windows("Phi-3.5-MoE-instruct") == [nil: 32])
  }

  @Test(
    "keys decide which layers have windows",
    arguments: [
      (#""use_sliding_window": true, "sliding_window": 100, "max_window_layers": 2"#, 1),
      (#""use_sliding_window": true, "sliding_window": 100, "max_window_layers": 0"#, 3),
      (#""use_sliding_window": true, "sliding_window": 100"#, 0),
      (#""use_sliding_window": false, "sliding_window": 100, "max_window_layers": 2"#, 0),
      (#""sliding_window": 100, "max_window_layers": 2"#, 0),
      (#""use_sliding_window": true, "sliding_window": null, "max_window_layers": 2"#, 0),
      (
        #""use_sliding_window": true, "sliding_window": 100, "max_window_layers": 3, "#
          + #""layer_types": ["sliding_attention", "full_attention", "sliding_attention"]"#, 2
      ),
    ])
  func windowKeys(keys: String, windowed: Int) throws {
    let model = try parse("qwen2", keys)
    #expect(windows(model)[100] ?? 0 == windowed)
    #expect(windows(model)[nil] ?? 0 == 3 - windowed)
  }

  @Test(
    "keys decide which layers have experts",
    arguments: [
      ("", [0, 1, 2]), (#""decoder_sparse_step": 2"#, [1]),
      (#""mlp_only_layers": [0, 1]"#, [2]), (#""mlp_only_layers": null"#, [0, 1, 2]),
      (#""decoder_sparse_step": 2, "mlp_only_layers": [1]"#, []),
    ])
  func expertKeys(keys: String, layers: [Int]) throws {
    let expertKeys =
      #""num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 24"#
    let model = try parse("qwen3_moe", keys.isEmpty ? expertKeys : "\(expertKeys), \(keys)")
    let experts = FeedForward.experts(
      count: 8, perToken: 2, intermediateSize: 24, sharedIntermediateSize: 0)
    let counts = Dictionary(
      uniqueKeysWithValues: model.layerGroups.map { ($0.feedForward, $0.count) })
    #expect(counts[experts] ?? 0 == layers.count)
    #expect(counts[.dense(intermediateSize: 128, isGated: true)] ?? 0 == 3 - layers.count)
  }

  @Test("either key counts the experts")
  func expertCount() throws {
    let model = try parse("mixtral", #""num_experts": 4, "num_experts_per_tok": 1"#)
    #expect(model.layerGroups[0].feedForward.expertCount == 4)
    #expect(model.layerGroups[0].feedForward.expertsPerToken == 1)
  }

  @Test("what a family leaves out is transformers' default")
  func defaults() throws {
    #expect(try parse("qwen3", "").heads.headDim == 128)
    #expect(try parse("gemma", "").heads.headDim == 256)
    #expect(try parse("llama", "").heads.headDim == 16)
    #expect(try parse("gemma2", "").tiesEmbeddings && parse("gemma3_text", "").tiesEmbeddings)
    #expect(try !parse("gemma", #""tie_word_embeddings": false"#).tiesEmbeddings)
    #expect(try !parse("phi3", "").tiesEmbeddings)
    #expect(try windows(parse("mistral", "")) == [nil: 3])
    #expect(try windows(parse("mistral", #""max_position_embeddings": 8192"#)) == [4096: 3])
    #expect(try parse("gemma2", "").normsPerLayer == 4 && parse("phi", "").normsPerLayer == 1)
    let gate = FeedForward.dense(intermediateSize: 128, isGated: false)
    #expect(try parse("phi", "").layerGroups.map(\.feedForward) == [gate])
  }

  @Test(
    "the longest request is what the file states or transformers' default, stretched as vLLM does",
    arguments: [
      ("llama", "", 2048), ("llama", #""max_sequence_length": 1024"#, 1024),
      ("llama", #""max_position_embeddings": 4096, "max_sequence_length": 1024"#, 4096),
      ("qwen2", "", 32_768),
      (
        "qwen3",
        #""max_position_embeddings": 40960, "rope_scaling": {"rope_type": "yarn", "#
          + #""factor": 4.0, "original_max_position_embeddings": 32768}"#, 131_072
      ),
      ("qwen2", #""rope_scaling": {"type": "yarn", "factor": 4}"#, 131_072),
      ("llama", #""rope_scaling": {"type": "linear", "factor": 2.5}"#, 5120),
      ("llama", #""rope_parameters": {"rope_type": "dynamic", "factor": 2.0}"#, 4096),
      (
        "llama",
        #""max_position_embeddings": 131072, "rope_scaling": {"rope_type": "llama3", "#
          + #""factor": 8.0, "original_max_position_embeddings": 8192}"#, 131_072
      ),
      ("phi3", #""rope_scaling": {"type": "longrope", "long_factor": [1.0]}"#, 4096),
      ("phi3", #""rope_scaling": {"type": "su", "factor": 32.0}"#, 4096),
      ("llama", #""rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}"#, 2048),
      ("gemma3_text", #""rope_scaling": {"rope_type": "linear", "factor": 8.0}"#, 131_072),
      ("llama", #""rope_scaling": null"#, 2048),
    ])
  func positions(type: String, keys: String, positions: Int) throws {
    #expect(try parse(type, keys, positions: nil).maxPositions == positions)
  }

  @Test("a text model's own tie comes before the whole model's")
  func nestedTie() throws {
    func ties(_ root: String, _ text: String) throws -> Bool {
      let json = #"{"model_type": "mistral3"\#(root), "text_config": {"vocab_size": 9\#(text)}}"#
      return try ModelFile.parse(SourceFile(path: "m.json", bytes: Array(json.utf8)))
        .architecture.tiesEmbeddings
    }
    let (yes, no) = (#", "tie_word_embeddings": true"#, #", "tie_word_embeddings": false"#)
    #expect(try !ties("", "") && ties(yes, "") && ties("", yes))
    #expect(try !ties(yes, no) && ties(no, yes))
  }

  /// A small model of three layers with further keys.
  private func parse(
    _ type: String, _ keys: String, positions: Int? = 2048
  ) throws -> ModelArchitecture {
    var members = [
      "\"model_type\": \"\(type)\"", "\"hidden_size\": 64", "\"intermediate_size\": 128",
      "\"vocab_size\": 1000", "\"num_hidden_layers\": 3", "\"num_attention_heads\": 4",
      "\"num_key_value_heads\": 2",
    ]
    if let positions, !keys.contains("max_position_embeddings") {
      members.append("\"max_position_embeddings\": \(positions)")
    }
    if !keys.isEmpty { members.append(keys) }
    let json = "{\(members.joined(separator: ", "))}"
    return try ModelFile.parse(SourceFile(path: "m.json", bytes: Array(json.utf8))).architecture
  }
}
