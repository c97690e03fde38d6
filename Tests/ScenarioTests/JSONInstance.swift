import Foundation

@testable import Scenario

/// A value as a validator of JSON Schema sees it.
indirect enum JSONInstance: Hashable {
  case null
  case boolean(Bool)
  case number(Double)
  case text(String)
  case list([JSONInstance])
  case object([String: JSONInstance])

  /// What an editor makes of a file: bare words by the core schema of YAML 1.2, of which JSON's are
  /// a part.
  init(_ node: SourceNode) {
    switch node.kind {
    case .scalar(let text, quoted: true): self = .text(text)
    case .scalar(let word, quoted: false): self = JSONInstance.resolved(word)
    case .sequence(let items): self = .list(items.map(JSONInstance.init))
    case .mapping(let members):
      self = .object(
        Dictionary(members.map { ($0.key, JSONInstance($0.value)) }, uniquingKeysWith: { $1 }))
    }
  }

  private static func resolved(_ word: String) -> JSONInstance {
    switch word {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .boolean(true)
    case "false", "False", "FALSE": return .boolean(false)
    default: break
    }
    for (prefix, radix) in [("0o", 8), ("0x", 16)] where word.hasPrefix(prefix) {
      if let integer = Int(word.dropFirst(2), radix: radix) { return .number(Double(integer)) }
    }
    let isNumber = word.range(of: decimal, options: .regularExpression) != nil
    if isNumber, let number = Double(word) { return .number(number) }
    return .text(word)
  }

  private static let decimal = #"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"#
}
