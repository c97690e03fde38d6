/// What has to hold of a service, as people state it: `ttft.p99 <= 500 ms`, `goodput >= 99 %`,
/// `interactive.e2e.mean <= 20 s`.
public struct ServiceObjective: Hashable, Sendable, CustomStringConvertible {
  /// A time of each request.
  public enum Measure: String, Hashable, Sendable, CaseIterable {
    /// Time to first token.
    case ttft
    /// Mean time per output token after the first; one-token outputs have none.
    case tpot
    /// From arrival to the last token.
    case e2e
    /// From arrival to the first step that worked on the request.
    case queue
  }

  /// What is taken of the times of many requests.
  public enum Statistic: Hashable, Sendable {
    /// Their mean.
    case mean
    /// The smallest that at least so many thousandths of them do not exceed: 1...1000.
    case percentile(thousandths: Int)
  }

  /// What is bounded, and by what.
  public enum Bound: Hashable, Sendable {
    /// A statistic of a time, at most so many nanoseconds.
    case time(Measure, Statistic, atMostNs: Int64)
    /// The share of requests that meet the `objectives` of their class, at least so much.
    case goodput(atLeast: Double)
  }

  /// The class of which it has to hold; nil of all requests.
  public let className: String?
  /// What has to hold.
  public let bound: Bound

  /// An objective, complete.
  public init(className: String? = nil, _ bound: Bound) {
    self.className = className
    self.bound = bound
  }

  /// As it is written, in the unit in which the limit is shortest.
  public var description: String {
    let prefix = className.map { "\($0)." } ?? ""
    switch bound {
    case .time(let measure, let statistic, let ns):
      return "\(prefix)\(measure.rawValue).\(statistic) <= \(ServiceObjective.time(ns))"
    case .goodput(let share):
      return "\(prefix)goodput >= \(ServiceObjective.plain(share * 100)) %"
    }
  }

  private static func time(_ ns: Int64) -> String {
    for (unit, size) in [("s", 1e9), ("ms", 1e6), ("us", 1e3)] where Double(ns) >= size {
      return "\(plain(Double(ns) / size)) \(unit)"
    }
    return "\(ns) ns"
  }

  /// Without a point where it is whole.
  private static func plain(_ number: Double) -> String {
    let rounded = (number * 1e6).rounded() / 1e6
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }
}

extension ServiceObjective.Statistic: CustomStringConvertible {
  /// As it is written: `mean`, `p99`, `p99.9`, `max`.
  public var description: String {
    switch self {
    case .mean: "mean"
    case .percentile(1000): "max"
    case .percentile(let thousandths):
      thousandths % 10 == 0 ? "p\(thousandths / 10)" : "p\(thousandths / 10).\(thousandths % 10)"
    }
  }

  init?(_ text: Substring) {
    switch text {
    case "mean": self = .mean
    case "median": self = .percentile(thousandths: 500)
    case "max": self = .percentile(thousandths: 1000)
    default:
      guard text.first == "p", let number = PlainNumber(String(text.dropFirst())) else {
        return nil
      }
      let thousandths = (number.value * 10).rounded()
      guard (1...1000).contains(thousandths), abs(thousandths - number.value * 10) < 1e-9 else {
        return nil
      }
      self = .percentile(thousandths: Int(thousandths))
    }
  }
}

/// Why a text is no objective, in words that say what is accepted.
public struct ObjectiveFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// One sentence.
  public let description: String
}

extension ServiceObjective {
  /// What is accepted, in words that end a message.
  static let accepted =
    "such as `ttft.p99 <= 500 ms`, `tpot.mean <= 40 ms`, `e2e.p95 <= 20 s`, `goodput >= 99 %`, "
    + "with a class in front where it is of one (`interactive.ttft.p99 <= 200 ms`), or a preset: "
    + presets.map(\.name).joined(separator: ", ")

  /// The objectives that a text stands for: one, or those of a preset.
  /// - Throws: ``ObjectiveFault``.
  public static func parse(_ text: String) throws(ObjectiveFault) -> [ServiceObjective] {
    if let preset = presets.first(where: { $0.name == text }) { return preset.objectives }
    guard let (left, isAtMost, right) = sides(text) else {
      let advice = Spelling.suggestion(for: text, among: presets.map(\.name))
        .map { "; did you mean `\($0)`?" }
      throw ObjectiveFault(
        description: "\(Escaping.quoted(text)) is no objective"
          + (advice ?? "; accepted: \(accepted)"))
    }
    let parts = left.split(separator: ".", omittingEmptySubsequences: false)
    // A class may be called as a time is: what comes behind it tells.
    if let bound = try bound(parts[...], isAtMost, right, of: text) {
      return [ServiceObjective(bound)]
    }
    if parts.count > 1, let bound = try bound(parts.dropFirst(), isAtMost, right, of: text) {
      return [ServiceObjective(className: String(parts[0]), bound)]
    }
    throw ObjectiveFault(
      description: "\(Escaping.quoted(text)): \(Escaping.quoted(left)) is nothing to state an "
        + "objective of; accepted: \(accepted)")
  }

  private static func sides(_ text: String) -> (left: String, isAtMost: Bool, right: String)? {
    for (sign, isAtMost) in [("<=", true), (">=", false), ("≤", true), ("≥", false)] {
      guard let range = text.firstRange(of: sign) else { continue }
      func trimmed(_ side: Substring) -> String {
        String(side.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
      }
      return (trimmed(text[..<range.lowerBound]), isAtMost, trimmed(text[range.upperBound...]))
    }
    return nil
  }

  /// Nil where the left side is nothing that is known.
  private static func bound(
    _ parts: ArraySlice<Substring>, _ isAtMost: Bool, _ right: String, of text: String
  ) throws(ObjectiveFault) -> Bound? {
    guard let first = parts.first else { return nil }
    if first == "goodput", parts.count == 1 {
      guard !isAtMost else {
        throw ObjectiveFault(
          description: "\(Escaping.quoted(text)): a goodput is bounded by `>=`")
      }
      return .goodput(atLeast: try share(right, of: text))
    }
    // The point of p99.9 parts nothing.
    let rest = parts.dropFirst().joined(separator: ".")
    guard let measure = Measure(rawValue: String(first)), let statistic = Statistic(rest[...])
    else { return nil }
    guard isAtMost else {
      throw ObjectiveFault(
        description: "\(Escaping.quoted(text)): a time is bounded by `<=`")
    }
    return .time(measure, statistic, atMostNs: try time(right, of: text))
  }

  private static func time(_ right: String, of text: String) throws(ObjectiveFault) -> Int64 {
    let (digits, unit) = Quantity.split(right)
    guard let number = PlainNumber(digits),
      let ns = Quantity.times.first(where: { $0.unit == unit })?.ns,
      number.value > 0, number.value * ns <= Limits.arrivalSeconds * 1e9,
      number.value * ns >= 1
    else {
      throw ObjectiveFault(
        description: "\(Escaping.quoted(right)) of \(Escaping.quoted(text)) is no time; accepted: "
          + "a number above 0 with a unit (\(Quantity.times.map(\.unit).joined(separator: ", ")))")
    }
    return Int64((number.value * ns).rounded())
  }

  private static func share(_ right: String, of text: String) throws(ObjectiveFault) -> Double {
    let (digits, unit) = Quantity.split(right)
    let divisor: Double? = ["%": 100, "": 1][unit]
    guard let number = PlainNumber(digits), let divisor, number.value > 0,
      number.value <= divisor
    else {
      throw ObjectiveFault(
        description: "\(Escaping.quoted(right)) of \(Escaping.quoted(text)) is no share; accepted: "
          + "such as 99 % or 0.99")
    }
    return number.value / divisor
  }
}

// MARK: Presets

extension ServiceObjective {
  /// The latency limits of MLPerf Inference's server and interactive scenarios, of the 99th
  /// percentile of TTFT and TPOT.
  ///
  /// Source: MLCommons, inference policies, "Benchmarks" and their constraints, rounds 5.0 to 6.0.
  public static let presets: [(name: String, objectives: [ServiceObjective])] = [
    mlperf("llama-2-70b-server", ttftMs: 2000, tpotMs: 200),
    mlperf("llama-2-70b-interactive", ttftMs: 450, tpotMs: 40),
    mlperf("llama-3.1-8b-server", ttftMs: 2000, tpotMs: 100),
    mlperf("llama-3.1-8b-interactive", ttftMs: 500, tpotMs: 30),
    mlperf("llama-3.1-405b-server", ttftMs: 6000, tpotMs: 175),
    mlperf("llama-3.1-405b-interactive", ttftMs: 4500, tpotMs: 80),
    mlperf("deepseek-r1-server", ttftMs: 2000, tpotMs: 80),
    mlperf("deepseek-r1-interactive", ttftMs: 1500, tpotMs: 15),
  ]

  private static func mlperf(
    _ name: String, ttftMs: Int64, tpotMs: Int64
  ) -> (name: String, objectives: [ServiceObjective]) {
    let tail = Statistic.percentile(thousandths: 990)
    return (
      "mlperf-\(name)",
      [
        ServiceObjective(.time(.ttft, tail, atMostNs: ttftMs * 1_000_000)),
        ServiceObjective(.time(.tpot, tail, atMostNs: tpotMs * 1_000_000)),
      ]
    )
  }
}
