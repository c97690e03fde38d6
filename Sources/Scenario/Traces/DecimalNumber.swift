/// A number that is not negative, as JSON writes it: digits, at most a fraction and an exponent.
/// Kept in tens, because a double does not hold every nanosecond of a time.
struct DecimalNumber {
  /// The first nineteen digits, which 64 bits hold.
  private var digits: UInt64 = 0
  /// The power of ten by which they are multiplied.
  private var exponent = 0

  /// Nil where the text is written otherwise.
  init?(_ text: Span<UInt8>) {
    var index = 0
    func hasDigit(_ index: Int) -> Bool { index < text.count && text[index] &- 48 < 10 }
    guard hasDigit(0), text[0] != 48 || !hasDigit(1) else { return nil }
    while hasDigit(index) {
      if !append(text[index] &- 48) { exponent += 1 }
      index += 1
    }
    if index < text.count, text[index] == UInt8(ascii: ".") {
      index += 1
      guard hasDigit(index) else { return nil }
      while hasDigit(index) {
        if append(text[index] &- 48) { exponent -= 1 }
        index += 1
      }
    }
    if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
      index += 1
      let isNegative = index < text.count && text[index] == UInt8(ascii: "-")
      if isNegative || index < text.count && text[index] == UInt8(ascii: "+") { index += 1 }
      guard hasDigit(index) else { return nil }
      var power = 0
      while hasDigit(index) {
        power = min(1 << 20, 10 * power + Int(text[index] &- 48))
        index += 1
      }
      exponent += isNegative ? -power : power
    }
    guard index == text.count else { return nil }
  }

  /// Whether there was room for the digit.
  private mutating func append(_ digit: UInt8) -> Bool {
    guard digits < 1_000_000_000_000_000_000 else { return false }
    digits = 10 * digits + UInt64(digit)
    return true
  }

  /// The number times 10^power, rounded to the nearest whole one; nil beyond `limit`.
  func rounded(timesTenTo power: Int, limit: Int64) -> Int64? {
    var shift = exponent + power
    if digits == 0 || shift < -19 { return 0 }
    var value = digits
    if shift < 0 {
      let divisor = (0..<(-shift)).reduce(UInt64(1)) { power, _ in power * 10 }
      let remainder = value % divisor
      value = value / divisor + (remainder >= divisor - remainder ? 1 : 0)
    }
    while shift > 0 {
      let (product, overflows) = value.multipliedReportingOverflow(by: 10)
      guard !overflows else { return nil }
      value = product
      shift -= 1
    }
    return value <= UInt64(limit) ? Int64(value) : nil
  }
}

extension RequestTraceRows {
  /// A unit of times.
  enum TimeUnit {
    case seconds, milliseconds

    /// The power of ten of its nanoseconds.
    fileprivate var power: Int {
      switch self {
      case .seconds: 9
      case .milliseconds: 6
      }
    }
  }

  /// The time that a field of the row states, to the nearest nanosecond; nil with an error where
  /// it does not.
  mutating func time(
    _ row: Span<UInt8>, _ field: Range<Int>, of name: String, unit: TimeUnit
  ) -> Timestamp? {
    // Clocks count from 1970 at most; 64 bits hold 292 years of nanoseconds.
    let limit: Int64 = 9_000_000_000_000_000_000
    guard
      let ns = DecimalNumber(row.extracting(field))?
        .rounded(timesTenTo: unit.power, limit: limit)
    else {
      refuse(row, field, of: name, "a time in \(unit), 0 or more, at most 9000000000 s")
      return nil
    }
    return Timestamp(nanosecondsSince1970: ns)
  }
}
