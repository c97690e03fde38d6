/// What may hold of a mapping's keys.
indirect enum KeyCondition: Sendable {
  /// The key is there.
  case present(String)
  /// The key has this value.
  case value(of: String, is: String)
  /// The key holds a mapping of which this holds.
  case within(String, KeyCondition)
  /// The key holds a list, and this holds of each of its mappings.
  case each(of: String, KeyCondition)
  /// The key holds a list, and this holds of one of its mappings at least.
  case some(of: String, KeyCondition)
  /// One of these holds at least.
  case either(KeyCondition, KeyCondition)
  /// This does not hold.
  case not(KeyCondition)

  /// The condition in JSON Schema.
  var schema: JSONValue {
    switch self {
    case .present(let key): .object([("required", .texts([key]))])
    case .value(let key, let value): member(key, .object([("const", .text(value))]))
    case .within(let key, let condition): member(key, condition.schema)
    case .each(let key, let condition): member(key, .object([("items", condition.schema)]))
    case .some(let key, let condition): member(key, .object([("contains", condition.schema)]))
    case .either(let one, let other): .object([("anyOf", .list([one.schema, other.schema]))])
    case .not(let condition): .object([("not", condition.schema)])
    }
  }

  private func member(_ key: String, _ schema: JSONValue) -> JSONValue {
    .object([("properties", .object([(key, schema)])), ("required", .texts([key]))])
  }
}
