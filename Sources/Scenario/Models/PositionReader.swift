/// The longest request that a model takes, in tokens.
struct PositionReader {
  let fields: ModelFields
  let family: ModelFamily

  /// What the file states, or transformers' default, times what `rope_scaling` stretches it by, as
  /// vLLM reckons (`_get_and_verify_max_len` of 0.11). Nil with an error where it is refused.
  func maxPositions() -> Int? {
    // Llama 1 says `max_sequence_length`, or nothing.
    let keys = ["max_position_embeddings", "max_sequence_length"]
    let stated = keys.first { fields.value($0) != nil } ?? keys[0]
    guard
      let positions = fields.integer(stated, in: 1...Limits.tokens, absent: family.maxPositions)
    else { return nil }
    guard family.stretchesPositions, let scaling = scaling() else { return positions }
    guard let type = scaling.value("rope_type") ?? scaling.value("type") else { return positions }
    guard let type = type.text() else { return nil }
    let original = "original_max_position_embeddings"
    switch type {
    case "yarn":
      return scaling.integer(original, in: 1...Limits.tokens, absent: positions)
        .flatMap { stretched($0, scaling) }
    case "linear", "dynamic": return stretched(positions, scaling)
    // What others stretch is in the stated number.
    default: return positions
    }
  }

  /// The keys of either name; transformers 5 may have a mapping for each type of layer instead.
  private func scaling() -> ModelFields? {
    (fields.value("rope_scaling") ?? fields.value("rope_parameters"))?
      .anyMapping(keys: SchemaKeys.ropeScaling)
      .map { ModelFields(config: $0, isNested: fields.isNested) }
  }

  private func stretched(_ positions: Int, _ scaling: ModelFields) -> Int? {
    guard let cursor = scaling.value("factor") else { return positions }
    guard let factor = cursor.number(in: { $0 > 0 }, accepted: "a positive number") else {
      return nil
    }
    let product = Double(positions) * factor
    guard product >= 1, product <= Double(Limits.tokens) else {
      cursor.refuse(
        "\(cursor.node.given) times \(positions) is out of range; accepted: up to "
          + "\(Limits.tokens) tokens in all")
      return nil
    }
    return Int(product)
  }
}
