/// A moment as request traces and profiles write it, to the nanosecond.
///
/// A parser of our own, because `DateFormatter` keeps milliseconds only.
struct Timestamp: Hashable {
  /// Whole seconds since 1970-01-01 00:00:00.
  let seconds: Int64
  /// Nanoseconds beyond them: 0...999,999,999.
  let nanoseconds: Int64

  /// `YYYY-MM-DD HH:MM:SS` with up to nine decimals; nil where the form or the date is wrong.
  /// Leap seconds are refused, because a time of day that repeats has no place in an order.
  init?(_ bytes: Span<UInt8>, separator: UInt8 = UInt8(ascii: " ")) {
    guard bytes.count >= 19, bytes.count == 19 || (21...29).contains(bytes.count),
      bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[10] == separator,
      bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
      let century = Timestamp.pair(bytes, 0), let yearOfCentury = Timestamp.pair(bytes, 2),
      let month = Timestamp.pair(bytes, 5), let day = Timestamp.pair(bytes, 8),
      let hour = Timestamp.pair(bytes, 11), let minute = Timestamp.pair(bytes, 14),
      let second = Timestamp.pair(bytes, 17)
    else { return nil }
    let year = century * 100 + yearOfCentury
    guard (1...12).contains(month), day >= 1, day <= Timestamp.days(inMonth: month, of: year),
      hour < 24, minute < 60, second < 60
    else { return nil }
    seconds =
      Timestamp.daysSince1970(year: year, month: month, day: day) * 86_400
      + hour * 3_600 + minute * 60 + second
    guard let fraction = Timestamp.fraction(bytes) else { return nil }
    nanoseconds = fraction
  }

  private static func fraction(_ bytes: Span<UInt8>) -> Int64? {
    guard bytes.count > 19 else { return 0 }
    guard bytes[19] == UInt8(ascii: ".") else { return nil }
    var fraction: Int64 = 0
    for index in 20..<29 {
      var digit: UInt8 = 0
      if index < bytes.count {
        digit = bytes[index] &- 48
        guard digit < 10 else { return nil }
      }
      fraction = fraction * 10 + Int64(digit)
    }
    return fraction
  }

  private static func pair(_ bytes: Span<UInt8>, _ index: Int) -> Int64? {
    let tens = bytes[index] &- 48
    let ones = bytes[index + 1] &- 48
    guard tens < 10, ones < 10 else { return nil }
    return Int64(tens &* 10 &+ ones)
  }

  private static func days(inMonth month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days of the Gregorian calendar, years starting in March so that a leap day ends one
  /// (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`).
  private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
    let marchYear = month <= 2 ? year - 1 : year
    let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
    let yearOfEra = marchYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}

extension Timestamp {
  /// Whether `text` is a moment in ISO 8601 and UTC, to the second or finer, ending in `Z`.
  static func isISO8601UTC(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.last == UInt8(ascii: "Z") else { return false }
    let body = Array(bytes.dropLast())
    return Timestamp(body.span, separator: UInt8(ascii: "T")) != nil
  }
}
