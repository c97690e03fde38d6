/// The keys of a mapping, and which of them go together.
struct MappingForm: Sendable {
  /// Sets of keys of which a mapping has one. Keys of no set go with all of them.
  enum Variants: Sendable {
    /// Whichever set has a key there.
    case byPresence([[String]])
    /// The set that goes with a key's value.
    case byValue(of: String, [(value: String, keys: [String])])
  }

  typealias Conflict = (KeyCondition, KeyCondition)

  /// In the order in which messages list them.
  let keys: [KeyDeclaration]
  let variants: Variants?
  /// Conditions of which not both hold.
  let conflicts: [Conflict]
  /// What is accepted, in words that end a message.
  let accepted: String

  /// - Parameter example: a mapping as a message shows it; without it, the keys are listed.
  init<each Value>(
    _ keys: repeat SchemaKey<each Value>, variants: Variants? = nil, conflicts: [Conflict] = [],
    example: String? = nil
  ) {
    var declarations: [KeyDeclaration] = []
    repeat declarations.append((each keys).declaration)
    self.keys = declarations
    self.variants = variants
    self.conflicts = conflicts
    let listed = declarations.map { "`\($0.name)`" }.joined(separator: ", ")
    accepted = example ?? "a mapping of \(listed)"
  }

  var names: [String] { keys.map(\.name) }

  /// This mapping, and every one that may stand somewhere in it.
  var reachable: [MappingForm] {
    [self] + keys.flatMap(\.mappings).flatMap(\.reachable)
  }
}

extension Cursor {
  /// The members of a mapping of this form; others are refused.
  func mapping(_ form: MappingForm) -> MappingCursor? {
    mapping(keys: form.names)
  }
}

// MARK: In JSON Schema

extension MappingForm {
  /// Keywords of JSON Schema.
  var schema: [JSONValue.Member] {
    var members: [JSONValue.Member] = [
      ("type", "object"),
      ("properties", .object(keys.map { ($0.name, $0.describedSchema) })),
      ("additionalProperties", false),
    ]
    let required = requiredNames(of: keys.map(\.name).filter { !inVariants.contains($0) })
    if !required.isEmpty { members.append(("required", .texts(required))) }
    let conditions = conditionalRequirements + valueRequirements + refusals
    if !conditions.isEmpty { members.append(("allOf", .list(conditions))) }
    if case .byPresence(let sets) = variants {
      members.append(("oneOf", .list(sets.map { .object(requirements(of: $0)) })))
    }
    return members
  }

  /// The keys that stand in some variant, each once.
  private var inVariants: [String] {
    let sets: [[String]] =
      switch variants {
      case nil: []
      case .byPresence(let sets): sets
      case .byValue(_, let sets): sets.map(\.keys)
      }
    return sets.joined().reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  private func requiredNames(of names: [String]) -> [String] {
    keys.filter { $0.isRequired && names.contains($0.name) }.map(\.name)
  }

  /// What holds of a mapping that is of the variant with this set.
  private func requirements(of set: [String]) -> [JSONValue.Member] {
    let required = requiredNames(of: set)
    let foreign = inVariants.filter { !set.contains($0) }
    return (required.isEmpty ? [] : [("required", .texts(required))])
      + (foreign.isEmpty ? [] : [("properties", .object(foreign.map { ($0, false) }))])
  }

  private var valueRequirements: [JSONValue] {
    guard case .byValue(let key, let sets) = variants else { return [] }
    return sets.map { value, set in
      .object([
        ("if", KeyCondition.value(of: key, is: value).schema),
        ("then", .object(requirements(of: set))),
      ])
    }
  }

  private var refusals: [JSONValue] {
    conflicts.map { one, other in
      .object([("not", .object([("allOf", .list([one.schema, other.schema]))]))])
    }
  }

  private var conditionalRequirements: [JSONValue] {
    keys.compactMap { key in
      guard case .requiredUnless(let condition, _) = key.absence else { return nil }
      return .object([
        ("if", condition.schema), ("else", .object([("required", .texts([key.name]))])),
      ])
    }
  }
}
