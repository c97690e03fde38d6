/// What a value may be: how it is read, and what a JSON Schema says of it.
///
/// Both stand in one place, so that an editor accepts what the parser accepts.
struct ValueForm<Value>: Sendable {
  /// What is accepted, in words that end a message.
  let accepted: String
  /// Keywords of JSON Schema.
  let schema: [JSONValue.Member]
  /// The mappings that such a value is or holds.
  var mappings: [MappingForm] = []
  /// The value at a cursor; nil with an error where it is refused.
  let read: @Sendable (Cursor) -> Value?
}

extension ValueForm {
  /// One of `words`, each of which stands for a value.
  static func choice(
    of words: [String], _ value: @escaping @Sendable (String) -> Value?
  ) -> ValueForm {
    ValueForm(
      accepted: words.map { "`\($0)`" }.joined(separator: ", "),
      schema: [("type", "string"), ("enum", .texts(words))],
      read: { $0.choice(of: words).flatMap(value) })
  }

  /// One value, or a list of some without repeats.
  static func oneOrMore<Item>(
    of item: ValueForm<Item>
  ) -> ValueForm where Value == [Item], Item: Equatable & Sendable {
    ValueForm(
      accepted: "\(item.accepted), or a list of them",
      schema: [
        (
          "anyOf",
          .list([
            .object(item.schema),
            .object([
              ("type", "array"), ("items", .object(item.schema)), ("minItems", 1),
              ("uniqueItems", true),
            ]),
          ])
        )
      ],
      read: { $0.oneOrMore(of: item) })
  }

  /// A list of 1 to `most` values, which the reader walks over; `noun` is what messages call them.
  static func list<Item>(
    of item: ValueForm<Item>, upTo most: Int, called noun: String
  ) -> ValueForm where Value == [Cursor] {
    let accepted = "a list of \(item.accepted), at most \(most)"
    return ValueForm(
      accepted: accepted,
      schema: [
        ("type", "array"), ("items", .object(item.schema)), ("minItems", 1),
        ("maxItems", .integer(most)),
      ],
      mappings: item.mappings,
      read: { cursor in
        guard let items = cursor.items(accepted: accepted) else { return nil }
        guard (1...most).contains(items.count) else {
          cursor.refuse("\(items.count) \(noun); accepted: \(accepted)")
          return nil
        }
        return items
      })
  }

  /// A scalar or a mapping.
  static func either<Scalar>(
    _ scalar: ValueForm<Scalar>, or mapping: ValueForm<MappingCursor>
  ) -> ValueForm where Value == ScalarOrMapping<Scalar> {
    let accepted = "\(scalar.accepted), or \(mapping.accepted)"
    return ValueForm(
      accepted: accepted,
      schema: [("anyOf", .list([.object(scalar.schema), .object(mapping.schema)]))],
      mappings: mapping.mappings,
      read: { cursor in
        switch cursor.node.kind {
        case .scalar: return scalar.read(cursor).map { .scalar($0) }
        case .mapping: return mapping.read(cursor).map { .mapping($0, at: cursor) }
        case .sequence:
          cursor.refuse(accepted: accepted)
          return nil
        }
      })
  }
}

/// A value of a key that takes either.
enum ScalarOrMapping<Scalar> {
  case scalar(Scalar)
  case mapping(MappingCursor, at: Cursor)
}

extension ValueForm
where Value: CaseIterable & RawRepresentable & Sendable, Value.RawValue == String {
  /// One of the type's words.
  static func choice(of type: Value.Type) -> ValueForm {
    choice(of: type.allCases.map(\.rawValue)) { Value(rawValue: $0) }
  }
}

extension ValueForm where Value == MappingCursor {
  /// A mapping, whose keys are read one by one.
  static func mapping(_ form: MappingForm) -> ValueForm {
    ValueForm(
      accepted: form.accepted, schema: form.schema, mappings: [form], read: { $0.mapping(form) })
  }
}

extension ValueForm where Value == Bool {
  /// `true` or `false`.
  static var boolean: ValueForm {
    ValueForm(
      accepted: "true or false", schema: [("type", "boolean")], read: { $0.boolean() })
  }
}

// MARK: Text

/// A path as a file gives it, and where: errors about the file that it names belong there.
struct GivenPath {
  let text: String
  let cursor: Cursor

  /// The path as it can be opened; see ``SourceFile/path(_:in:)``.
  func relative(to folder: String) -> String {
    SourceFile.path(text, in: folder)
  }
}

extension ValueForm where Value == GivenPath {
  /// A path or another word that names a file; `accepted` says of what.
  static func path(_ accepted: String) -> ValueForm {
    ValueForm(
      accepted: accepted,
      schema: [
        ("type", "string"), ("minLength", 1), ("maxLength", .integer(Limits.nameCharacters)),
      ],
      read: { cursor in
        cursor.nonEmptyText(accepted: accepted).map { GivenPath(text: $0, cursor: cursor) }
      })
  }
}

extension ValueForm where Value == String {
  /// Any text of at most `limit` characters.
  static func text(upTo limit: Int) -> ValueForm {
    ValueForm(
      accepted: "text", schema: [("type", "string"), ("maxLength", .integer(limit))],
      read: { $0.text(limit: limit) })
  }

  /// A name: lower-case letters, digits and dashes.
  static var name: ValueForm {
    let accepted = "lower-case letters a-z, digits and dashes"
    return ValueForm(
      accepted: accepted,
      schema: [
        ("type", "string"), ("pattern", "^[a-z0-9-]+$"),
        ("maxLength", .integer(Limits.nameCharacters)),
      ],
      read: { cursor in
        guard let name = cursor.text(accepted: accepted) else { return nil }
        guard ScenarioReader.isName(name) else {
          cursor.refuse(accepted: accepted)
          return nil
        }
        return name
      })
  }
}

// MARK: Numbers

extension ValueForm where Value == Int {
  /// A whole number within `range`, of `unit`.
  static func wholeNumber(_ range: ClosedRange<Int>, of unit: String = "") -> ValueForm {
    ValueForm(
      accepted: "a whole number\(unit.isEmpty ? "" : " of \(unit)") from \(range.lowerBound) to "
        + "\(range.upperBound)",
      schema: [
        ("type", "integer"), ("minimum", .integer(range.lowerBound)),
        ("maximum", .integer(range.upperBound)),
      ],
      read: { $0.integer(in: range, unit: unit) })
  }

  /// The version of a file's form.
  static func version(_ version: Int) -> ValueForm {
    ValueForm(
      accepted: "\(version), the version of this form", schema: [("const", .integer(version))],
      read: { $0.integer(in: version...version) })
  }
}

extension ValueForm where Value == Double {
  /// A number within `range`, of `unit`; `note` ends the words about it.
  static func number(
    _ range: ClosedRange<Double>, of unit: String = "", note: String = ""
  ) -> ValueForm {
    let bounds = (JSONValue.number(range.lowerBound), JSONValue.number(range.upperBound))
    return number(
      accepted: "a number\(unit.isEmpty ? "" : " of \(unit)") from \(bounds.0.written()) to "
        + bounds.1.written() + note,
      schema: [("minimum", bounds.0), ("maximum", bounds.1)], in: range.contains)
  }

  /// A number above 0, and up to `most` if there is one.
  static func positiveNumber(upTo most: Int? = nil, note: String = "") -> ValueForm {
    number(
      accepted: "a number above 0" + (most.map { " and up to \($0)" } ?? "") + note,
      schema: [("exclusiveMinimum", 0)] + (most.map { [("maximum", .integer($0))] } ?? []),
      in: { $0 > 0 && $0 <= most.map(Double.init) ?? .infinity })
  }

  /// A number of at least 0 and below 1.
  static var shareBelowOne: ValueForm {
    number(
      accepted: "a number from 0 to below 1", schema: [("minimum", 0), ("exclusiveMaximum", 1)],
      in: { $0 >= 0 && $0 < 1 })
  }

  private static func number(
    accepted: String, schema: [JSONValue.Member], in range: @escaping @Sendable (Double) -> Bool
  ) -> ValueForm {
    ValueForm(
      accepted: accepted, schema: [("type", "number")] + schema,
      read: { $0.number(in: range, accepted: accepted) })
  }
}

extension Cursor {
  /// One value or a list of several, none twice.
  fileprivate func oneOrMore<Item: Equatable & Sendable>(of item: ValueForm<Item>) -> [Item]? {
    var cursors = [self]
    if case .sequence = node.kind {
      cursors = items(accepted: "") ?? []
      guard !cursors.isEmpty else {
        refuse("an empty list; accepted: \(item.accepted)")
        return nil
      }
    }
    var values: [Item] = []
    for cursor in cursors {
      guard let value = item.read(cursor) else { continue }
      if values.contains(value) {
        cursor.refuse("\(cursor.node.given) stands twice in the list")
      } else {
        values.append(value)
      }
    }
    return values.count == cursors.count ? values : nil
  }
}
