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

  /// A moment so many nanoseconds after 1970-01-01 00:00:00.
  /// - Precondition: `total` is not negative.
  init(nanosecondsSince1970 total: Int64) {
    precondition(total >= 0)
    (seconds, nanoseconds) = (total / 1_000_000_000, total % 1_000_000_000)
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
    guard text.last == "Z" else { return false }
    return Timestamp(text.dropLast(), separator: "T") != nil
  }

  /// A moment as ISO 8601 in UTC, ending in `Z`: of `2026-08-17T21:43:32.5+02:00`, where a space
  /// may stand for the `T`, and what says no offset is in UTC. Nil where form or date is wrong.
  static func utc(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    guard let zone = zone(of: bytes.span) else { return nil }
    let local = String(decoding: bytes[..<zone.start], as: UTF8.self)
    return utc(local, offsetSeconds: zone.offsetSeconds)
  }

  /// A date and a time of day, in UTC or with the offset from it that stands behind; nil where
  /// form or date is wrong.
  init?(zoned bytes: Span<UInt8>) {
    guard let zone = Timestamp.zone(of: bytes),
      let local = Timestamp(bytes.extracting(0..<zone.start))
    else { return nil }
    seconds = local.seconds - zone.offsetSeconds
    nanoseconds = local.nanoseconds
  }

  /// Where the offset from UTC begins, `Z` or such as `+02:00`, and what it comes to: at the end,
  /// 0, where there is none. Nil where it is no offset.
  private static func zone(
    of bytes: Span<UInt8>
  ) -> (start: Int, offsetSeconds: Int64)? {
    let count = bytes.count
    if count > 19, bytes[count - 1] == UInt8(ascii: "Z") { return (count - 1, 0) }
    guard count >= 25, bytes[count - 3] == UInt8(ascii: ":") else { return (count, 0) }
    let sign = bytes[count - 6]
    guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
      let hours = pair(bytes, count - 5), let minutes = pair(bytes, count - 2), hours < 24,
      minutes < 60
    else { return nil }
    let offset = hours * 3_600 + minutes * 60
    return (count - 6, sign == UInt8(ascii: "-") ? -offset : offset)
  }

  private static func utc(_ local: some StringProtocol, offsetSeconds: Int64) -> String? {
    guard let time = Timestamp(local, separator: "T") ?? Timestamp(local, separator: " ") else {
      return nil
    }
    let seconds = time.seconds - offsetSeconds
    let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    let (year, month, day) = date(daysSince1970: days)
    guard (0...9_999).contains(year) else { return nil }
    let clock = seconds - days * 86_400
    func digits(_ value: Int64, _ count: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    return "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))T\(digits(clock / 3_600, 2)):"
      + "\(digits(clock / 60 % 60, 2)):\(digits(clock % 60, 2))\(local.dropFirst(19))Z"
  }

  private init?(_ text: some StringProtocol, separator: Unicode.Scalar) {
    self.init(Array(text.utf8).span, separator: UInt8(ascii: separator))
  }

  /// The inverse of ``daysSince1970(year:month:day:)`` (the same source, `civil_from_days`).
  private static func date(
    daysSince1970 days: Int64
  ) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
  }
}
