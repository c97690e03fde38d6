/// What YAML 1.1 makes of an unquoted word.
///
/// YAML 1.1 turns `on` into true, `12:30:45` into 45,045 and `017` into 15; YAML 1.2 does not.
/// Rather than pick a side, kvsim refuses the words on which they differ.
enum PlainWord {
  /// What YAML 1.1 would read `word` as, with an article; nil where it stays text.
  static func reading(of word: String) -> String? {
    switch word.lowercased() {
    case "": return "nothing"
    case "~", "null": return "null"
    case "y", "yes", "on", "true": return "true"
    case "n", "no", "off", "false": return "false"
    case ".nan", ".inf", "-.inf", "+.inf": return "a number"
    default: break
    }
    if PlainNumber(word) != nil { return "a number" }
    return readingOfDigits(word)
  }

  /// Number forms beyond the plain one, and dates.
  private static func readingOfDigits(_ word: String) -> String? {
    let unsigned = word.first == "+" || word.first == "-" ? word.dropFirst() : word[...]
    guard let first = unsigned.first, first.isASCII, first.isNumber || first == "." else {
      return nil
    }
    let body = unsigned.lowercased()
    if body.hasPrefix("0x") || body.hasPrefix("0b") || body.hasPrefix("0o") {
      let digits = body.dropFirst(2)
      return !digits.isEmpty && digits.allSatisfy { $0.isHexDigit || $0 == "_" }
        ? "a number that is not decimal" : nil
    }
    if body.contains(":"), body.allSatisfy({ "0123456789_:.".contains($0) }) {
      return "a number of base 60"
    }
    if body.count >= 8, body.allSatisfy({ "0123456789-:.tz +".contains($0) }), body.contains("-") {
      return "a date"
    }
    guard body.allSatisfy({ "0123456789_.e+-".contains($0) }) else { return nil }
    if body.hasPrefix("0"), body.dropFirst().allSatisfy(\.isNumber) { return "an octal number" }
    return body.contains { $0.isNumber } ? "a number" : nil
  }
}
