/// JSON (RFC 8259) into nodes with places.
///
/// Profiles and models are read by this parser instead of by Yams, because YAML is not quite a
/// superset: libyaml refuses characters that JSON escapes as surrogate pairs, and takes comments
/// and bare words that every other reader of the file would refuse. It also stops at the first
/// key that stands twice. (A profile of 480 kB: 10 ms here, 47 ms there.)
struct JSONSource {
  /// Where the text stops being JSON, and why.
  private struct SyntaxError: Error {
    let position: Position
    let message: String
  }

  private let bytes: [UInt8]
  private let log: DiagnosticLog
  private var index = 0
  private var line = 1
  /// The index at which column 1 of this line would stand, if every scalar were one byte.
  private var lineStart = 0

  private init(bytes: [UInt8], log: DiagnosticLog) {
    self.bytes = bytes
    self.log = log
  }

  /// The root value, or nil with at least one error in `log`. Linear in the text's length.
  static func parse(_ text: String, into log: DiagnosticLog) -> SourceNode? {
    var source = JSONSource(bytes: Array(text.utf8), log: log)
    do throws(SyntaxError) {
      source.skipSpace()
      guard source.index < source.bytes.count else {
        log.report(at: .start, "the file is empty")
        return nil
      }
      let root = try source.value(depth: 1)
      source.skipSpace()
      guard source.index == source.bytes.count else {
        throw source.error("the value ends before this; a file holds one")
      }
      return root
    } catch {
      log.report(at: error.position, "this is not JSON: \(error.message)")
      return nil
    }
  }

  /// The values of a text in JSON Lines, one after the other; nil with an error in `log` where one
  /// is malformed. Linear in the text's length.
  static func parseLines(_ text: String, into log: DiagnosticLog) -> [SourceNode]? {
    var source = JSONSource(bytes: Array(text.utf8), log: log)
    var values: [SourceNode] = []
    do throws(SyntaxError) {
      source.skipSpace()
      while source.index < source.bytes.count {
        let line = source.line
        if let last = values.last, last.position.line == line {
          throw source.error("a second value on one line")
        }
        values.append(try source.value(depth: 1))
        source.skipSpace()
      }
      return values
    } catch {
      log.report(at: error.position, "this is not JSON: \(error.message)")
      return nil
    }
  }

  // MARK: Values

  private mutating func value(depth: Int) throws(SyntaxError) -> SourceNode {
    let start = position
    guard depth <= Limits.nesting else {
      throw error("nested deeper than \(Limits.nesting) levels")
    }
    switch peek {
    case UInt8(ascii: "{"):
      return SourceNode(kind: .mapping(try members(depth)), position: start)
    case UInt8(ascii: "["):
      return SourceNode(kind: .sequence(try items(depth)), position: start)
    case UInt8(ascii: "\""):
      return SourceNode(kind: .scalar(try string(), quoted: true), position: start)
    default:
      return SourceNode(kind: .scalar(try bareWord(), quoted: false), position: start)
    }
  }

  private mutating func members(_ depth: Int) throws(SyntaxError) -> [SourceNode.Member] {
    var members: [SourceNode.Member] = []
    var lines: [String: Int] = [:]
    index += 1
    skipSpace()
    if take("}") { return members }
    while true {
      guard peek == UInt8(ascii: "\"") else { throw error("a key in quotes is wanted here") }
      let keyPosition = position
      let key = try string()
      if let first = lines.updateValue(keyPosition.line, forKey: key) {
        log.report(
          at: keyPosition, key: key, "stands twice in one object, first at line \(first)")
      }
      skipSpace()
      guard take(":") else { throw error("`:` is wanted here, after a key") }
      skipSpace()
      let value = try value(depth: depth + 1)
      members.append(SourceNode.Member(key: key, keyPosition: keyPosition, value: value))
      skipSpace()
      if take("}") { return members }
      guard take(",") else { throw error("`,` or `}` is wanted here") }
      skipSpace()
    }
  }

  private mutating func items(_ depth: Int) throws(SyntaxError) -> [SourceNode] {
    var items: [SourceNode] = []
    index += 1
    skipSpace()
    if take("]") { return items }
    while true {
      items.append(try value(depth: depth + 1))
      skipSpace()
      if take("]") { return items }
      guard take(",") else { throw error("`,` or `]` is wanted here") }
      skipSpace()
    }
  }

  /// A number, `true`, `false` or `null`; or what Python's `json` writes for numbers that JSON has
  /// no word for, which no reader takes for a number.
  private mutating func bareWord() throws(SyntaxError) -> String {
    let start = index
    while let byte = peek, isWordByte(byte) { index += 1 }
    let word = String(decoding: bytes[start..<index], as: UTF8.self)
    guard JSONSource.isKnown(word) || PlainNumber(word) != nil else {
      index = start
      if peek == nil { throw error("the file ends in the middle of a value") }
      throw error("a value is wanted here: text in quotes, a number, true, false, null, [ or {")
    }
    return word
  }

  private static func isKnown(_ word: String) -> Bool {
    switch word {
    case "true", "false", "null", "NaN", "Infinity", "-Infinity": true
    default: false
    }
  }

  private func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): true
    default: false
    }
  }

  // MARK: Text

  private mutating func string() throws(SyntaxError) -> String {
    index += 1
    var decoded: [UInt8] = []
    var runStart = index
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        let run = bytes[runStart..<index]
        index += 1
        if decoded.isEmpty { return String(decoding: run, as: UTF8.self) }
        return String(decoding: decoded + run, as: UTF8.self)
      case UInt8(ascii: "\\"):
        decoded += bytes[runStart..<index]
        decoded += String(Character(try escape())).utf8
        runStart = index
      case 0..<0x20:
        throw error("the text in quotes does not end on its line")
      default:
        // Bytes that continue a scalar do not count as columns.
        if byte & 0xC0 == 0x80 { lineStart += 1 }
        index += 1
      }
    }
    throw error("the file ends inside a text in quotes")
  }

  private mutating func escape() throws(SyntaxError) -> Unicode.Scalar {
    let start = index
    index += 1
    guard let byte = peek else { throw error("the file ends inside a text in quotes") }
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default:
      index = start
      throw error(#"after `\` one of " \ / b f n r t u is wanted"#)
    }
    var code = hexadecimal()
    if let high = code, (0xD800..<0xDC00).contains(high), bytes[index...].starts(with: [92, 117]) {
      index += 2
      code = hexadecimal().flatMap { low in
        (0xDC00..<0xE000).contains(low)
          ? 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00) : nil
      }
    }
    guard let scalar = code.flatMap(Unicode.Scalar.init) else {
      index = start
      throw error(#"`\u` wants four hexadecimal digits of a character"#)
    }
    return scalar
  }

  private mutating func hexadecimal() -> UInt32? {
    guard index + 4 <= bytes.count else { return nil }
    let digits = bytes[index..<index + 4]
    let isHexadecimal = digits.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
    guard isHexadecimal else { return nil }
    index += 4
    return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
  }

  // MARK: Places

  private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

  private var position: Position { Position(line: line, column: index - lineStart + 1) }

  private func error(_ message: String) -> SyntaxError {
    SyntaxError(position: position, message: message)
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek == UInt8(ascii: character) else { return false }
    index += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\n"):
        index += 1
        line += 1
        lineStart = index
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
        index += 1
      default:
        return
      }
    }
  }
}
