import Simulator

/// `prompt_tokens` and `output_tokens`.
struct LengthsReader {
  /// The scenario's folder, empty or with a slash at the end.
  let folder: String
  /// Errors in files of lengths.
  private(set) var diagnosticsOfOtherFiles: [Diagnostic] = []
  /// What was read, by path: prompts and outputs may have one file, whose errors come once.
  private var files: [String: EmpiricalLengths?] = [:]

  init(folder: String) {
    self.folder = folder
  }

  /// The lengths that `key` holds; nil where it is absent, and an inner nil with an error where
  /// they are refused.
  mutating func optional(_ key: String, _ mapping: MappingCursor) -> Workload.Lengths?? {
    mapping.optional(key).map { lengths($0) }
  }

  /// The same, with an error where the key is absent.
  mutating func required(_ key: String, _ mapping: MappingCursor) -> Workload.Lengths? {
    mapping.required(key, accepted: LengthsReader.accepted).flatMap { lengths($0) }
  }

  private static let distributions =
    "{uniform: {min: 1, max: 9}}, {log_normal: {mean: 9, cv: 1}} or {empirical: PATH}"
  private static let accepted = "a whole number of tokens, \(distributions)"

  private mutating func lengths(_ cursor: Cursor) -> Workload.Lengths? {
    switch cursor.node.kind {
    case .scalar:
      return cursor.integer(in: 1...Limits.tokens, unit: "tokens").map { .fixed($0) }
    case .sequence:
      cursor.refuse(accepted: LengthsReader.accepted)
      return nil
    case .mapping(let members):
      guard let lengths = cursor.mapping(keys: SchemaKeys.lengths) else { return nil }
      let given = SchemaKeys.lengths.filter { lengths.optional($0) != nil }
      guard let first = given.first, given.count == 1 else {
        // A key that is unknown was refused already.
        if members.count == given.count {
          cursor.refuse(
            "\(given.isEmpty ? "no distribution" : "more than one"); accepted: "
              + LengthsReader.distributions)
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
