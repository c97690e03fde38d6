/// Quantities, which are text in a scenario: a number and its unit.
///
/// The patterns say how such a text is written. What JSON Schema cannot say of it, how large it may
/// be, stands in the words about the key.
extension ValueForm {
  private static func quantity(
    _ what: String, like example: String, numbers: String, units: [String], note: String = "",
    read: @escaping @Sendable (Cursor) -> Value?
  ) -> ValueForm {
    ValueForm(
      accepted: "a \(what) such as \(example)\(note)",
      schema: [
        ("type", "string"),
        ("pattern", .text("^\(numbers) *(\(units.joined(separator: "|")))$")),
        ("examples", .texts([example])),
      ],
      read: read)
  }
}

/// Numbers as ``PlainNumber`` takes them, without a sign.
private enum NumberPattern {
  static let exponent = "([eE][+-]?[0-9]+)?"
  static let notNegative = "(0|[1-9][0-9]*)(\\.[0-9]+)?" + exponent
  /// Some digit in front of an exponent is not 0.
  static let positiveWithoutExponent = "(0\\.[0-9]*[1-9][0-9]*|[1-9][0-9]*(\\.[0-9]+)?)"
  static let positive = positiveWithoutExponent + exponent
}

extension ValueForm where Value == Int64 {
  /// A time in nanoseconds, which may be none and is at most so many seconds.
  static func time(upTo seconds: Double = 100, like example: String = "300 us") -> ValueForm {
    let most = seconds < Limits.arrivalSeconds ? "\(Int(seconds)) s" : "a hundred years"
    return quantity(
      "time", like: example, numbers: NumberPattern.notNegative, units: Quantity.times.map(\.unit),
      note: ", at most \(most)",
      read: { $0.nanoseconds(upTo: seconds) })
  }

  /// A time of a workload: a nanosecond or more, a hundred years at most.
  static var positiveTime: ValueForm {
    quantity(
      "time", like: "10 s", numbers: NumberPattern.positive, units: Quantity.times.map(\.unit),
      read: { $0.positiveNanoseconds() })
  }
}

extension ValueForm where Value == Double {
  /// A positive rate of requests, per second.
  static var rate: ValueForm {
    quantity(
      "rate", like: "2.5/s", numbers: NumberPattern.positive, units: Quantity.rates.map(\.unit),
      read: { $0.ratePerSecond() })
  }

  /// A rate of requests, per second, that may be 0.
  static var rateOrNone: ValueForm {
    quantity(
      "rate", like: "2.5/s", numbers: NumberPattern.notNegative, units: Quantity.rates.map(\.unit),
      note: ", or 0/s", read: { $0.ratePerSecondOrNone() })
  }
}

extension ValueForm where Value == Int {
  /// A size in bytes.
  static var bytes: ValueForm {
    quantity(
      "size", like: "2 GiB", numbers: NumberPattern.positiveWithoutExponent,
      units: Quantity.sizes.map(\.unit), read: { $0.bytes() })
  }

  /// A bandwidth in bytes per second.
  static var bandwidth: ValueForm {
    quantity(
      "rate", like: "450 GB/s", numbers: NumberPattern.positive,
      units: Quantity.sizes.map { "\($0.unit)/s" }, read: { $0.bytesPerSecond() })
  }
}
