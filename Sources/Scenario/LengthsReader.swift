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
  mutating func optional(
    _ key: SchemaKey<ScalarOrMapping<Int>>, _ mapping: MappingCursor
  ) -> Workload.Lengths?? {
    mapping.given(key).map { lengths($0) }
  }

  /// The same, with an error where the key is absent.
  mutating func required(
    _ key: SchemaKey<ScalarOrMapping<Int>>, _ mapping: MappingCursor
  ) -> Workload.Lengths? {
    lengths(mapping.required(key))
  }

  private mutating func lengths(_ given: ScalarOrMapping<Int>?) -> Workload.Lengths? {
    switch given {
    case nil: return nil
    case .scalar(let tokens): return .fixed(tokens)
    case .mapping(let mapping, let cursor): return distribution(mapping, cursor)
    }
  }

  private mutating func distribution(
    _ mapping: MappingCursor, _ cursor: Cursor
  ) -> Workload.Lengths? {
    let given = mapping.keys.filter { mapping.optional($0) != nil }
    guard given.count == 1 else {
      // A key that is unknown was refused already.
      if mapping.members.count == given.count {
        cursor.refuse(
          "\(given.isEmpty ? "no distribution" : "more than one"); accepted: "
            + LengthKeys.distribution.accepted)
      }
      return nil
    }
    if let range = mapping.given(LengthKeys.uniform) {
      return range.flatMap { bounds($0, LengthKeys.min, LengthKeys.max) }.map { .uniform($0) }
    }
    if let keys = mapping.given(LengthKeys.logNormal) {
      return keys.flatMap { logNormal($0, mapping.optional(LengthKeys.logNormal)) }
    }
    return mapping.value(LengthKeys.empirical).flatMap { empirical($0) }
  }

  private func bounds(
    _ range: MappingCursor, _ min: SchemaKey<Int>, _ max: SchemaKey<Int>
  ) -> ClosedRange<Int>? {
    let bounds = (range.value(min), range.value(max))
    guard let least = bounds.0, let most = bounds.1 else { return nil }
    guard least <= most else {
      // Without `max`, the largest number of tokens stands there.
      range.optional(max)?.refuse("\(most) is less than `min`, \(least); accepted: at least min")
      return nil
    }
    return least...most
  }

  private func logNormal(_ keys: MappingCursor, _ cursor: Cursor?) -> Workload.Lengths? {
    let values = (keys.value(LengthKeys.mean), keys.value(LengthKeys.cv))
    let bounds = bounds(keys, LengthKeys.lowerBound, LengthKeys.upperBound)
    guard let mean = values.0, let cv = values.1, let bounds else { return nil }
    guard
      let lengths = LogNormalLengths(mean: mean, coefficientOfVariation: cv, range: bounds)
    else {
      cursor?.refuse(
        "less than a millionth of these lengths lies between `min` and `max`, "
          + "\(bounds.lowerBound) and \(bounds.upperBound); accepted: bounds with more between them"
      )
      return nil
    }
    return .logNormal(lengths)
  }

  private mutating func empirical(_ given: GivenPath) -> Workload.Lengths? {
    let path = given.relative(to: folder)
    if let file = files[path] { return file.map { .empirical($0) } }
    var lengths: EmpiricalLengths?
    do throws(ScenarioError) {
      lengths = try EmpiricalLengthsFile.read(path: path)
    } catch {
      diagnosticsOfOtherFiles += given.cursor.refuse(file: error)
    }
    files[path] = .some(lengths)
    return lengths.map { .empirical($0) }
  }
}
