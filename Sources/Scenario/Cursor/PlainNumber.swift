/// A number written plainly: an optional minus, decimal digits without leading zeros, at most a
/// fraction and an exponent. What JSON allows, and what YAML 1.1 and YAML 1.2 agree on.
struct PlainNumber {
  /// The value, rounded to the nearest double; finite.
  let value: Double
  /// The value where it is written without fraction and exponent and fits in 64 bits.
  let integer: Int?
  /// Whether it is written without fraction and exponent.
  let isWhole: Bool
  /// Digits without the decimal point, and how many of them stand behind it: for products that
  /// have to be exact. Nil with an exponent or more digits than 64 bits hold.
  let exact: (digits: Int, decimals: Int)?

  /// Nil where `text` is written otherwise, or is too large for a double.
  init?(_ text: String) {
    if let integer = PlainNumber.fewDigits(text) {
      (value, self.integer, isWhole, exact) = (Double(integer), integer, true, (integer, 0))
      return
    }
    var rest = Array(text.utf8)[...]
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative { rest.removeFirst() }
    let whole = rest.prefix(while: PlainNumber.isDigit)
    rest = rest.dropFirst(whole.count)
    guard !whole.isEmpty, whole.count == 1 || whole.first != UInt8(ascii: "0") else { return nil }
    var fraction: ArraySlice<UInt8> = []
    if rest.first == UInt8(ascii: ".") {
      fraction = rest.dropFirst().prefix(while: PlainNumber.isDigit)
      guard !fraction.isEmpty else { return nil }
      rest = rest.dropFirst(1 + fraction.count)
    }
    let hasExponent = rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E")
    if hasExponent {
      rest.removeFirst()
      if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest.removeFirst() }
      guard !rest.isEmpty else { return nil }
      rest = rest.drop(while: PlainNumber.isDigit)
    }
    guard rest.isEmpty, let value = Double(text), value.isFinite else { return nil }
    self.value = value
    isWhole = fraction.isEmpty && !hasExponent
    integer = isWhole ? Int(text) : nil
    let digits = Int(String(decoding: whole + fraction, as: UTF8.self))
    exact = hasExponent || isNegative ? nil : digits.map { ($0, fraction.count) }
  }

  /// The number that up to 15 digits are, which a double holds: nearly all that a profile has. Nil
  /// where it is written otherwise.
  static func fewDigits(_ text: String) -> Int? {
    let bytes = text.utf8
    guard (1...15).contains(bytes.count), bytes.count == 1 || bytes.first != UInt8(ascii: "0")
    else { return nil }
    var integer = 0
    for byte in bytes {
      guard isDigit(byte) else { return nil }
      integer = 10 * integer + Int(byte - UInt8(ascii: "0"))
    }
    return integer
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}
