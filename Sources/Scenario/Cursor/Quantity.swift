/// Numbers with units: sizes in bytes and rates of requests.
enum Quantity {
  /// Units of sizes and their bytes, decimal ones first.
  static let sizes: [(unit: String, bytes: Int)] = [
    ("B", 1), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
  ]

  /// Units of rates and how many seconds they last.
  static let rates: [(unit: String, seconds: Double)] = [("/s", 1), ("/min", 60), ("/h", 3_600)]

  /// Units of times and their nanoseconds.
  static let times: [(unit: String, ns: Double)] = [
    ("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("min", 60e9), ("h", 3_600e9),
  ]

  /// A number and the unit behind it; spaces may stand between them.
  static func split(_ text: String) -> (number: String, unit: String) {
    let number = text.prefix { $0.isASCII && ($0.isNumber || ".-+_eE".contains($0)) }
    let unit = text.dropFirst(number.count).drop { $0 == " " }
    return (String(number), String(unit))
  }
}

extension Cursor {
  /// A size such as `2 GiB`, in bytes: whole and positive.
  func bytes() -> Int? {
    let units = Quantity.sizes.map(\.unit)
    let accepted = "a number with a unit (\(units.joined(separator: ", "))), such as 2 GiB"
    guard let (number, unit) = quantity(units: units, accepted: accepted) else { return nil }
    guard let factor = Quantity.sizes.first(where: { $0.unit == unit })?.bytes,
      let (digits, decimals) = number.exact, digits > 0
    else {
      refuse("\(node.given) is not a positive size; accepted: \(accepted)")
      return nil
    }
    let (product, overflows) = digits.multipliedReportingOverflow(by: factor)
    // 10^18 is the largest power of ten in 64 bits.
    let divisor = decimals > 18 ? nil : (0..<decimals).reduce(1) { power, _ in power * 10 }
    guard !overflows, let divisor, product / divisor <= Limits.memoryBytes else {
      refuse("\(node.given) is too large; accepted: up to \(Limits.memoryBytes) B")
      return nil
    }
    guard product % divisor == 0 else {
      refuse("\(node.given) is not a whole number of bytes; accepted: \(accepted)")
      return nil
    }
    return product / divisor
  }

  /// A rate such as `2.5/s`, per second: positive, and at most one a nanosecond.
  func ratePerSecond() -> Double? {
    ratePerSecond(what: "positive", isAccepted: { $0 > 0 })
  }

  /// A rate that may be zero, such as `0/s`, per second; at most one a nanosecond.
  func ratePerSecondOrNone() -> Double? {
    ratePerSecond(what: "non-negative", isAccepted: { $0.sign == .plus })
  }

  private func ratePerSecond(what: String, isAccepted: (Double) -> Bool) -> Double? {
    let units = Quantity.rates.map(\.unit)
    let accepted = "a \(what) number with a unit (\(units.joined(separator: ", "))), such as 2.5/s"
    guard let (number, unit) = quantity(units: units, accepted: accepted) else { return nil }
    guard let seconds = Quantity.rates.first(where: { $0.unit == unit })?.seconds,
      isAccepted(number.value / seconds)
    else {
      refuse("\(node.given) is not a \(what) rate; accepted: \(accepted)")
      return nil
    }
    guard number.value / seconds <= 1e9 else {
      refuse("\(node.given) is more than one request a nanosecond")
      return nil
    }
    return number.value / seconds
  }

  /// A bandwidth such as `450 GB/s`, in bytes per second: positive and whole.
  func bytesPerSecond() -> Int? {
    let units = Quantity.sizes.map { "\($0.unit)/s" }
    let accepted = "a number with a unit (\(units.joined(separator: ", "))), such as 450 GB/s"
    guard let (number, unit) = quantity(units: units, accepted: accepted) else { return nil }
    let bytes = Quantity.sizes.first { "\($0.unit)/s" == unit }?.bytes ?? 1
    let product = number.value * Double(bytes)
    guard product >= 1, product <= Double(Limits.memoryBytes) else {
      refuse("\(node.given) is out of range; accepted: \(accepted)")
      return nil
    }
    return Int(product.rounded())
  }

  /// A time such as `300 us`, in nanoseconds: not negative, and at most so many seconds.
  func nanoseconds(upTo seconds: Double = 100) -> Int64? {
    let units = Quantity.times.map(\.unit)
    let accepted = "a number with a unit (\(units.joined(separator: ", "))), such as 300 us"
    guard let (number, unit) = quantity(units: units, accepted: accepted) else { return nil }
    let ns = number.value * (Quantity.times.first { $0.unit == unit }?.ns ?? 1)
    guard ns.sign == .plus, ns <= seconds * 1e9 else {
      refuse(
        "\(node.given) is out of range; accepted: \(accepted), from 0 to \(Int64(seconds)) s")
      return nil
    }
    return Int64(ns.rounded())
  }

  /// A time of a workload, in nanoseconds: a nanosecond or more, a hundred years at most.
  func positiveNanoseconds() -> Int64? {
    guard let ns = nanoseconds(upTo: Limits.arrivalSeconds) else { return nil }
    guard ns > 0 else {
      refuse("\(node.given) is no time at all; accepted: a nanosecond or more, such as 300 us")
      return nil
    }
    return ns
  }

  private func quantity(
    units: [String], accepted: String
  ) -> (number: PlainNumber, unit: String)? {
    guard case .scalar(let text, _) = node.kind else {
      refuse(accepted: accepted)
      return nil
    }
    let (digits, unit) = Quantity.split(text)
    guard let number = PlainNumber(digits) else {
      let isUnusual = PlainWord.reading(of: digits)?.contains("number") ?? false
      let advice = isUnusual ? "; write the number plainly" : ""
      refuse("\(node.given) is not accepted here\(advice); accepted: \(accepted)")
      return nil
    }
    guard !unit.isEmpty else {
      refuse("\(node.given) has no unit; accepted: \(accepted)")
      return nil
    }
    guard units.contains(unit) else {
      let advice = Spelling.advice(for: unit, among: units, accepted: accepted)
      refuse("\(Escaping.quoted(unit)) is an unknown unit\(advice)")
      return nil
    }
    return (number, unit)
  }
}
