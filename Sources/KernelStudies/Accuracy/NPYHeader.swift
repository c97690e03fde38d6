/// The dictionary of an `.npy` file: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`,
/// padded with spaces and ended by a newline.
///
/// Of Python it reads what `numpy.save` writes: these three keys, each once, in any order.
struct NPYHeader: Equatable {
  /// What `descr` says the elements are.
  enum Descr: Equatable {
    /// The name of a plain type.
    case name(String)
    /// A structured type, as it is written.
    case structured(String)

    var text: String {
      switch self {
      case .name(let text), .structured(let text): text
      }
    }
  }

  /// Where the header stops being one, and why.
  struct SyntaxError: Error {
    let offset: Int
    let given: String
    let accepted: String
  }

  let descr: Descr
  let isFortranOrder: Bool
  let shape: [Int]

  /// Linear in the header's length.
  init(_ bytes: [UInt8]) throws(SyntaxError) {
    var cursor = Cursor(bytes: bytes)
    var (descr, order, shape): (Descr?, Bool?, [Int]?)
    try cursor.expect("{")
    while !cursor.take("}") {
      let place = cursor.index
      let key = try cursor.string()
      try cursor.expect(":")
      switch key {
      case "descr" where descr == nil: descr = try cursor.descr()
      case "fortran_order" where order == nil: order = try cursor.boolean()
      case "shape" where shape == nil: shape = try cursor.tuple()
      default:
        throw SyntaxError(
          offset: place, given: "the key \(TensorLimits.quoted(key))",
          accepted: "'descr', 'fortran_order' and 'shape', each once")
      }
      if !cursor.take(",") {
        try cursor.expect("}")
        break
      }
    }
    try cursor.expectPadding()
    guard let descr, let order, let shape else {
      throw SyntaxError(
        offset: cursor.index, given: "an end before all keys",
        accepted: "'descr', 'fortran_order' and 'shape', each once")
    }
    (self.descr, isFortranOrder, self.shape) = (descr, order, shape)
  }
}

/// A place in the header's text.
private struct Cursor {
  let bytes: [UInt8]
  var index = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func skipSpaces() {
    while peek == UInt8(ascii: " ") { index += 1 }
  }

  private func unexpected(_ accepted: String) -> NPYHeader.SyntaxError {
    let given = peek.map { byte in
      (0x21..<0x7F).contains(byte) ? "`\(Character(Unicode.Scalar(byte)))`" : "byte \(byte)"
    }
    return NPYHeader.SyntaxError(offset: index, given: given ?? "an end", accepted: accepted)
  }

  /// Skips spaces and, if it comes next, `wanted`.
  mutating func take(_ wanted: Unicode.Scalar) -> Bool {
    skipSpaces()
    guard peek == UInt8(ascii: wanted) else { return false }
    index += 1
    return true
  }

  mutating func expect(_ wanted: Unicode.Scalar) throws(NPYHeader.SyntaxError) {
    guard take(wanted) else { throw unexpected("`\(wanted)` there") }
  }

  /// Text in single or double quotes, without escapes.
  mutating func string() throws(NPYHeader.SyntaxError) -> String {
    skipSpaces()
    guard let quote = peek, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
      throw unexpected("text in quotes there")
    }
    let start = index + 1
    index = start
    while let byte = peek, byte != quote {
      guard (0x20..<0x7F).contains(byte), byte != UInt8(ascii: "\\") else {
        throw unexpected("printable ASCII without escapes in quotes")
      }
      index += 1
    }
    guard peek == quote else { throw unexpected("a closing quote") }
    index += 1
    return String(decoding: bytes[start..<index - 1], as: UTF8.self)
  }

  mutating func boolean() throws(NPYHeader.SyntaxError) -> Bool {
    skipSpaces()
    for (word, value) in [("True", true), ("False", false)]
    where bytes[index...].starts(with: word.utf8) {
      index += word.utf8.count
      return value
    }
    throw unexpected("True or False there")
  }

  /// A type's name; of a structured type what stands to the end, which is never read further.
  mutating func descr() throws(NPYHeader.SyntaxError) -> NPYHeader.Descr {
    skipSpaces()
    guard peek == UInt8(ascii: "[") else { return .name(try string()) }
    let start = index
    var (depth, quote): (Int, UInt8?) = (0, nil)
    repeat {
      guard let byte = peek else { throw unexpected("a closing `]`") }
      if let open = quote {
        if byte == open { quote = nil }
      } else {
        switch byte {
        case UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "]"): depth -= 1
        case UInt8(ascii: "'"), UInt8(ascii: "\""): quote = byte
        default: break
        }
      }
      index += 1
    } while depth > 0
    return .structured(String(decoding: bytes[start..<index], as: UTF8.self))
  }

  /// `()`, `(3,)`, `(3, 4)` or `(3, 4,)`.
  mutating func tuple() throws(NPYHeader.SyntaxError) -> [Int] {
    var items: [Int] = []
    var endsInComma = true
    try expect("(")
    while !take(")") {
      guard endsInComma else { throw unexpected("`,` or `)` there") }
      guard items.count < TensorLimits.dimensions else {
        throw unexpected("at most \(TensorLimits.dimensions) dimensions")
      }
      items.append(try wholeNumber())
      endsInComma = take(",")
    }
    // In Python `(3)` is a number, not a tuple.
    guard items.count != 1 || endsInComma else { throw unexpected("a tuple such as `(3,)`") }
    return items
  }

  private mutating func wholeNumber() throws(NPYHeader.SyntaxError) -> Int {
    skipSpaces()
    let start = index
    while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
    let digits = String(decoding: bytes[start..<index], as: UTF8.self)
    guard let value = Int(digits) else {
      index = start
      throw unexpected("a whole number from 0 to \(Int.max) there")
    }
    return value
  }

  mutating func expectPadding() throws(NPYHeader.SyntaxError) {
    skipSpaces()
    if peek == UInt8(ascii: "\n") && index + 1 == bytes.count { index += 1 }
    guard index == bytes.count else {
      throw unexpected("spaces and a newline after the dictionary")
    }
  }
}
