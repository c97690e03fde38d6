/// Walks over one JSON value that stands in a line (RFC 8259), byte by byte: what
/// ``JSONSource`` reads into nodes, without any.
struct JSONLineWalker {
  /// The byte that comes next.
  private(set) var index = 0

  /// Passes over spaces, and over `byte` if it comes next.
  mutating func takes(_ byte: Unicode.Scalar, of line: Span<UInt8>) -> Bool {
    skipSpace(line)
    guard index < line.count, line[index] == UInt8(ascii: byte) else { return false }
    index += 1
    return true
  }

  /// Whether nothing but spaces is left.
  mutating func isAtEnd(of line: Span<UInt8>) -> Bool {
    skipSpace(line)
    return index == line.count
  }

  /// The bytes between the quotation marks of the string that comes next, escapes as they stand
  /// there; nil where none does.
  mutating func string(of line: Span<UInt8>) -> Range<Int>? {
    guard takes("\"", of: line) else { return nil }
    let start = index
    while index < line.count, line[index] >= 0x20 {
      if line[index] == UInt8(ascii: "\"") {
        index += 1
        return start..<index - 1
      }
      index += line[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    index = min(index, line.count)
    return nil
  }

  /// The bytes up to the next comma, bracket, brace or space: a number, if one comes next.
  mutating func word(of line: Span<UInt8>) -> Range<Int> {
    skipSpace(line)
    let start = index
    while index < line.count {
      switch line[index] {
      case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: " "), 9:
        return start..<index
      default:
        index += 1
      }
    }
    return start..<index
  }

  /// Passes over a value of any type; false where none comes next, or where it is nested deeper
  /// than ``Limits/nesting``.
  mutating func skipsValue(of line: Span<UInt8>, depth: Int = 1) -> Bool {
    skipSpace(line)
    guard index < line.count, depth <= Limits.nesting else { return false }
    switch line[index] {
    case UInt8(ascii: "\""):
      return string(of: line) != nil
    case UInt8(ascii: "{"):
      index += 1
      return skipsItems(of: line, until: "}") { walker in
        walker.string(of: line) != nil && walker.takes(":", of: line)
          && walker.skipsValue(of: line, depth: depth + 1)
      }
    case UInt8(ascii: "["):
      index += 1
      return skipsItems(of: line, until: "]") { $0.skipsValue(of: line, depth: depth + 1) }
    default:
      return JSONLineWalker.isWord(line.extracting(word(of: line)))
    }
  }

  private mutating func skipsItems(
    of line: Span<UInt8>, until end: Unicode.Scalar, _ skipsItem: (inout JSONLineWalker) -> Bool
  ) -> Bool {
    if takes(end, of: line) { return true }
    repeat {
      guard skipsItem(&self) else { return false }
    } while takes(",", of: line)
    return takes(end, of: line)
  }

  /// Whether these bytes are a number, `true`, `false` or `null`.
  private static func isWord(_ word: Span<UInt8>) -> Bool {
    if word.equals(Array("true".utf8)) || word.equals(Array("false".utf8)) { return true }
    if word.equals(Array("null".utf8)) { return true }
    let isNegative = !word.isEmpty && word[0] == UInt8(ascii: "-")
    return DecimalNumber(word.extracting(droppingFirst: isNegative ? 1 : 0)) != nil
  }

  private mutating func skipSpace(_ line: Span<UInt8>) {
    while index < line.count, line[index] == UInt8(ascii: " ") || line[index] == 9 { index += 1 }
  }
}

extension Span<UInt8> {
  /// Whether the first byte that is no space is a brace.
  var beginsObject: Bool {
    var walker = JSONLineWalker()
    return walker.takes("{", of: self)
  }
}
