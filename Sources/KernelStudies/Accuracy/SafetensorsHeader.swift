/// The JSON of a safetensors file: `{"NAME": {"dtype": "F16", "shape": [2, 3],
/// "data_offsets": [0, 12]}}`, and `__metadata__`, an object of texts, which is passed over.
///
/// A general JSON decoder would take a name twice and keep one of the two, and `200.0` for a whole
/// number; the format forbids both.
struct SafetensorsHeader {
  /// One tensor.
  struct Entry {
    let dtype: String
    let shape: [Int]
    let begin: Int
    let end: Int
  }

  /// Where the header stops being one, and why.
  struct SyntaxError: Error {
    let offset: Int
    let given: String
    let accepted: String
  }

  let entries: [String: Entry]

  /// Linear in the header's length.
  init(_ bytes: [UInt8]) throws(SyntaxError) {
    var cursor = JSONCursor(bytes: bytes)
    var (entries, hasMetadata) = ([String: Entry](), false)
    try cursor.object { cursor, name, place throws(SyntaxError) in
      if name == "__metadata__" && !hasMetadata {
        hasMetadata = true
        var known: Set<String> = []
        try cursor.object { cursor, key, place throws(SyntaxError) in
          guard known.insert(key).inserted else { throw SyntaxError(twice: key, place) }
          _ = try cursor.string()
        }
      } else {
        guard entries[name] == nil && name != "__metadata__" else {
          throw SyntaxError(twice: name, place)
        }
        entries[name] = try SafetensorsHeader.entry(name, &cursor)
      }
    }
    try cursor.expectPadding()
    self.entries = entries
  }

  private static func entry(
    _ name: String, _ cursor: inout JSONCursor
  ) throws(SyntaxError) -> Entry {
    var (dtype, shape, offsets): (String?, [Int]?, [Int]?)
    let start = cursor.index
    let quoted = TensorLimits.quoted(name)
    try cursor.object { cursor, key, place throws(SyntaxError) in
      switch key {
      case "dtype" where dtype == nil: dtype = try cursor.string()
      case "shape" where shape == nil:
        shape = try cursor.numbers("a dimension of \(quoted)")
      case "data_offsets" where offsets == nil:
        offsets = try cursor.numbers("a data offset of \(quoted)")
      default:
        throw SyntaxError(
          offset: place, given: "the key \(TensorLimits.quoted(key))", accepted: keys)
      }
    }
    guard let dtype, let shape, let offsets, offsets.count == 2 else {
      throw SyntaxError(
        offset: start, given: "an incomplete description of \(quoted)", accepted: keys)
    }
    return Entry(dtype: dtype, shape: shape, begin: offsets[0], end: offsets[1])
  }

  private static let keys =
    "`dtype`, `shape` and `data_offsets` of two numbers, each once in every tensor"
}

extension SafetensorsHeader.SyntaxError {
  init(twice name: String, _ place: Int) {
    self.init(
      offset: place, given: "the name \(TensorLimits.quoted(name)) a second time",
      accepted: "every name once")
  }
}

/// A place in the header's text.
private struct JSONCursor {
  typealias SyntaxError = SafetensorsHeader.SyntaxError

  let bytes: [UInt8]
  var index = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func skipSpaces() {
    while let byte = peek, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { index += 1 }
  }

  private func unexpected(_ accepted: String) -> SyntaxError {
    let given = peek.map { byte in
      (0x21..<0x7F).contains(byte) ? "`\(Character(Unicode.Scalar(byte)))`" : "byte \(byte)"
    }
    return SyntaxError(offset: index, given: given ?? "an end", accepted: accepted)
  }

  private mutating func take(_ wanted: Unicode.Scalar) -> Bool {
    skipSpaces()
    guard peek == UInt8(ascii: wanted) else { return false }
    index += 1
    return true
  }

  private mutating func expect(_ wanted: Unicode.Scalar) throws(SyntaxError) {
    guard take(wanted) else { throw unexpected("`\(wanted)` there") }
  }

  /// `{"KEY": …, …}`: `body` reads what stands behind each colon.
  mutating func object(
    _ body: (inout JSONCursor, _ key: String, _ place: Int) throws(SyntaxError) -> Void
  ) throws(SyntaxError) {
    try expect("{")
    if take("}") { return }
    repeat {
      skipSpaces()
      let place = index
      let key = try string()
      try expect(":")
      try body(&self, key, place)
    } while take(",")
    try expect("}")
  }

  /// `[1, 2]`, of whole numbers that are not negative.
  mutating func numbers(_ what: String) throws(SyntaxError) -> [Int] {
    try expect("[")
    if take("]") { return [] }
    var numbers: [Int] = []
    repeat { numbers.append(try number(what)) } while take(",")
    try expect("]")
    return numbers
  }

  private mutating func number(_ what: String) throws(SyntaxError) -> Int {
    skipSpaces()
    let start = index
    while let byte = peek, isPartOfNumber(byte) { index += 1 }
    let text = String(decoding: bytes[start..<index], as: UTF8.self)
    // JSON has no leading zeros, and `Int` would take them and a sign.
    guard let value = Int(text), value >= 0, String(value) == text else {
      if index == start { throw unexpected("\(what) there") }
      throw SyntaxError(
        offset: start, given: "\(TensorLimits.quoted(text)) as \(what)",
        accepted: "whole numbers from 0 to \(Int.max)")
    }
    return value
  }

  private func isPartOfNumber(_ byte: UInt8) -> Bool {
    switch Unicode.Scalar(byte) {
    case "0"..."9", "-", "+", ".", "e", "E": true
    default: false
    }
  }

  /// Text in double quotes.
  mutating func string() throws(SyntaxError) -> String {
    skipSpaces()
    let start = index
    guard take("\"") else { throw unexpected("text in double quotes there") }
    var text: [UInt8] = []
    while let byte = peek, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw unexpected("text without control characters") }
      index += 1
      if byte == UInt8(ascii: "\\") { try escape(into: &text) } else { text.append(byte) }
    }
    guard take("\"") else { throw unexpected("a closing quote") }
    guard let string = String(validating: text, as: UTF8.self) else {
      throw SyntaxError(offset: start, given: "text that is not UTF-8", accepted: "UTF-8")
    }
    return string
  }

  /// What stands behind a backslash.
  private mutating func escape(into text: inout [UInt8]) throws(SyntaxError) {
    let escapes: [Unicode.Scalar: UInt8] = [
      "\"": 0x22, "\\": 0x5C, "/": 0x2F, "b": 0x08, "f": 0x0C, "n": 0x0A, "r": 0x0D, "t": 0x09,
    ]
    guard let byte = peek else { throw unexpected("an escape of JSON") }
    if let plain = escapes[Unicode.Scalar(byte)] {
      index += 1
      text.append(plain)
      return
    }
    var units = [try unit()]
    if UTF16.isLeadSurrogate(units[0]) {
      guard peek == UInt8(ascii: "\\") else { throw unexpected("the second half of a surrogate") }
      index += 1
      units.append(try unit())
    }
    guard let string = String(validating: units, as: UTF16.self) else {
      throw unexpected("an escape of JSON before it")
    }
    text += Array(string.utf8)
  }

  /// `u` and four hexadecimal digits.
  private mutating func unit() throws(SyntaxError) -> UInt16 {
    guard peek == UInt8(ascii: "u"), bytes.count - index >= 5,
      bytes[index + 1..<index + 5].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let unit = UInt16(String(decoding: bytes[index + 1..<index + 5], as: UTF8.self), radix: 16)
    else { throw unexpected("an escape of JSON") }
    index += 5
    return unit
  }

  mutating func expectPadding() throws(SyntaxError) {
    skipSpaces()
    guard index == bytes.count else { throw unexpected("spaces after the object") }
  }
}
