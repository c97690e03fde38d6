import CostModel
import Foundation
import Testing

@testable import Scenario

@Suite struct WeightFormatTests {
  @Test(
    "a quantization_config says what the weights are",
    arguments: [
      ("null", WeightFormat.sixteenBit),
      (#"{"quant_method": "fp8", "weight_block_size": [128, 128]}"#, .fp8),
      (
        #"{"quant_method": "fp8", "modules_to_not_convert": ["lm_head", "#
          + #""model.layers.0.mlp.gate", "model.layers.0.input_layernorm"]}"#, .fp8
      ),
      (#"{"quant_method": "awq"}"#, .int4(groupSize: 128, isSymmetric: false)),
      (
        #"{"quant_method": "awq", "bits": 4, "group_size": 64, "zero_point": false, "#
          + #""modules_to_not_convert": ["gate"]}"#, .int4(groupSize: 64, isSymmetric: true)
      ),
      (
        #"{"quant_method": "gptq", "bits": 4, "group_size": -1, "sym": true, "lm_head": false}"#,
        .int4(groupSize: nil, isSymmetric: true)
      ),
      (
        #"{"quant_method": "gptq", "bits": 4, "sym": false, "#
          + #""dynamic": {"-:.*mlp\\.gate\\..*": {}}}"#,
        .int4(groupSize: 128, isSymmetric: false)
      ),
      (compressed(#"{"num_bits": 8, "type": "float", "strategy": "channel"}"#), .fp8),
      (
        compressed(#"{"num_bits": 4, "type": "int", "symmetric": true, "group_size": 128}"#),
        .int4(groupSize: 128, isSymmetric: true)
      ),
      (
        compressed(#"{"num_bits": 4, "symmetric": false, "group_size": null}"#),
        .int4(groupSize: nil, isSymmetric: false)
      ),
    ])
  func formats(config: String, format: WeightFormat) throws {
    #expect(try parse(config, key: "quantization_config") == format)
    #expect(try parse(config, key: "compression_config") == format)
  }

  /// One group of compressed-tensors, as llm-compressor writes it.
  private static func compressed(_ weights: String) -> String {
    #"{"quant_method": "compressed-tensors", "ignore": ["lm_head", "re:.*mlp.gate$"], "#
      + #""sparsity_config": {}, "config_groups": {"group_0": {"targets": ["Linear"], "#
      + #""weights": \#(weights)}}}"#
  }

  private func parse(_ config: String, key: String) throws -> WeightFormat {
    let text = Fixture.model.replacingOccurrences(
      of: "\"rope_theta\"", with: "\"\(key)\": \(config), \"rope_theta\"")
    return try ModelFile.parse(SourceFile(path: "m.json", bytes: Array(text.utf8)))
      .architecture.weightFormat
  }

  @Test("a model with images states its format at the root or in its text model")
  func nested() throws {
    let format = #""quantization_config": {"quant_method": "fp8"}"#
    for members in [
      #""text_config": {}, \#(format)"#, #""text_config": {\#(format)}"#,
    ] {
      let json = #"{"model_type": "gemma3", \#(members)}"#
      let file = SourceFile(path: "m.json", bytes: Array(json.utf8))
      #expect(try ModelFile.parse(file).architecture.weightFormat == .fp8)
    }
  }

  @Test("a format that is not covered gives one error that says why", arguments: refused)
  func refusals(_ config: String, key: String, says: String) throws {
    let text = Fixture.model.replacingOccurrences(
      of: "\"rope_theta\"", with: "\"quantization_config\": \(config), \"rope_theta\"")
    let errors = try Fixture.errors("model.json", text)
    try #require(errors.count == 1, "\(errors)")
    #expect(errors[0].hasPrefix("model.json:12:"))
    #expect(errors[0].contains("error: quantization_config\(key): "), "\(errors[0])")
    #expect(errors[0].contains(says), "\(errors[0])")
  }

  static let refused: [(String, String, String)] = [
    ("3", "", "a mapping of `quant_method`"),
    ("{}", ".quant_method", "missing; accepted: `fp8`, `compressed-tensors`, `awq`, `gptq`"),
    (#"{"quant_method": "bitsandbytes"}"#, ".quant_method", "`bitsandbytes` are not covered"),
    (#"{"quant_method": "gptq", "bits": 8}"#, ".bits", "weights of 8 bits are not covered"),
    (#"{"quant_method": "gptq", "bits": 4, "lm_head": true}"#, ".lm_head", "a quantised head"),
    (#"{"quant_method": "awq", "group_size": 0}"#, ".group_size", "0 is no group"),
    (#"{"quant_method": "awq", "zero_point": 1}"#, ".zero_point", "true or false"),
    (
      #"{"quant_method": "fp8", "modules_to_not_convert": ["lm_head", "self_attn.q_proj"]}"#,
      ".modules_to_not_convert[1]", "`self_attn.q_proj` of 16 bits"
    ),
    (#"{"quant_method": "fp8", "ignored_layers": 1}"#, ".ignored_layers", "a list of modules"),
    (
      #"{"quant_method": "gptq", "bits": 4, "dynamic": {"+:.*down.*": {"bits": 8}}}"#,
      ".dynamic", "`+:.*down.*` in a format of its own"
    ),
    (#"{"quant_method": "compressed-tensors"}"#, ".config_groups", "missing"),
    (
      #"{"quant_method": "compressed-tensors", "config_groups": {"group_0": {}, "group_1": {}}}"#,
      ".config_groups", "2 groups of weights"
    ),
    (compressed("null"), ".config_groups.group_0.weights", "`null` is not accepted"),
    (
      compressed(#"{"num_bits": 8, "type": "int"}"#), ".config_groups.group_0.weights.num_bits",
      "weights of 8 bits and type `int`"
    ),
    (
      #"{"quant_method": "compressed-tensors", "#
        + #""sparsity_config": {"format": "sparse-24-bitmask"}}"#,
      ".sparsity_config.format", "sparse weights are not covered"
    ),
    (
      compressed("{}").replacingOccurrences(of: "\"Linear\"", with: "\"re:.*mlp.*\""),
      ".config_groups.group_0.targets[0]", "a format for some layers only"
    ),
  ]
}
