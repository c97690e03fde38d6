/// Input made harmless for a terminal before a message or a table repeats it.
public enum Escaping {
  /// `text` with control characters, line separators and marks that reorder text written as
  /// `\u{1B}`: a file must not be able to colour, erase or reverse what kvsim prints.
  public static func escaped(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isHarmful) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if isHarmful(scalar) {
        result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// The same, but that lines stay lines.
  public static func escapedLines(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { escaped(String($0)) }
      .joined(separator: "\n")
  }

  /// `text` between backquotes, cut where it is long.
  static func quoted(_ text: String) -> String {
    guard text.count > Limits.quotedCharacters else { return "`\(text)`" }
    return "`\(text.prefix(Limits.quotedCharacters))…`"
  }

  private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0: true
    case 0x200B...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
    default: false
    }
  }
}
