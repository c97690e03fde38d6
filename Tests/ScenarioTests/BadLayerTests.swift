import Foundation
import Testing

@testable import Scenario

/// Mistakes in the keys that say how layers differ.
@Suite struct BadLayerTests {
  @Test("one mistake in a model of experts gives one error at its place", arguments: mistakes)
  func oneMistake(_ input: BadInput) throws {
    let errors = try Fixture.errors("model.json", input.applied(to: BadLayerTests.model))
    try input.expectAlone(in: errors, of: "model.json")
  }

  /// A good model of experts with windows.
  static let model = """
    {
      "model_type": "qwen2_moe",
      "hidden_size": 64,
      "intermediate_size": 128,
      "num_hidden_layers": 2,
      "num_attention_heads": 4,
      "num_key_value_heads": 2,
      "vocab_size": 1000,
      "max_position_embeddings": 2048,
      "num_experts": 8,
      "num_experts_per_tok": 2,
      "moe_intermediate_size": 32,
      "shared_expert_intermediate_size": 16,
      "decoder_sparse_step": 1,
      "mlp_only_layers": [0],
      "use_sliding_window": true,
      "sliding_window": 100,
      "layer_types": ["full_attention", "sliding_attention"]
    }

    """

  static let mistakes: [BadInput] = [
    BadInput("too many per token", "tok\": 2", "tok\": 9", "11:26", "9 is more than `num_experts`"),
    BadInput("no experts", "experts\": 8", "experts\": 0", "10:18", "out of range"),
    BadInput("too many experts", "experts\": 8", "experts\": 99999", "10:18", "from 1 to 16384"),
    BadInput(
      "experts too wide", "\"moe_intermediate_size\": 32", "\"moe_intermediate_size\": 4000000",
      "10:18", "8 experts of width 4000000 are too many"),
    BadInput(
      "no width", "  \"moe_intermediate_size\": 32,\n", "", "1:1",
      "moe_intermediate_size: missing"),
    BadInput(
      "no shared width", "  \"shared_expert_intermediate_size\": 16,\n", "", "1:1",
      "shared_expert_intermediate_size: missing"),
    BadInput("step", "step\": 1", "step\": 0", "14:26", "from 1 to 4096"),
    BadInput("dense layers are a number", "[0]", "0", "15:22", "a list of layers"),
    BadInput("a dense layer is text", "[0]", "[0, \"1\"]", "15:26", "mlp_only_layers[1]"),
    BadInput("use is text", "true", "\"yes\"", "16:25", "true or false"),
    BadInput("window", "window\": 100", "window\": 0", "17:21", "from 1 to"),
    BadInput(
      "types missing", "\"full_attention\", ", "", "18:18",
      "1 entries for `num_hidden_layers` 2; accepted: one for each layer"),
    BadInput(
      "type unknown", "\"full_attention\"", "\"linear_attention\"", "18:19", "layer_types[0]",
      "accepted: `full_attention`, `sliding_attention`"),
    BadInput("types are text", "[\"full_attention\", \"sliding_attention\"]", "\"full\"", "18:18"),
    BadInput(
      "no mapping", "\"qwen2_moe\"", "\"gemma3\", \"text_config\": 1", "2:42", "text_config"),
    BadInput("no text model", "\"qwen2_moe\"", "\"gemma3\"", "1:1", "text_config: missing"),
    BadInput(
      "text model not covered", "\"qwen2_moe\"",
      "\"mistral3\", \"text_config\": {\"model_type\": \"mamba\"}", "2:59",
      "text_config.model_type: `mamba` is not covered: some of its layers are recurrent"),
  ]

  @Test(
    "models that people know are refused with the reason",
    arguments: [
      ("deepseek_v3", "latent attention"), ("mistral4", "latent attention"),
      ("jamba", "recurrent"), ("qwen3_next", "recurrent"), ("whisper", "has an encoder"),
      ("llama4", "cut into chunks"), ("gpt_oss", "sinks"), ("gemma3n", "share keys and values"),
      ("qwen2_5_vl", "takes images"), ("bert", "generates no tokens"), ("falcon", "of its own"),
    ])
  func knownModels(type: String, reason: String) throws {
    // Whatever else stands there, and whatever is missing.
    let errors = try Fixture.errors("model.json", "{\"model_type\": \"\(type)\"}")
    try #require(errors.count == 1)
    #expect(errors[0].hasPrefix("model.json:1:16: error: model_type: `\(type)` is not covered: "))
    #expect(errors[0].contains(reason) && errors[0].contains("accepted: `llama`, "))
  }

  @Test("the errors of a text model say where it stands")
  func nested() throws {
    let text = #"{"model_type": "gemma3", "text_config": {"num_hidden_layers": 0}}"#
    let errors = try Fixture.errors("model.json", text)
    #expect(errors.count == 1)
    #expect(errors[0].hasPrefix("model.json:1:63: error: text_config.num_hidden_layers: `0` is"))
  }

  @Test("a default of KV heads that does not divide the query heads is refused")
  func kvHeads() throws {
    let text = Fixture.model.replacingOccurrences(of: "\"llama\"", with: "\"qwen2\"")
      .replacingOccurrences(of: "  \"num_key_value_heads\": 2,\n", with: "")
    let errors = try Fixture.errors("model.json", text)
    #expect(errors.count == 1)
    #expect(errors[0].contains("1:1: error: num_key_value_heads: missing, and the default of"))
  }
}
