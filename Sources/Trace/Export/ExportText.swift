/// Bytes of a text that grows, and the notations that exports are written in.
struct ExportText {
  /// What has been written since it was last emptied.
  private(set) var bytes: [UInt8] = []

  /// Forgets what has been written and keeps the room for more.
  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// Appends a text as it is.
  mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// Appends a whole number.
  mutating func append(_ number: Int64) {
    if number < 0 { bytes.append(UInt8(ascii: "-")) }
    appendDigits(number.magnitude, atLeast: 1)
  }

  /// Appends a whole number.
  mutating func append(_ number: UInt64) { appendDigits(number, atLeast: 1) }

  /// Appends a number by the fewest digits that lead back to it; one that is not finite is `null`.
  mutating func append(_ number: Double) {
    append(number.isFinite ? number.description : "null")
  }

  /// Appends nanoseconds as microseconds, with all three digits behind the point.
  mutating func append(microsecondsOf ns: Int64) {
    if ns < 0 { bytes.append(UInt8(ascii: "-")) }
    let (whole, rest) = ns.magnitude.quotientAndRemainder(dividingBy: 1_000)
    appendDigits(whole, atLeast: 1)
    bytes.append(UInt8(ascii: "."))
    appendDigits(rest, atLeast: 3)
  }

  /// Appends nanoseconds, 0 or more, as milliseconds with all six digits behind the point.
  mutating func append(millisecondsOf ns: Int64) {
    let (whole, rest) = ns.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
    appendDigits(whole, atLeast: 1)
    bytes.append(UInt8(ascii: "."))
    appendDigits(rest, atLeast: 6)
  }

  private mutating func appendDigits(_ number: UInt64, atLeast count: Int) {
    // The longest has twenty digits; they come from the last to the first.
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
      var first = digits.count
      var rest = number
      repeat {
        first -= 1
        digits[first] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
      } while rest > 0 || digits.count - first < count
      bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[first...]))
    }
  }

  /// Appends 64 bits as sixteen lower-case hexadecimal digits.
  mutating func append(hexadecimalOf word: UInt64) {
    for shift in stride(from: 60, through: 0, by: -4) {
      bytes.append(ExportText.hexadecimalDigits[Int(word >> UInt64(shift) & 15)])
    }
  }

  /// Appends a JSON string. What a terminal or a page of HTML could take for more than text is
  /// escaped beside what JSON asks for: all control characters, line separators, and `<`.
  mutating func append(quoted text: String) {
    bytes.append(UInt8(ascii: "\""))
    defer { bytes.append(UInt8(ascii: "\"")) }
    // Nearly all names are plain.
    guard !text.utf8.allSatisfy(ExportText.isPlain) else { return append(text) }
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": append("\\\"")
      case "\\": append("\\\\")
      case "\n": append("\\n")
      case "\t": append("\\t")
      case "<", "\u{2028}", "\u{2029}": append(escapeOf: scalar)
      case _ where ExportText.isControl(scalar): append(escapeOf: scalar)
      default: bytes.append(contentsOf: UTF8.encode(scalar)!)
      }
    }
  }

  /// Whether a byte is a character of ASCII that no notation here escapes.
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
      && byte != UInt8(ascii: "<")
  }

  private mutating func append(escapeOf scalar: Unicode.Scalar) {
    append("\\u")
    for shift in [12, 8, 4, 0] as [UInt32] {
      bytes.append(ExportText.hexadecimalDigits[Int(scalar.value >> shift & 15)])
    }
  }

  /// Appends a field of CSV (RFC 4180): in quotes where it holds a comma, a quote or a line's end,
  /// and where it is empty, which tells it from a field without a value.
  mutating func append(field text: String) {
    let needsQuotes =
      text.isEmpty
      || text.utf8.contains {
        $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == 10 || $0 == 13
      }
    guard needsQuotes else { return append(text) }
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\"") { bytes.append(byte) }
      bytes.append(byte)
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Appends the value of a label as Prometheus has it, in quotes. Control characters other than
  /// the line feed, which it can escape, become U+FFFD.
  mutating func append(label text: String) {
    bytes.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": append("\\\"")
      case "\\": append("\\\\")
      case "\n": append("\\n")
      case _ where ExportText.isControl(scalar): append("\u{fffd}")
      default: bytes.append(contentsOf: UTF8.encode(scalar)!)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
  }

  private static let hexadecimalDigits = Array("0123456789abcdef".utf8)
}
