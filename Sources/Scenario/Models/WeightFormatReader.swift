import CostModel

/// The `quantization_config` of a model: what the weights of its projections are.
struct WeightFormatReader {
  let log: DiagnosticLog

  static let methods = [
    "fp8", "compressed-tensors", "awq", "gptq", "fbgemm_fp8", "modelopt", "bitsandbytes", "torchao",
    "hqq",
  ]

  /// Nil with an error where the format is not covered.
  func format(_ cursor: Cursor) -> WeightFormat? {
    guard let config = cursor.anyMapping(keys: SchemaKeys.quantization) else { return nil }
    let accepted =
      WeightFormatReader.methods.map { "`\($0)`" }.joined(separator: ", ")
      + ", or `quantization_config`: null"
    let fields = ModelFields(config: config, isNested: false)
    guard let methodCursor = config.required("quant_method", accepted: accepted),
      let method = methodCursor.text(accepted: accepted)
    else { return nil }
    guard WeightFormatReader.methods.contains(method) else {
      methodCursor.refuse(
        "weights quantised by \(Escaping.quoted(method)) are not covered; accepted: \(accepted)")
      return nil
    }
    guard namesNoProjection(fields) else { return nil }
    switch method {
    case "fp8", "fbgemm_fp8": return .eightBit
    case "awq":
      let hasZeros = fields.boolean("zero_point", absent: true)
      return fourBits(fields, isSymmetric: hasZeros.map { !$0 })
    case "gptq":
      guard leavesHead(fields) else { return nil }
      return fourBits(fields, isSymmetric: fields.boolean("sym", absent: true))
    case "modelopt": return modelopt(fields)
    case "bitsandbytes": return bitsAndBytes(fields)
    case "torchao": return torchao(fields)
    case "hqq": return hqq(fields)
    default: return compressed(fields)
    }
  }

  /// AWQ and GPTQ.
  private func fourBits(_ fields: ModelFields, isSymmetric: Bool?) -> WeightFormat? {
    guard areFour(fields.value("bits")), let isSymmetric, let group = groupSize(fields, absent: 128)
    else { return nil }
    return .int4(groupSize: group > 0 ? group : nil, isSymmetric: isSymmetric)
  }

  /// Whether weights have four bits, as they have where nothing says how many.
  func areFour(_ cursor: Cursor?) -> Bool {
    guard let cursor else { return true }
    guard let bits = cursor.integer(in: 1...16) else { return false }
    if bits != 4 { cursor.refuse("weights of \(bits) bits are not covered; accepted: 4") }
    return bits == 4
  }

  /// The weights of a row that share a scale; -1: all.
  func groupSize(_ fields: ModelFields, absent: Int) -> Int? {
    let key = "group_size"
    guard let size = fields.integer(key, in: -1...Limits.intermediateSize, absent: absent) else {
      return nil
    }
    guard size != 0 else {
      fields.refuse(key, "0 is no group; accepted: a positive number, or -1 for whole rows")
      return nil
    }
    return size
  }

  private func leavesHead(_ fields: ModelFields) -> Bool {
    guard let isQuantised = fields.boolean("lm_head", absent: false) else { return false }
    if isQuantised {
      fields.refuse("lm_head", "a quantised head is not covered; accepted: false")
    }
    return !isQuantised
  }

  // MARK: compressed-tensors

  /// One scheme for all linear layers: FP8, or INT4 with groups or whole rows.
  private func compressed(_ fields: ModelFields) -> WeightFormat? {
    guard isDense(fields), let group = onlyGroup(fields),
      let groupConfig = group.anyMapping(keys: SchemaKeys.quantizationGroup),
      meansEveryLayer(groupConfig),
      let weights = groupConfig.required("weights", accepted: "the format of the weights")?
        .anyMapping(keys: SchemaKeys.quantizationWeights)
    else { return nil }
    let scheme = ModelFields(config: weights, isNested: false)
    let bits = weights.required("num_bits", accepted: "8 or 4")?.integer(in: 1...16)
    let type = scheme.value("type").map { $0.choice(of: ["float", "int"]) } ?? "int"
    let isSymmetric = scheme.boolean("symmetric", absent: true)
    let size = groupSize(scheme, absent: -1)
    guard let bits, let type, let isSymmetric, let size else { return nil }
    switch (bits, type) {
    case (8, "float"): return .eightBit
    case (4, "int"): return .int4(groupSize: size > 0 ? size : nil, isSymmetric: isSymmetric)
    default:
      scheme.refuse(
        "num_bits",
        "weights of \(bits) bits and type `\(type)` are not covered; accepted: 8 bits and "
          + "`float`, or 4 and `int`")
      return nil
    }
  }

  private func isDense(_ fields: ModelFields) -> Bool {
    guard let cursor = fields.value("sparsity_config") else { return true }
    guard let sparsity = cursor.anyMapping(keys: ["format"]) else { return false }
    guard let format = sparsity.optional("format"), !format.isNull else { return true }
    guard let name = format.text() else { return false }
    if name != "dense" {
      format.refuse("sparse weights are not covered; accepted: `dense`, or null")
    }
    return name == "dense"
  }

  private func onlyGroup(_ fields: ModelFields) -> Cursor? {
    guard
      let cursor = fields.config.required("config_groups", accepted: "a mapping of one group"),
      let groups = cursor.anyMapping(keys: ["group_0"])
    else { return nil }
    guard groups.members.count == 1, let member = groups.members.first else {
      cursor.refuse(
        "\(groups.members.count) groups of weights are not covered; accepted: one group")
      return nil
    }
    return Cursor(node: member.value, path: "\(groups.path).\(member.key)", log: log)
  }

  private func meansEveryLayer(_ group: MappingCursor) -> Bool {
    guard let cursor = group.optional("targets"), !cursor.isNull else { return true }
    guard let items = cursor.items(accepted: "[\"Linear\"]") else { return false }
    for item in items {
      guard let target = item.text() else { return false }
      guard target == "Linear" else {
        item.refuse("a format for some layers only is not covered; accepted: `Linear`")
        return false
      }
    }
    return true
  }

  // MARK: What stays at 16 bits

  /// Modules that stay at 16 bits have to be those that do so here: head, embedding, norms,
  /// routers, and what belongs to images.
  private func namesNoProjection(_ fields: ModelFields) -> Bool {
    for key in [
      "modules_to_not_convert", "ignored_layers", "ignore", "llm_int8_skip_modules", "skip_modules",
    ] {
      guard let cursor = fields.value(key) else { continue }
      guard let items = cursor.items(accepted: "a list of modules") else { return false }
      for item in items {
        guard let name = item.text() else { return false }
        guard WeightFormatReader.isNeverQuantised(name) else {
          item.refuse(
            "\(Escaping.quoted(name)) of 16 bits beside others that are quantised is not "
              + "covered; accepted: head, embedding, norms and routers")
          return false
        }
      }
    }
    return leavesNoneOut(fields)
  }

  /// GPTQModel's rules for single modules: `-:` leaves one out.
  private func leavesNoneOut(_ fields: ModelFields) -> Bool {
    guard let cursor = fields.value("dynamic") else { return true }
    guard let rules = cursor.anyMapping(keys: []) else { return false }
    for rule in rules.members {
      guard rule.key.hasPrefix("-:"), WeightFormatReader.isNeverQuantised(rule.key) else {
        log.report(
          at: rule.keyPosition, key: cursor.path,
          "\(Escaping.quoted(rule.key)) in a format of its own is not covered; accepted: `-:` "
            + "and a head, embedding, norm or router")
        return false
      }
    }
    return true
  }

  /// Whether a name of modules, or a pattern of names, means none of the layers' projections.
  static func isNeverQuantised(_ name: String) -> Bool {
    let parts = [
      "lm_head", "embed", "norm", "router", "vision", "visual", "multi_modal_projector",
    ]
    if parts.contains(where: name.lowercased().contains) { return true }
    let last = name.split { !$0.isLetter && $0 != "_" }.last
    return last?.hasSuffix("gate") ?? false
  }
}
