/// A JSON value to be written: members stay in their order, numbers are written as they were given.
indirect enum JSONValue: Sendable {
  case text(String)
  /// A number, `true` or `false`, as it is to stand in the file.
  case word(String)
  case list([JSONValue])
  case object([Member])

  /// A member of an object.
  typealias Member = (key: String, value: JSONValue)

  static func integer(_ value: Int) -> JSONValue { .word(String(value)) }

  /// A number without a fraction where it has none.
  static func number(_ value: Double) -> JSONValue {
    .word(Int(exactly: value).map(String.init) ?? "\(value)")
  }

  static func texts(_ texts: [String]) -> JSONValue { .list(texts.map(JSONValue.text)) }

  /// The value in JSON: objects over several lines, and lists that hold one.
  func written(indent: String = "") -> String {
    switch self {
    case .text(let text): return quotedForJSON(text)
    case .word(let word): return word
    case .list(let items):
      guard items.contains(where: \.isObject) else {
        return "[" + items.map { $0.written() }.joined(separator: ", ") + "]"
      }
      return lines(items.map { $0.written(indent: indent + "  ") }, between: "[", "]", indent)
    case .object(let members):
      let written = members.map { key, value in
        "\(quotedForJSON(key)): \(value.written(indent: indent + "  "))"
      }
      return written.isEmpty ? "{}" : lines(written, between: "{", "}", indent)
    }
  }

  private var isObject: Bool {
    if case .object = self { true } else { false }
  }

  private func lines(
    _ items: [String], between open: String, _ close: String, _ indent: String
  ) -> String {
    let body = items.map { "\(indent)  \($0)" }.joined(separator: ",\n")
    return "\(open)\n\(body)\n\(indent)\(close)"
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
  init(stringLiteral text: String) { self = .text(text) }
  init(integerLiteral integer: Int) { self = .integer(integer) }
  init(floatLiteral number: Double) { self = .number(number) }
  init(booleanLiteral truth: Bool) { self = .word(truth ? "true" : "false") }
}

/// `text` as a JSON string.
func quotedForJSON(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar.value {
    case UInt32(UInt8(ascii: "\"")): result += "\\\""
    case UInt32(UInt8(ascii: "\\")): result += "\\\\"
    case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
      let digits = String(scalar.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
