import Simulator

/// `prompt_tokens` and `output_tokens`.
struct LengthsReader {
  /// The scenario's folder, empty or with a slash at the end.
  let folder: String
  let maxPositions: Int?
  /// Errors in files of lengths.
  private(set) var diagnosticsOfOtherFiles: [Diagnostic] = []
  /// What was read, by path: prompts and outputs may have one file, whose errors come once.
  private var files: [String: EmpiricalLengths?] = [:]

  init(folder: String, maxPositions: Int?) {
    self.folder = folder
    self.maxPositions = maxPositions
  }

  /// `isKnown` tells whether the process is: without it, absent lengths are not reported.
  mutating func lengths(
    _ workload: MappingCursor, isReplay: Bool, isKnown: Bool
  ) -> (prompt: Workload.Lengths, output: Workload.Lengths)? {
    let isOptional = isReplay || !isKnown
    let prompt = lengths("prompt_tokens", workload, isOptional: isOptional)
    let output = lengths("output_tokens", workload, isOptional: isOptional)
    guard let prompt, let output else { return nil }
    // Those of a trace count as one token: it may hold requests that are too long, which the
    // simulator rejects one by one.
    let least = (prompt.shortest ?? 1) + (output.shortest ?? 1)
    if let maxPositions, least > maxPositions {
      let place = workload.optional("prompt_tokens") ?? workload.optional("output_tokens")
      place?.refuse(
        "the shortest prompt and output have \(least) tokens together; accepted: up to the "
          + "model's `max_position_embeddings`, \(maxPositions)")
      return nil
    }
    return (prompt, output)
  }

  private mutating func lengths(
    _ key: String, _ workload: MappingCursor, isOptional: Bool
  ) -> Workload.Lengths? {
    let distributions =
      "{uniform: {min: 1, max: 9}}, {log_normal: {mean: 9, cv: 1}} or "
      + "{empirical: PATH}"
    let accepted = "a whole number of tokens, \(distributions)"
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
    case .mapping(let members):
      guard let lengths = cursor.mapping(keys: SchemaKeys.lengths) else { return nil }
      let given = SchemaKeys.lengths.filter { lengths.optional($0) != nil }
      guard let first = given.first, given.count == 1 else {
        // A key that is unknown was refused already.
        if members.count == given.count {
          cursor.refuse(
            "\(given.isEmpty ? "no distribution" : "more than one"); accepted: \(distributions)")
        }
        return nil
      }
      guard let value = lengths.optional(first) else { return nil }
      switch first {
      case "uniform": return uniform(value)
      case "log_normal": return logNormal(value)
      default: return empirical(value)
      }
    }
  }

  private func uniform(_ cursor: Cursor) -> Workload.Lengths? {
    cursor.mapping(keys: SchemaKeys.uniform).flatMap { bounds($0) }.map { .uniform($0) }
  }

  /// `min` and `max`; `least` and `most` are what they are where they are absent.
  private func bounds(
    _ range: MappingCursor, least: Int? = nil, most: Int? = nil
  ) -> ClosedRange<Int>? {
    func bound(_ key: String, _ absent: Int?) -> Int? {
      if let absent, range.optional(key) == nil { return absent }
      return range.required(key, accepted: "a whole number of tokens")?
        .integer(in: 1...Limits.tokens, unit: "tokens")
    }
    let bounds = (bound("min", least), bound("max", most))
    guard let least = bounds.0, let most = bounds.1 else { return nil }
    guard least <= most else {
      range.optional("max")?.refuse("\(most) is less than `min`, \(least); accepted: at least min")
      return nil
    }
    return least...most
  }

  private func logNormal(_ cursor: Cursor) -> Workload.Lengths? {
    guard let keys = cursor.mapping(keys: SchemaKeys.logNormal) else { return nil }
    let means = 1...Double(Limits.tokens)
    let meanAccepted = "a number of tokens from 1 to \(Limits.tokens)"
    let cvs = Limits.variation
    let cvAccepted =
      "deviation over mean, a number from \(cvs.lowerBound) to \(Int(cvs.upperBound))"
    let mean = keys.required("mean", accepted: meanAccepted)?
      .number(in: means.contains, accepted: meanAccepted)
    let cv = keys.required("cv", accepted: cvAccepted)?
      .number(in: cvs.contains, accepted: cvAccepted)
    let bounds = bounds(keys, least: 1, most: Limits.tokens)
    guard let mean, let cv, let bounds else { return nil }
    guard
      let lengths = LogNormalLengths(mean: mean, coefficientOfVariation: cv, range: bounds)
    else {
      cursor.refuse(
        "less than a millionth of these lengths lies between `min` and `max`, "
          + "\(bounds.lowerBound) and \(bounds.upperBound); accepted: bounds with more between them"
      )
      return nil
    }
    return .logNormal(lengths)
  }

  private mutating func empirical(_ cursor: Cursor) -> Workload.Lengths? {
    let accepted = "the path of a file of lengths, relative to this file"
    guard let relative = cursor.nonEmptyText(accepted: accepted) else { return nil }
    let path = SourceFile.path(relative, in: folder)
    if let file = files[path] { return file.map { .empirical($0) } }
    var lengths: EmpiricalLengths?
    do throws(ScenarioError) {
      lengths = try EmpiricalLengthsFile.read(path: path)
    } catch {
      diagnosticsOfOtherFiles += cursor.refuse(file: error)
    }
    files[path] = .some(lengths)
    return lengths.map { .empirical($0) }
  }
}
