import CostModel
import Foundation
import Testing

@testable import Scenario

@Suite struct WeightFormatTests {
  @Test(
    "libraries' settings say what their weights are",
    arguments: [
      (
        #"{"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0, "#
          + #""modules_to_not_convert": ["lm_head"]}"#, WeightFormat.eightBit
      ),
      (
        #"{"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["lm_head"], "#
          + #""producer": {"name": "modelopt"}}"#, .eightBit
      ),
      (
        #"{"quant_method": "bitsandbytes", "load_in_4bit": true, "load_in_8bit": false, "#
          + #""bnb_4bit_quant_type": "nf4", "llm_int8_skip_modules": null}"#,
        .int4(groupSize: 64, groupBits: 32)
      ),
      (
        #"{"quant_method": "bitsandbytes", "load_in_4bit": true, "#
          + #""bnb_4bit_use_double_quant": true, "llm_int8_skip_modules": ["lm_head"]}"#,
        .int4(groupSize: 64, groupBits: 8)
      ),
      (#"{"quant_method": "bitsandbytes", "load_in_8bit": true}"#, .eightBit),
      (
        #"{"quant_method": "torchao", "quant_type": "int4_weight_only", "#
          + #""quant_type_kwargs": {"group_size": 64, "inner_k_tiles": 8}}"#,
        .int4(groupSize: 64, groupBits: 32)
      ),
      (
        #"{"quant_method": "torchao", "quant_type": {"default": "#
          + #"{"_type": "Int4WeightOnlyConfig", "_version": 1, "_data": {"group_size": 32}}}}"#,
        .int4(groupSize: 32, groupBits: 32)
      ),
      (#"{"quant_method": "torchao", "quant_type": "float8_weight_only"}"#, .eightBit),
      (
        #"{"quant_method": "hqq", "skip_modules": ["lm_head"], "quant_config": "#
          + #"{"weight_quant_params": {"nbits": 4, "group_size": 64, "axis": 1}, "#
          + #""scale_quant_params": null, "zero_quant_params": null}}"#,
        .int4(groupSize: 64, groupBits: 32)
      ),
      (
        #"{"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4}, "#
          + #""zero_quant_params": {"nbits": 8}}}"#, .int4(groupSize: 64, groupBits: 24)
      ),
    ])
  func libraries(config: String, format: WeightFormat) throws {
    #expect(try parse(config, key: "quantization_config") == format)
  }

  @Test(
    "a quantization_config says what the weights are",
    arguments: [
      ("null", WeightFormat.sixteenBit),
      (#"{"quant_method": "fp8", "weight_block_size": [128, 128]}"#, .eightBit),
      (
        #"{"quant_method": "fp8", "modules_to_not_convert": ["lm_head", "#
          + #""model.layers.0.mlp.gate", "model.layers.0.input_layernorm"]}"#, .eightBit
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
      (compressed(#"{"num_bits": 8, "type": "float", "strategy": "channel"}"#), .eightBit),
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
      #expect(try ModelFile.parse(file).architecture.weightFormat == .eightBit)
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
    (#"{"quant_method": "spqr"}"#, ".quant_method", "`spqr` are not covered"),
    (
      #"{"quant_method": "bitsandbytes"}"#, ".load_in_4bit",
      "is false, and so is `load_in_8bit`; accepted: one of them true"
    ),
    (
      #"{"quant_method": "modelopt", "quant_algo": "NVFP4"}"#, ".quant_algo",
      "weights of `NVFP4` are not covered; accepted: `FP8`"
    ),
    (#"{"quant_method": "torchao", "quant_type": "int3"}"#, ".quant_type", "`int3` is unknown"),
    (
      #"{"quant_method": "torchao", "quant_type": {"default": {"_type": "Int8WeightOnlyConfig"}, "#
        + #""lm_head": null}}"#, ".quant_type", "a format for some layers only"
    ),
    (
      #"{"quant_method": "torchao", "quant_type": "int8_weight_only", "#
        + #""include_input_output_embeddings": true}"#, ".include_input_output_embeddings",
      "is not covered; accepted: false"
    ),
    (
      #"{"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 2}}}"#,
      ".quant_config.weight_quant_params.nbits", "weights of 2 bits are not covered"
    ),
    (
      #"{"quant_method": "hqq", "quant_config": {"self_attn.q_proj": {}}}"#,
      ".quant_config.weight_quant_params", "missing; accepted: one format for all layers"
    ),
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
