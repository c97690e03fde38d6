import Operators

/// Every key that a file from outside may have, in the order in which messages list them. Those of
/// a scenario are declared with what they hold: see ``SchemaKey``.
///
/// `docs/scenarios.md` explains each; a test holds the two together.
enum SchemaKeys {
  /// What is read of a model's `config.json`; it may have other keys too.
  static let model = [
    "model_type", "text_config", "hidden_size", "intermediate_size", "num_hidden_layers",
    "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
    "max_position_embeddings", "tie_word_embeddings", "sliding_window", "use_sliding_window",
    "max_window_layers", "sliding_window_pattern", "layer_types", "num_experts",
    "num_local_experts", "num_experts_per_tok", "moe_intermediate_size",
    "shared_expert_intermediate_size", "decoder_sparse_step", "mlp_only_layers",
    "quantization_config", "compression_config", "_name_or_path", "kv_lora_rank",
    "is_encoder_decoder", "max_sequence_length", "rope_scaling", "rope_parameters", "alibi",
    "num_key_value_heads_per_layer",
  ]
  /// What is read of its `rope_scaling` or `rope_parameters`.
  static let ropeScaling = ["rope_type", "type", "factor", "original_max_position_embeddings"]
  /// What is read of its `quantization_config`.
  static let quantization = [
    "quant_method", "bits", "group_size", "zero_point", "sym", "lm_head",
    "modules_to_not_convert", "ignored_layers", "ignore", "dynamic", "config_groups",
    "sparsity_config", "quant_algo", "load_in_4bit", "load_in_8bit", "bnb_4bit_use_double_quant",
    "llm_int8_skip_modules", "quant_type", "quant_type_kwargs", "include_input_output_embeddings",
    "quant_config", "skip_modules",
  ]
  /// What is read of a torchao type that is a mapping, and of what stands in it.
  static let torchaoTypes = ["default"]
  static let torchaoType = ["_type", "_data"]
  /// What is read of HQQ's `quant_config`, and of what stands in it.
  static let hqq = ["weight_quant_params", "scale_quant_params", "zero_quant_params"]
  static let groupedWeights = ["nbits", "group_size"]
  static let quantizationGroup = ["targets", "weights"]
  static let quantizationWeights = ["num_bits", "type", "symmetric", "group_size"]

  /// The root of a profile.
  static let profile = [
    "kvsim_profile", "provenance", "derived_from", "measured_at_utc", "device", "block_size",
    "metadata_bytes_per_vector", "chunks_share_launch", "read_bytes_per_second",
    "measurements", "residuals", "uncertainty", "checksum",
  ]
  static let profileDevice = [
    "name", "kind", "kernel_path", "kernel_version", "driver", "layer_plan_multiprocessors",
    "threads",
    "memory_bytes", "last_level_cache_bytes",
  ]
  static let residual = [
    "operator", "format", "points", "median_error", "p95_error", "median_spread",
  ]
  static let uncertainty = ["operator", "format", "points", "median_width", "largest_width"]
  private static let heads = ["query_heads", "kv_heads", "head_dim", "format"]
  /// Keys of a measurement beside those of ``anyMeasurement``, by operator.
  static let operators: [(name: String, keys: [String])] =
    [
      ("linear", ["tokens", "outputs", "inputs"]),
      ("append", ["tokens"] + heads),
      ("gather", ["tokens"] + heads),
      ("decode_attention", ["sequences", "context"] + heads),
      ("ragged_decode_attention", ["sequences", "context", "longest"] + heads),
      ("prefill_attention", ["tokens", "prefix"] + heads),
      ("experts", ["tokens", "active", "per_token", "inputs", "width"]),
      ("mixed_attention", ["tokens", "prefix", "sequences", "context"] + heads),
    ] + ElementwiseOperator.allCases.map { ($0.rawValue, ["rows", "width"]) }
  static let anyMeasurement = ["operator", "held_out", "times_ns"]
  static let operatorNames = operators.map(\.name)
  /// Keys that one measurement or another has.
  static let allOfMeasurements = anyMeasurement + operators.flatMap(\.keys)

  /// The root of a data sheet.
  static let dataSheet = [
    "kvsim_data_sheet", "name", "memory_bytes", "bytes_per_second", "flops_per_second", "source",
  ]

  /// The root of a measured link.
  static let linkFile = [
    "kvsim_link", "measured_at_utc", "device", "software", "notes", "measurements",
  ]
  static let linkDevice = ["name", "driver", "links"]
  static let linkPoint = ["collective", "algorithm", "devices", "bytes", "times_ns"]

  /// All of them.
  static let all: Set<String> = Set(
    ScenarioKeys.form.reachable.flatMap(\.names)
      + model + quantization + ropeScaling
      + quantizationGroup + quantizationWeights + torchaoTypes + torchaoType + hqq + groupedWeights
      + profile + profileDevice + residual + uncertainty
      + operators.flatMap(\.keys) + anyMeasurement + dataSheet + linkFile + linkDevice + linkPoint)
}
