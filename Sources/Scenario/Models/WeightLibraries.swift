import CostModel

/// The methods whose `quantization_config` is the settings of a library.
extension WeightFormatReader {
  /// NVIDIA's ModelOpt.
  func modelopt(_ fields: ModelFields) -> WeightFormat? {
    guard let cursor = fields.config.required("quant_algo", accepted: "`FP8`"),
      let algorithm = cursor.text()
    else { return nil }
    guard algorithm == "FP8" else {
      cursor.refuse("weights of \(Escaping.quoted(algorithm)) are not covered; accepted: `FP8`")
      return nil
    }
    return .eightBit
  }

  /// bitsandbytes: a byte a weight, or four bits with a scale of 32 bits for 64 weights, of which
  /// double quantisation leaves eight (QLoRA, arXiv 2305.14314, section 3).
  func bitsAndBytes(_ fields: ModelFields) -> WeightFormat? {
    guard let isFour = fields.boolean("load_in_4bit", absent: false),
      let isEight = fields.boolean("load_in_8bit", absent: false),
      let isDouble = fields.boolean("bnb_4bit_use_double_quant", absent: false)
    else { return nil }
    guard isFour != isEight else {
      fields.refuse(
        "load_in_4bit", "is \(isFour), and so is `load_in_8bit`; accepted: one of them true")
      return nil
    }
    return isEight ? .eightBit : .int4(groupSize: 64, groupBits: isDouble ? 8 : 32)
  }

  /// torchao: a byte a weight, or four bits with a scale and a zero of 16 bits for each group. The
  /// type is a word, or a mapping of the class that is named and its settings.
  func torchao(_ fields: ModelFields) -> WeightFormat? {
    guard let isEmbedding = fields.boolean("include_input_output_embeddings", absent: false) else {
      return nil
    }
    guard !isEmbedding else {
      fields.refuse("include_input_output_embeddings", "is not covered; accepted: false")
      return nil
    }
    guard let cursor = fields.config.required("quant_type", accepted: "a type of torchao") else {
      return nil
    }
    var type = cursor
    var settings = fields.value("quant_type_kwargs")
    if case .mapping = cursor.node.kind {
      guard let types = cursor.anyMapping(keys: SchemaKeys.torchaoTypes),
        let own = types.required("default", accepted: "the type of all layers")?
          .anyMapping(keys: SchemaKeys.torchaoType),
        let name = own.required("_type", accepted: "a type of torchao")
      else { return nil }
      guard types.members.count == 1 else {
        cursor.refuse("a format for some layers only is not covered; accepted: `default` alone")
        return nil
      }
      (type, settings) = (name, own.optional("_data"))
    }
    let eight = [
      "int8_weight_only", "int8_dynamic_activation_int8_weight", "float8_weight_only",
      "float8_dynamic_activation_float8_weight", "Int8WeightOnlyConfig",
      "Int8DynamicActivationInt8WeightConfig", "Float8WeightOnlyConfig",
      "Float8DynamicActivationFloat8WeightConfig",
    ]
    let four = ["int4_weight_only", "Int4WeightOnlyConfig"]
    guard let word = type.choice(of: four + eight) else { return nil }
    guard four.contains(word) else { return .eightBit }
    return grouped(settings, groupBits: 32, absent: 128)
  }

  /// HQQ: four bits, and a scale and a zero of 16 bits for each group, of eight where they are
  /// quantised themselves.
  func hqq(_ fields: ModelFields) -> WeightFormat? {
    guard
      let config = fields.config.required("quant_config", accepted: "a mapping")?
        .anyMapping(keys: SchemaKeys.hqq),
      let weights = config.required(
        "weight_quant_params", accepted: "one format for all layers")
    else { return nil }
    let own = ModelFields(config: config, isNested: false)
    let bits = ["scale_quant_params", "zero_quant_params"].reduce(0) {
      $0 + (own.value($1) == nil ? 16 : 8)
    }
    return grouped(weights, groupBits: bits, absent: 64)
  }

  /// Four bits in groups, whose size stands in `settings` if anywhere.
  private func grouped(_ settings: Cursor?, groupBits: Int, absent: Int) -> WeightFormat? {
    guard let settings, !settings.isNull else {
      return .int4(groupSize: absent, groupBits: groupBits)
    }
    guard let mapping = settings.anyMapping(keys: SchemaKeys.groupedWeights) else { return nil }
    let fields = ModelFields(config: mapping, isNested: false)
    guard areFour(fields.value("nbits")), let size = groupSize(fields, absent: absent) else {
      return nil
    }
    return .int4(groupSize: size > 0 ? size : nil, groupBits: groupBits)
  }
}
