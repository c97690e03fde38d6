import Simulator

/// `prompt_tokens` and `output_tokens`.
struct LengthsReader {
  let maxPositions: Int?

  /// `isKnown` tells whether the process is: without it, absent lengths are not reported.
  func lengths(
    _ workload: MappingCursor, isReplay: Bool, isKnown: Bool
  ) -> (prompt: Workload.Lengths, output: Workload.Lengths)? {
    let isOptional = isReplay || !isKnown
    let prompt = lengths("prompt_tokens", workload, isOptional: isOptional)
    let output = lengths("output_tokens", workload, isOptional: isOptional)
    guard let prompt, let output else { return nil }
    if let maxPositions, let least = least(prompt, output), least > maxPositions {
      let place = workload.optional("prompt_tokens") ?? workload.optional("output_tokens")
      place?.refuse(
        "the shortest prompt and output have \(least) tokens together; accepted: up to the "
          + "model's `max_position_embeddings`, \(maxPositions)")
      return nil
    }
    return (prompt, output)
  }

  private func lengths(
    _ key: String, _ workload: MappingCursor, isOptional: Bool
  ) -> Workload.Lengths? {
    let accepted = "a whole number of tokens, or {uniform: {min: 1, max: 9}}"
    guard let cursor = workload.optional(key) else {
      if isOptional { return .fromTrace }
      _ = workload.required(key, accepted: accepted)
      return nil
    }
    switch cursor.node.kind {
    case .scalar:
      return cursor.integer(in: 1...Limits.tokens, unit: "tokens").map { .fixed($0) }
    case .sequence:
      cursor.refuse(accepted: accepted)
      return nil
    case .mapping:
      return cursor.mapping(keys: SchemaKeys.lengths)?
        .required("uniform", accepted: "{min: 1, max: 9}").flatMap(uniform)
    }
  }

  private func uniform(_ cursor: Cursor) -> Workload.Lengths? {
    guard let range = cursor.mapping(keys: SchemaKeys.uniform) else { return nil }
    func bound(_ key: String) -> Int? {
      range.required(key, accepted: "a whole number of tokens")?
        .integer(in: 1...Limits.tokens, unit: "tokens")
    }
    let bounds = (bound("min"), bound("max"))
    guard let least = bounds.0, let most = bounds.1 else { return nil }
    guard least <= most else {
      range.optional("max")?.refuse("\(most) is less than `min`, \(least); accepted: at least min")
      return nil
    }
    return .uniform(least...most)
  }

  /// Tokens of the shortest request; lengths from a trace count as one token, because a trace may
  /// hold requests that are too long: the simulator rejects those one by one.
  private func least(_ lengths: Workload.Lengths...) -> Int? {
    lengths.map { lengths in
      switch lengths {
      case .fixed(let tokens): tokens
      case .uniform(let range): range.lowerBound
      case .fromTrace: 1
      }
    }.reduce(0, +)
  }
}
