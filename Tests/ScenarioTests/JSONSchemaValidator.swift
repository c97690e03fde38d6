import Foundation
import Testing

@testable import Scenario

/// Judges instances by a JSON Schema, as far as ``ScenarioSchema`` uses one; a keyword beyond that
/// fails the test.
struct JSONSchemaValidator {
  let schema: JSONInstance

  /// The schema in a JSON text.
  init(_ text: String) throws {
    let log = DiagnosticLog(file: "schema.json", dialect: .json)
    schema = JSONInstance(try #require(JSONSource.parse(text, into: log)))
  }

  func accepts(_ instance: JSONInstance) -> Bool {
    accepts(instance, by: schema)
  }

  private func accepts(_ instance: JSONInstance, by schema: JSONInstance) -> Bool {
    guard case .object(let keywords) = schema else { return schema == .boolean(true) }
    return keywords.allSatisfy { keyword, value in
      switch (keyword, value) {
      case ("$schema", _), ("$id", _), ("title", _), ("description", _), ("default", _),
        ("examples", _), ("then", _), ("else", _):
        return true
      case ("const", _): return instance == value
      case ("enum", .list(let choices)): return choices.contains(instance)
      case ("type", .text(let type)): return isOfType(instance, type)
      case ("allOf", .list(let parts)): return parts.allSatisfy { accepts(instance, by: $0) }
      case ("anyOf", .list(let parts)): return parts.contains { accepts(instance, by: $0) }
      case ("oneOf", .list(let parts)): return parts.count { accepts(instance, by: $0) } == 1
      case ("not", _): return !accepts(instance, by: value)
      case ("if", _):
        let branch = keywords[accepts(instance, by: value) ? "then" : "else"]
        return branch.map { accepts(instance, by: $0) } ?? true
      default: return acceptsContents(instance, keyword, value, keywords)
      }
    }
  }

  private func isOfType(_ instance: JSONInstance, _ type: String) -> Bool {
    switch (type, instance) {
    case ("string", .text), ("object", .object), ("array", .list), ("boolean", .boolean),
      ("number", .number):
      return true
    case ("integer", .number(let number)): return number == number.rounded()
    default: return false
    }
  }

  /// Keywords about one type, which say nothing of the others.
  private func acceptsContents(
    _ instance: JSONInstance, _ keyword: String, _ value: JSONInstance,
    _ keywords: [String: JSONInstance]
  ) -> Bool {
    switch (keyword, value) {
    case ("minimum", .number(let least)): return number(instance) { $0 >= least }
    case ("maximum", .number(let most)): return number(instance) { $0 <= most }
    case ("exclusiveMinimum", .number(let least)): return number(instance) { $0 > least }
    case ("exclusiveMaximum", .number(let most)): return number(instance) { $0 < most }
    case ("minLength", .number(let least)):
      return text(instance) { Double($0.unicodeScalars.count) >= least }
    case ("maxLength", .number(let most)):
      return text(instance) { Double($0.unicodeScalars.count) <= most }
    case ("pattern", .text(let pattern)):
      return text(instance) { $0.range(of: pattern, options: .regularExpression) != nil }
    case ("minItems", .number(let least)): return items(instance) { Double($0.count) >= least }
    case ("maxItems", .number(let most)): return items(instance) { Double($0.count) <= most }
    case ("uniqueItems", .boolean(true)): return items(instance) { Set($0).count == $0.count }
    case ("items", _): return items(instance) { $0.allSatisfy { accepts($0, by: value) } }
    case ("contains", _): return items(instance) { $0.contains { accepts($0, by: value) } }
    case ("required", .list(let keys)):
      return members(instance) { members in
        keys.allSatisfy { if case .text(let key) = $0 { members[key] != nil } else { false } }
      }
    case ("properties", .object(let schemas)):
      return members(instance) { members in
        members.allSatisfy { key, value in schemas[key].map { accepts(value, by: $0) } ?? true }
      }
    case ("additionalProperties", .boolean(false)):
      guard case .object(let known)? = keywords["properties"] else { return false }
      return members(instance) { $0.keys.allSatisfy { known[$0] != nil } }
    default:
      Issue.record("the schema has `\(keyword)`, which this validator does not know")
      return false
    }
  }

  private func number(_ instance: JSONInstance, _ isAccepted: (Double) -> Bool) -> Bool {
    if case .number(let number) = instance { isAccepted(number) } else { true }
  }

  private func text(_ instance: JSONInstance, _ isAccepted: (String) -> Bool) -> Bool {
    if case .text(let text) = instance { isAccepted(text) } else { true }
  }

  private func items(_ instance: JSONInstance, _ isAccepted: ([JSONInstance]) -> Bool) -> Bool {
    if case .list(let items) = instance { isAccepted(items) } else { true }
  }

  private func members(
    _ instance: JSONInstance, _ isAccepted: ([String: JSONInstance]) -> Bool
  ) -> Bool {
    if case .object(let members) = instance { isAccepted(members) } else { true }
  }
}
