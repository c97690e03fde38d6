import Scenario
import Trace

/// Why a sweep cannot be run.
public enum SweepError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is to be varied makes no sense; the reason says of what and why.
  case badAxis(String)

  /// One sentence for people.
  public var description: String {
    switch self {
    case .badAxis(let reason): reason
    }
  }
}

extension SweepAxisDescription {
  /// Points of a grid at most: a database holds no more.
  static let mostPoints = 100_000

  /// An axis as people write it: `PATH=VALUES`, with values as ``values(_:of:)`` takes them.
  /// - Parameter template: the scenario, if it is to say what was meant by a path that is none.
  /// - Throws: `SweepError.badAxis`.
  public init(_ text: String, of template: ScenarioTemplate? = nil) throws(SweepError) {
    guard let equals = text.firstIndex(of: "=") else {
      throw .badAxis("`\(text)` is no PATH=VALUES, such as `engine.max_num_seqs=8,16,32`")
    }
    let path = String(text[..<equals])
    if let fault = template?.fault(ofPath: path) { throw .badAxis(fault) }
    try self.init(
      path: path, values: SweepValues.list(String(text[text.index(after: equals)...]), of: path))
    try check()
  }

  /// An axis of values that are written out.
  /// - Throws: `SweepError.badAxis`.
  public init(of path: String, each values: [String]) throws(SweepError) {
    self.init(path: path, values: values)
    try check()
  }

  /// An axis as a file states it.
  /// - Throws: `SweepError.badAxis`.
  public init(_ variation: Variation) throws(SweepError) {
    switch variation.values {
    case .list(let values): try self.init(of: variation.path, each: values)
    case .text(let text): try self.init("\(variation.path)=\(text)")
    }
  }

  private func check() throws(SweepError) {
    if let fault = ScenarioSetting.fault(ofPath: path) { throw .badAxis(fault) }
    guard !values.isEmpty else { throw .badAxis("`\(path)` has no values") }
    guard values.count <= SweepAxisDescription.mostPoints else {
      throw .badAxis(
        "`\(path)` has \(values.count) values; at most \(SweepAxisDescription.mostPoints) points")
    }
    var seen: Set<String> = []
    for value in values where !seen.insert(value).inserted {
      throw .badAxis("`\(path)` has the value `\(value)` twice")
    }
  }
}

/// Lists of values as people write them on a command line.
///
/// Commas part them, but for those within brackets, braces and quotes. A value `A..B:xK` stands for
/// A, A·K, A·K² and so on up to B; `A..B:+K` for A, A + K and so on; `A..B` for whole numbers, one
/// after the other. Numbers of a range may have a unit, the same at both ends: `1/s..16/s:x2`.
enum SweepValues {
  static func list(_ text: String, of path: String) throws(SweepError) -> [String] {
    var values: [String] = []
    for part in try parts(text, of: path) { values += try range(part, of: path) ?? [part] }
    return values
  }

  private static func parts(_ text: String, of path: String) throws(SweepError) -> [String] {
    var parts: [String] = []
    var part = ""
    var depth = 0
    var quote: Character?
    for character in text {
      if let open = quote {
        if character == open { quote = nil }
      } else if character == "\"" || character == "'" {
        quote = character
      } else if "[{".contains(character) {
        depth += 1
      } else if "]}".contains(character) {
        depth -= 1
      } else if character == ",", depth == 0 {
        parts.append(part)
        part = ""
        continue
      }
      part.append(character)
    }
    parts.append(part)
    parts = parts.map(trimmed)
    guard depth == 0, quote == nil else {
      throw .badAxis("`\(path)`: a bracket or a quote of `\(text)` is not closed")
    }
    guard parts.allSatisfy({ !$0.isEmpty }) else {
      throw .badAxis("`\(path)`: a value of `\(text)` is empty")
    }
    return parts
  }

  private static func trimmed(_ text: String) -> String {
    String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }

  // MARK: Ranges

  /// A number and the unit behind it.
  private struct Quantity {
    let number: Double
    let unit: Substring

    /// Nil where it is none.
    init?(_ text: Substring) {
      let digits = text.prefix { $0.isASCII && $0.isNumber || ".-+".contains($0) }
      guard let number = Double(digits), number.isFinite else { return nil }
      self.number = number
      unit = text[digits.endIndex...]
    }
  }

  /// The values of a range; nil where the text is none.
  private static func range(_ text: String, of path: String) throws(SweepError) -> [String]? {
    guard let dots = text.firstRange(of: ".."),
      let first = Quantity(text[..<dots.lowerBound])
    else { return nil }
    let ends = text[dots.upperBound...].split(separator: ":", omittingEmptySubsequences: false)
    guard let last = ends.first.flatMap({ Quantity($0) }), ends.count <= 2,
      first.unit == last.unit, first.number <= last.number
    else {
      throw .badAxis(
        "`\(path)`: `\(text)` is no range; accepted: `1..256:x2`, `10..50:+10`, `1..8`, upwards, "
          + "with one unit or none")
    }
    let step = ends.count == 2 ? ends[1] : "+1"
    let number = Double(step.dropFirst())
    let values: [Double]
    switch (step.first, number) {
    case ("x", .some(let factor)) where factor > 1 && first.number > 0:
      values = numbers(from: first.number, to: last.number) { first.number * power(factor, $0) }
    case ("+", .some(let increment))
    where increment > 0 && (ends.count == 2 || first.number == first.number.rounded()):
      values = numbers(from: first.number, to: last.number) {
        first.number + Double($0) * increment
      }
    default:
      throw .badAxis(
        "`\(path)`: `\(text)` needs a step: `:x2` doubles (from above 0), `:+10` adds ten")
    }
    guard values.count <= SweepAxisDescription.mostPoints else {
      throw .badAxis(
        "`\(path)`: `\(text)` has more than \(SweepAxisDescription.mostPoints) values")
    }
    let largest = max(abs(first.number), abs(last.number))
    return values.map { written($0, within: largest * 1e-12) + first.unit }
  }

  /// Those up to the last one, which rounding does not leave out; one more than a sweep may have
  /// where they are too many.
  private static func numbers(
    from first: Double, to last: Double, _ number: (Int) -> Double
  ) -> [Double] {
    var numbers: [Double] = []
    while numbers.count <= SweepAxisDescription.mostPoints {
      let next = number(numbers.count)
      guard next <= last + max(abs(first), abs(last)) * 1e-12 else { break }
      numbers.append(next)
    }
    return numbers
  }

  private static func power(_ base: Double, _ exponent: Int) -> Double {
    (0..<exponent).reduce(1) { product, _ in product * base }
  }

  /// A number in the fewest digits behind the point that are as near as `error`: what a sum or a
  /// product is off by in its last digits is not what was meant.
  private static func written(_ number: Double, within error: Double) -> String {
    for digits in 0...15 {
      let scale = power(10, digits)
      let rounded = (number * scale).rounded() / scale
      guard abs(rounded - number) <= error else { continue }
      return digits == 0 && abs(rounded) < 1e15 ? String(Int(rounded)) : rounded.description
    }
    return number.description
  }
}
