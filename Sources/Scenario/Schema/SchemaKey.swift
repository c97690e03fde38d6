/// A key of a scenario file: what its value may be, what it means, and what holds without it.
///
/// The readers, the JSON Schema (`kvsim schema`) and the test of docs/scenarios.md take it from
/// here. **To add a key:**
/// 1. declare it beside those of its mapping (`EngineKeys`, `WorkloadKeys`, …), and list it in that
///    mapping's `form`, with the variant that it belongs to and the conflicts that it has;
/// 2. read it, with `mapping.value(TheseKeys.key)` where it is required or a value stands for it,
///    else with `mapping.given(TheseKeys.key)`; a kind of value that is new gets a `ValueForm`;
/// 3. explain it in the mapping's table of docs/scenarios.md, with the same default and option; a
///    mapping that is new gets a table, which `DocumentationTests` lists;
/// 4. write the schema anew: `KVSIM_RECORD=1 swift test --filter SchemaCommandTests`.
struct SchemaKey<Value>: Sendable {
  let declaration: KeyDeclaration
  let form: ValueForm<Value>

  /// - Parameters:
  ///   - meaning: whole sentences, for people who edit a scenario.
  ///   - option: vLLM's option for the same, as its command line has it.
  init(
    _ name: String, _ form: ValueForm<Value>, _ absence: KeyDeclaration.Absence, _ meaning: String,
    option: String? = nil
  ) {
    self.form = form
    declaration = KeyDeclaration(
      name: name, absence: absence, meaning: meaning, option: option, accepted: form.accepted,
      schema: form.schema, mappings: form.mappings)
  }

  var name: String { declaration.name }
}

/// A key without its value's type: what lists of keys hold.
struct KeyDeclaration: Sendable {
  /// What holds where the key is absent.
  enum Absence: Sendable {
    case required
    /// Required but where the condition holds; there the words say what holds instead.
    case requiredUnless(KeyCondition, String)
    /// As if this value stood there; the words say so where it says little by itself.
    case standard(JSONValue, String? = nil)
    /// What the words say, which no value of the key can.
    case otherwise(String)
  }

  let name: String
  let absence: Absence
  let meaning: String
  let option: String?
  let accepted: String
  let schema: [JSONValue.Member]
  /// The mappings that may stand there.
  let mappings: [MappingForm]

  var isRequired: Bool {
    if case .required = absence { true } else { false }
  }

  /// What holds without the key, for people: a value, or words.
  var absenceInWords: String {
    switch absence {
    case .required: "required"
    case .requiredUnless(_, let words), .otherwise(let words), .standard(_, .some(let words)): words
    case .standard(.text(let text), nil): "`\(text)`"
    case .standard(let value, nil): "`\(value.written())`"
    }
  }

  /// What a JSON Schema says of the key's value.
  var describedSchema: JSONValue {
    var description = meaning
    // Of a mapping the schema lists the keys.
    if !schema.contains(where: { $0.key == "properties" }) {
      description += " Accepted: \(accepted)."
    }
    if !isRequired { description += " Default: \(absenceInWords)." }
    if let option { description += " vLLM: `\(option)`." }
    var members: [JSONValue.Member] = [("description", .text(description))]
    if case .standard(let value, _) = absence { members.append(("default", value)) }
    return .object(members + schema)
  }
}

// MARK: Reading

extension MappingCursor {
  /// The value of `key`, or what stands for it where it is absent; nil with an error where it is
  /// refused, or missing though required.
  ///
  /// - Precondition: a key that may be absent has a value that stands for it; see `given`.
  func value<Value>(_ key: SchemaKey<Value>) -> Value? {
    switch key.declaration.absence {
    case .required: return required(key)
    case .standard(let value, _): return key.form.read(optional(key) ?? standing(value, for: key))
    case .requiredUnless, .otherwise:
      preconditionFailure("nothing stands for `\(key.name)` where it is absent")
    }
  }

  /// The value of `key` that is given: nil where there is none, and `.some(nil)` with an error
  /// where it is refused, or missing though it is needed here.
  func given<Value>(_ key: SchemaKey<Value>, isNeeded: Bool = false) -> Value?? {
    if let cursor = optional(key) { return .some(key.form.read(cursor)) }
    return isNeeded ? .some(required(key)) : nil
  }

  /// The value of `key`; nil with an error where it is refused, or is missing; then the error says
  /// what may stand `instead`.
  func required<Value>(_ key: SchemaKey<Value>, instead: String = "") -> Value? {
    required(key.name, accepted: key.form.accepted + instead).flatMap(key.form.read)
  }

  /// Where the value of `key` stands, if it does.
  func optional<Value>(_ key: SchemaKey<Value>) -> Cursor? {
    optional(key.name)
  }

  private func standing<Value>(_ value: JSONValue, for key: SchemaKey<Value>) -> Cursor {
    let kind: SourceNode.Kind =
      switch value {
      case .text(let text): .scalar(text, quoted: true)
      case .word(let word): .scalar(word, quoted: false)
      case .list, .object: .mapping([])
      }
    return Cursor(
      node: SourceNode(kind: kind, position: position),
      path: path.isEmpty ? key.name : "\(path).\(key.name)", log: log)
  }
}
