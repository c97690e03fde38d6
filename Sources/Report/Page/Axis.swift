import Foundation

/// An axis of a chart: what it measures, from where to where, and the numbers that stand on it.
struct Axis {
  /// What it measures, and the unit.
  let title: String
  /// The numbers on it, rising.
  let ticks: [Double]
  /// Its ends.
  let domain: ClosedRange<Double>
  /// Whether equal ways are equal ratios.
  let isLogarithmic: Bool

  /// An axis of equal steps from zero to a round number that no value exceeds.
  init(_ title: String, upTo values: some Sequence<Double>, wantedTicks: Int = 5) {
    self.title = title
    isLogarithmic = false
    let largest = values.filter(\.isFinite).max() ?? 0
    guard largest > 0 else {
      domain = 0...1
      ticks = [0, 1]
      return
    }
    let step = Axis.roundStep(largest / Double(wantedTicks))
    // A hair less, lest 0.3 / 0.1 needs a fourth step.
    let steps = max(1, Int((largest / step - 1e-9).rounded(.up)))
    ticks = (0...steps).map { Double($0) * step }
    domain = 0...Double(steps) * step
  }

  /// An axis that ends exactly where told, for time.
  init(_ title: String, from start: Double, to end: Double, wantedTicks: Int = 5) {
    self.title = title
    isLogarithmic = false
    let end = end > start ? end : start + 1
    domain = start...end
    let step = Axis.roundStep((end - start) / Double(wantedTicks))
    let first = (start / step - 1e-9).rounded(.up)
    let last = (end / step + 1e-9).rounded(.down)
    ticks = last >= first ? stride(from: first, through: last, by: 1).map { $0 * step } : [start]
  }

  /// An axis of equal ratios around the values above zero.
  init(_ title: String, ratiosOf values: some Sequence<Double>) {
    self.title = title
    isLogarithmic = true
    let positive = values.filter { $0 > 0 && $0.isFinite }
    let lowest = positive.min() ?? 0.1
    let highest = max(positive.max() ?? 1, lowest * 1.5)
    let decades = Int(log10(lowest).rounded(.down)) - 1...Int(log10(highest).rounded(.up)) + 1
    let round = decades.flatMap { decade in [1, 2, 5].map { $0 * pow(10, Double(decade)) } }
    let first = round.lastIndex { $0 <= lowest * (1 + 1e-9) } ?? 0
    let last = round.firstIndex { $0 >= highest * (1 - 1e-9) } ?? round.count - 1
    domain = round[first]...round[last]
    let inside = round[first...last]
    let powers = inside.filter { abs(log10($0) - log10($0).rounded()) < 1e-9 }
    let shown = inside.count <= 7 ? Array(inside) : powers
    // Twelve decades have every second one named.
    let every = (shown.count + 6) / 7
    ticks = shown.enumerated().filter { $0.offset % every == 0 }.map(\.element)
  }

  /// 1, 2 or 5 times a power of ten: the smallest that is no less than `wanted`.
  private static func roundStep(_ wanted: Double) -> Double {
    let power = pow(10, log10(wanted).rounded(.down))
    for factor in [1.0, 2, 5] where factor * power >= wanted * (1 - 1e-9) { return factor * power }
    return 10 * power
  }

  /// Where a value lies, 0 at the start of the axis and 1 at its end; those beyond lie at the ends.
  func share(of value: Double) -> Double {
    let (low, high) = (domain.lowerBound, domain.upperBound)
    guard value > low else { return 0 }
    guard value < high else { return 1 }
    return isLogarithmic ? log(value / low) / log(high / low) : (value - low) / (high - low)
  }

  /// The value at a place, the reverse of `share`.
  func value(at share: Double) -> Double {
    let (low, high) = (domain.lowerBound, domain.upperBound)
    return isLogarithmic ? low * pow(high / low, share) : low + share * (high - low)
  }

  /// A number as the axis writes it: no digit more than it needs, thousands as k, millions as M.
  static func label(_ value: Double) -> String {
    // Zero may come with a sign.
    guard value != 0 else { return "0" }
    let size = abs(value)
    if size >= 1e9 { return trimmed(value / 1e9) + "G" }
    if size >= 1e6 { return trimmed(value / 1e6) + "M" }
    if size >= 1e4 { return trimmed(value / 1e3) + "k" }
    if size >= 1e3 { return Figures.count(Int(value.rounded())) }
    return trimmed(value)
  }

  private static func trimmed(_ value: Double) -> String {
    guard abs(value) >= 1e-6 else { return String(format: "%.0e", value) }
    var text = String(format: "%.7f", value)
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
  }
}
