/// The wall clock's time at the start of a run, such as `2026-05-01T12:00:00Z`.
struct StartTime {
  let year: Int
  let month: Int
  let day: Int
  let hour: Int
  let minute: Int
  let second: Int

  /// Reads it; nil where the text is no such time, or of a year before 1970 or after 2199.
  init?(_ text: String) {
    let form = Array("dddd-dd-ddTdd:dd:ddZ".utf8)
    let bytes = Array(text.utf8)
    guard bytes.count == form.count else { return nil }
    for (byte, expected) in zip(bytes, form) {
      let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      guard expected == UInt8(ascii: "d") ? isDigit : byte == expected else { return nil }
    }
    func number(_ range: Range<Int>) -> Int {
      bytes[range].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }
    (year, month, day) = (number(0..<4), number(5..<7), number(8..<10))
    (hour, minute, second) = (number(11..<13), number(14..<16), number(17..<19))
    guard (1970...2199).contains(year), (1...12).contains(month), (1...31).contains(day),
      hour < 24, minute < 60, second < 61
    else { return nil }
  }

  /// Nanoseconds since the start of 1970, in UTC. A run of a hundred years on top fits 64 bits.
  var epochNs: UInt64 {
    // The days of the proleptic Gregorian calendar, the year taken to begin in March
    // (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil).
    let years = month > 2 ? year : year - 1
    let daysOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    let days = years * 365 + years / 4 - years / 100 + years / 400 + daysOfYear - 719_468
    return UInt64(((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000_000
  }

  /// As `vllm bench serve` writes it: `20260501-120000`.
  var compact: String {
    func digits(_ number: Int, _ count: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: count - text.count) + text
    }
    return digits(year, 4) + digits(month, 2) + digits(day, 2) + "-" + digits(hour, 2)
      + digits(minute, 2) + digits(second, 2)
  }
}
