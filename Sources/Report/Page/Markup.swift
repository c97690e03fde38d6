/// HTML and SVG as they grow. Texts and values of attributes are escaped, all of them: what a trace
/// says can appear on a page and never become part of its markup.
struct Markup {
  /// What was written so far.
  private(set) var text = ""

  typealias Attributes = KeyValuePairs<StaticString, String>

  /// Writes an element with what `body` writes inside.
  mutating func element(
    _ name: StaticString, _ attributes: Attributes = [:], _ body: (inout Markup) -> Void
  ) {
    open(name, attributes, end: ">")
    body(&self)
    text += "</\(name)>\n"
  }

  /// Writes an element with a text inside.
  mutating func element(
    _ name: StaticString, _ attributes: Attributes = [:], text content: String
  ) {
    element(name, attributes) { $0.add(content) }
  }

  /// Writes an element of SVG that holds nothing.
  mutating func shape(_ name: StaticString, _ attributes: Attributes) {
    open(name, attributes, end: "/>\n")
  }

  /// Writes an element of SVG with a text that shows where the pointer rests on it.
  mutating func shape(_ name: StaticString, _ attributes: Attributes, tip: String) {
    element(name, attributes) { $0.element("title", text: tip) }
  }

  /// Writes an element of HTML that never holds anything, such as `meta`.
  mutating func void(_ name: StaticString, _ attributes: Attributes = [:]) {
    open(name, attributes, end: ">\n")
  }

  /// Writes text.
  mutating func add(_ content: String) {
    text += Markup.escaped(content)
  }

  /// Writes what is markup already: kvsim's own, never anything from outside.
  mutating func addOwn(_ markup: StaticString) {
    text += "\(markup)"
  }

  private mutating func open(_ name: StaticString, _ attributes: Attributes, end: String) {
    text += "<\(name)"
    for (key, value) in attributes { text += " \(key)=\"\(Markup.escaped(value))\"" }
    text += end
  }

  /// `text` with the characters that mean something in HTML written by name, and those that are
  /// invisible or turn text around written as �.
  static func escaped(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\n", "\t": result.unicodeScalars.append(scalar)
      default: result.unicodeScalars.append(isHarmful(scalar) ? "\u{FFFD}" : scalar)
      }
    }
    return result
  }

  private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0: true
    case 0x200B...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
    // No characters at all.
    case 0xFDD0...0xFDEF: true
    default: scalar.value & 0xFFFE == 0xFFFE
    }
  }

  /// A length or a place in a drawing, to a tenth.
  static func number(_ value: Double) -> String {
    guard value.isFinite else { return "0" }
    let tenths = Int64(exactly: (max(-1e6, min(1e6, value)) * 10).rounded()) ?? 0
    let (whole, rest) = (abs(tenths) / 10, abs(tenths) % 10)
    return (tenths < 0 ? "-" : "") + "\(whole)" + (rest == 0 ? "" : ".\(rest)")
  }
}
