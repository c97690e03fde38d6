import CostModel
import Operators

/// One `config.json`.
struct ModelReader {
  let log: DiagnosticLog

  /// Nil with at least one error where the file is refused.
  func architecture(_ root: Cursor, fileName: String) -> ModelArchitecture? {
    guard let config = root.anyMapping(keys: SchemaKeys.model),
      let (family, fields) = textModel(config)
    else { return nil }
    let file = ModelFields(config: config, isNested: false)
    refuseForeignExperts(fields, family)
    refuseForeignAttention(fields)
    let hiddenSize = fields.size(
      "hidden_size", upTo: Limits.hiddenSize, absent: family.hiddenSize)
    let vocabSize = fields.size("vocab_size", upTo: Limits.vocabSize, absent: family.vocabSize)
    let maxPositions = PositionReader(fields: fields, family: family).maxPositions()
    let heads = heads(fields, family, hiddenSize: hiddenSize)
    let layerGroups = LayerReader(fields: fields, family: family)
      .groups(maxPositions: maxPositions)
    let ties = fields.value("tie_word_embeddings") ?? file.value("tie_word_embeddings")
    let tiesEmbeddings = ties.map { $0.boolean() } ?? family.tiesEmbeddings
    let weightFormat = weightFormat([file, fields])
    let name = name(file) ?? fileName
    guard log.isEmpty, let hiddenSize, let layerGroups, let heads, let vocabSize,
      let maxPositions, let tiesEmbeddings, let weightFormat
    else { return nil }
    return ModelArchitecture(
      name: name, hiddenSize: hiddenSize, layerGroups: layerGroups,
      normsPerLayer: family.normsPerLayer, heads: heads, vocabSize: vocabSize,
      maxPositions: maxPositions, tiesEmbeddings: tiesEmbeddings,
      weightFormat: weightFormat)
  }

  // MARK: The family

  /// The text model: the file itself, or the `text_config` of one that takes images too.
  private func textModel(_ config: MappingCursor) -> (ModelFamily, ModelFields)? {
    let root = ModelFields(config: config, isNested: false)
    let accepted = ModelReader.shown(ModelFamily.acceptedTypes)
    guard let cursor = config.required("model_type", accepted: accepted),
      let type = cursor.text(accepted: accepted)
    else { return nil }
    guard let wrapper = ModelFamily.wrappers.first(where: { $0.type == type }) else {
      return family(type, at: cursor, in: root).map { ($0, root) }
    }
    guard
      let text = config.required(
        "text_config", accepted: "the configuration of the text model")?
        .anyMapping(keys: SchemaKeys.model)
    else { return nil }
    let fields = ModelFields(config: text, isNested: true)
    guard let textCursor = fields.value("model_type") else {
      return family(wrapper.textType, at: cursor, in: fields).map { ($0, fields) }
    }
    guard let textType = textCursor.text() else { return nil }
    return family(textType, at: textCursor, in: fields).map { ($0, fields) }
  }

  /// The family of `type`; where it is not covered, the error at `cursor` says why.
  private func family(
    _ type: String, at cursor: Cursor, in fields: ModelFields
  ) -> ModelFamily? {
    let known =
      fields.isNested ? ModelFamily.covered.map(\.type) : ModelFamily.acceptedTypes
    let accepted = ModelReader.shown(known)
    if let reason = UncoveredModels.reason(type: type, in: fields) {
      cursor.refuse("\(Escaping.quoted(type)) is not covered: \(reason); accepted: \(accepted)")
      return nil
    }
    if let family = ModelFamily.covered.first(where: { $0.type == type }) { return family }
    // Another digit or a few other letters are another model, not a misspelling.
    let meant = Spelling.suggestion(for: type, among: known, within: 1).flatMap { known in
      known.filter(\.isNumber) == type.filter(\.isNumber) ? "did you mean `\(known)`? " : nil
    }
    cursor.refuse(
      "\(Escaping.quoted(type)) is not covered; \(meant ?? "")accepted: decoders with attention in "
        + "every layer, \(accepted)")
    return nil
  }

  private static func shown(_ types: [String]) -> String {
    types.map { "`\($0)`" }.joined(separator: ", ")
  }

  /// Experts in a family that has none are of a model that somebody made of it.
  private func refuseForeignExperts(_ fields: ModelFields, _ family: ModelFamily) {
    guard case .none = family.experts else { return }
    for key in ["num_experts", "num_local_experts"] {
      fields.value(key)?.refuse("a `\(family.type)` has no experts; accepted: null")
    }
  }

  /// What no family has, but some files of one.
  private func refuseForeignAttention(_ fields: ModelFields) {
    if let cursor = fields.value("alibi"), !cursor.isBare("false") {
      cursor.refuse("attention with linear biases (ALiBi) is not covered; accepted: false")
    }
    fields.value("num_key_value_heads_per_layer")?.refuse(
      "layers whose numbers of KV heads differ are not covered; accepted: null")
  }

  // MARK: Fields

  private func heads(
    _ fields: ModelFields, _ family: ModelFamily, hiddenSize: Int?
  ) -> HeadGeometry? {
    let queryHeads = fields.size(
      "num_attention_heads", upTo: Limits.heads, absent: family.queryHeads)
    let kvHeads = kvHeads(fields, family, queryHeads: queryHeads)
    let headDim = headDim(fields, family, queryHeads: queryHeads, hiddenSize: hiddenSize)
    guard let queryHeads, let kvHeads, let headDim else { return nil }
    return HeadGeometry(queryHeads: queryHeads, kvHeads: kvHeads, headDim: headDim)
  }

  private func kvHeads(
    _ fields: ModelFields, _ family: ModelFamily, queryHeads: Int?
  ) -> Int? {
    let key = "num_key_value_heads"
    // Unlike other keys, an absent one and `null` differ: `null` is one KV head per query head.
    let given = fields.config.optional(key)
    if given?.isNull ?? (family.kvHeads == nil) { return queryHeads }
    guard let kvHeads = given.map({ $0.integer(in: 1...Limits.heads) }) ?? family.kvHeads else {
      return nil
    }
    if let queryHeads, queryHeads % kvHeads != 0 {
      fields.refuse(
        key,
        (given == nil ? "missing, and the default of `\(family.type)`, " : "")
          + "\(kvHeads)\(given == nil ? "," : "") does not divide `num_attention_heads`, "
          + "\(queryHeads); accepted: a divisor")
      return nil
    }
    return kvHeads
  }

  private func headDim(
    _ fields: ModelFields, _ family: ModelFamily, queryHeads: Int?, hiddenSize: Int?
  ) -> Int? {
    if let cursor = fields.value("head_dim") {
      guard let headDim = cursor.integer(in: 1...Limits.headDim) else { return nil }
      guard headDim % 2 == 0 else {
        cursor.refuse("\(headDim) is odd; accepted: an even number up to \(Limits.headDim)")
        return nil
      }
      return headDim
    }
    if let headDim = family.headDim { return headDim }
    guard let queryHeads, let hiddenSize else { return nil }
    let headDim = hiddenSize / queryHeads
    guard hiddenSize % queryHeads == 0, headDim % 2 == 0, headDim <= Limits.headDim else {
      fields.refuse(
        "hidden_size",
        "without `head_dim`, `hidden_size` \(hiddenSize) over `num_attention_heads` "
          + "\(queryHeads) has to be an even whole number up to \(Limits.headDim)")
      return nil
    }
    return headDim
  }

  /// The format that the first of these states; 16 bits where none does, nil where it is refused.
  private func weightFormat(_ places: [ModelFields]) -> WeightFormat? {
    for place in places {
      for key in ["quantization_config", "compression_config"] {
        guard let cursor = place.value(key) else { continue }
        return WeightFormatReader(log: log).format(cursor)
      }
    }
    return .sixteenBit
  }

  private func name(_ fields: ModelFields) -> String? {
    guard let cursor = fields.value("_name_or_path"), let text = cursor.text() else { return nil }
    return text.split(separator: "/").last.map(String.init)
  }
}
