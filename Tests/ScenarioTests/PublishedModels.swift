@testable import Scenario

/// What is published of a model that is not shipped: the keys of its `config.json` that matter,
/// as they stand there, and its size.
struct PublishedModel: Sendable, CustomStringConvertible {
  let description: String
  /// The members of the file's root.
  let config: String
  /// Parameters, as the files of weights have them.
  let parameters: Double
  /// Parameters that a token uses, as the publisher says, to two digits; nil: all.
  let active: Double?

  init(_ name: String, _ parameters: Double, active: Double? = nil, _ config: String) {
    description = name
    self.parameters = parameters
    self.active = active
    self.config = config
  }

  /// The file as it is read.
  var file: SourceFile {
    SourceFile(path: "\(description)/config.json", bytes: Array("{\(config)}".utf8))
  }

  static func named(_ name: String) -> PublishedModel {
    all.first { $0.description == name }!
  }

  static let all = dense + gemma + phi + experts

  private static let dense = [
    PublishedModel(
      "Llama-3.2-1B", 1.23581e9,
      """
      "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "head_dim": 64,
      "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
      "max_position_embeddings": 131072, "tie_word_embeddings": true, "vocab_size": 128256
      """),
    PublishedModel(
      "granite-3.1-8b-instruct", 8.17085e9,
      """
      "model_type": "granite", "hidden_size": 4096, "intermediate_size": 12800,
      "num_hidden_layers": 40, "num_attention_heads": 32, "num_key_value_heads": 8,
      "max_position_embeddings": 131072, "tie_word_embeddings": true, "vocab_size": 49155
      """),
    PublishedModel(
      "OLMo-2-1124-7B", 7.29868e9,
      """
      "model_type": "olmo2", "hidden_size": 4096, "intermediate_size": 11008,
      "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
      "max_position_embeddings": 4096, "tie_word_embeddings": false, "vocab_size": 100352
      """),
    PublishedModel(
      "Seed-OSS-36B-Instruct", 36.1511e9,
      """
      "model_type": "seed_oss", "hidden_size": 5120, "intermediate_size": 27648, "head_dim": 128,
      "num_hidden_layers": 64, "num_attention_heads": 80, "num_key_value_heads": 8,
      "max_position_embeddings": 524288, "tie_word_embeddings": false, "vocab_size": 155136
      """),
    PublishedModel(
      "Mistral-7B-v0.1", 7.24173e9,
      """
      "model_type": "mistral", "hidden_size": 4096, "intermediate_size": 14336,
      "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
      "max_position_embeddings": 32768, "sliding_window": 4096, "vocab_size": 32000
      """),
    PublishedModel(
      "Mistral-Small-24B-Base", 23.5724e9,
      """
      "model_type": "mistral3", "vision_config": {"model_type": "pixtral", "hidden_size": 1024},
      "text_config": {"model_type": "mistral", "hidden_size": 5120, "intermediate_size": 32768,
      "num_hidden_layers": 40, "num_attention_heads": 32, "num_key_value_heads": 8,
      "head_dim": 128, "sliding_window": null, "vocab_size": 131072}
      """),
  ]

  private static let gemma = [
    PublishedModel(
      "gemma-2b", 2.50617e9,
      """
      "model_type": "gemma", "hidden_size": 2048, "intermediate_size": 16384, "head_dim": 256,
      "num_hidden_layers": 18, "num_attention_heads": 8, "num_key_value_heads": 1,
      "max_position_embeddings": 8192, "vocab_size": 256000
      """),
    PublishedModel(
      "gemma-2-27b", 27.22713e9,
      """
      "model_type": "gemma2", "hidden_size": 4608, "intermediate_size": 36864, "head_dim": 128,
      "num_hidden_layers": 46, "num_attention_heads": 32, "num_key_value_heads": 16,
      "max_position_embeddings": 8192, "sliding_window": 4096, "vocab_size": 256000
      """),
    PublishedModel(
      "gemma-3-1b-it", 0.999886e9,
      """
      "model_type": "gemma3_text", "hidden_size": 1152, "intermediate_size": 6912,
      "num_hidden_layers": 26, "num_attention_heads": 4, "num_key_value_heads": 1,
      "head_dim": 256, "max_position_embeddings": 32768, "sliding_window": 512,
      "sliding_window_pattern": 6, "vocab_size": 262144
      """),
    // 4.30 billion with the encoder of images; embedding and layers as the report has them.
    PublishedModel(
      "gemma-3-4b-it", 3.88e9,
      """
      "model_type": "gemma3", "vision_config": {"model_type": "siglip_vision_model"},
      "text_config": {"model_type": "gemma3_text", "hidden_size": 2560,
      "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024}
      """),
  ]

  private static let phi = [
    PublishedModel(
      "phi-2", 2.77968e9,
      """
      "model_type": "phi", "hidden_size": 2560, "intermediate_size": 10240,
      "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
      "max_position_embeddings": 2048, "vocab_size": 51200
      """),
    PublishedModel(
      "Phi-3-mini-4k-instruct", 3.82108e9,
      """
      "model_type": "phi3", "hidden_size": 3072, "intermediate_size": 8192,
      "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
      "max_position_embeddings": 4096, "sliding_window": 2047, "vocab_size": 32064
      """),
  ]

  private static let experts = [
    PublishedModel(
      "Phi-3.5-MoE-instruct", 41.8732e9, active: 6.6e9,
      """
      "model_type": "phimoe", "hidden_size": 4096, "intermediate_size": 6400,
      "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
      "num_local_experts": 16, "num_experts_per_tok": 2, "max_position_embeddings": 131072,
      "sliding_window": 131072, "vocab_size": 32064
      """),
    PublishedModel(
      "Qwen1.5-MoE-A2.7B", 14.3158e9, active: 2.7e9,
      """
      "model_type": "qwen2_moe", "hidden_size": 2048, "intermediate_size": 5632,
      "num_hidden_layers": 24, "num_attention_heads": 16, "num_key_value_heads": 16,
      "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632,
      "num_experts": 60, "num_experts_per_tok": 4, "max_position_embeddings": 8192,
      "sliding_window": 32768, "use_sliding_window": false, "vocab_size": 151936
      """),
    PublishedModel(
      "Qwen3-235B-A22B", 235.0936e9, active: 22e9,
      """
      "model_type": "qwen3_moe", "hidden_size": 4096, "intermediate_size": 12288,
      "num_hidden_layers": 94, "num_attention_heads": 64, "num_key_value_heads": 4,
      "head_dim": 128, "moe_intermediate_size": 1536, "mlp_only_layers": [],
      "num_experts": 128, "num_experts_per_tok": 8, "max_position_embeddings": 40960,
      "sliding_window": null, "use_sliding_window": false, "vocab_size": 151936
      """),
  ]
}
