import CostModel
import Foundation
import Operators

/// Numbers as people read them, the same in every locale.
enum Figures {
  /// Whole numbers with thousands separated by commas.
  static func count(_ value: Int) -> String {
    var digits = String(value.magnitude)
    var groups: [Substring] = []
    while digits.count > 3 {
      groups.insert(digits.suffix(3), at: 0)
      digits.removeLast(3)
    }
    groups.insert(Substring(digits), at: 0)
    return (value < 0 ? "-" : "") + groups.joined(separator: ",")
  }

  /// So many of something: `1 token`, `2,000 tokens`.
  static func count(_ value: Int, _ noun: String) -> String {
    "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
  }

  /// Three significant digits, or all digits before the point where there are more; a power of ten
  /// where these would be more than eighteen.
  static func decimal(_ value: Double) -> String {
    let size = abs(value)
    guard size < 1e18 else { return value.isFinite ? String(format: "%.3g", value) : "\(value)" }
    if size >= 1000 { return count(Int(value.rounded())) }
    var places = size >= 100 ? 0 : size >= 10 ? 1 : 2
    var shown = size
    while shown > 0, shown < 1, places < 9 {
      shown *= 10
      places += 1
    }
    return String(format: "%.\(places)f", value)
  }

  /// A share of one, in percent with one decimal.
  static func percent(_ share: Double) -> String {
    String(format: "%.1f %%", 100 * share)
  }

  /// The estimated error of a time, and of which share of it that is where not of all: what was
  /// extrapolated or derived of other shapes has none.
  static func estimate(_ error: Double?, of cost: StepCost) -> String {
    guard let error, cost.totalNs > 0 else { return "–" }
    let bare = Double(cost.extrapolatedNs + cost.derivedNs) / Double(cost.totalNs)
    return "± \(percent(error))" + (bare < 0.005 ? "" : " of \(percent(1 - bare))")
  }

  /// How far a ratio is from one, in percent with a sign.
  static func change(_ ratio: Double) -> String {
    (ratio >= 1 ? "+" : "") + percent(ratio - 1)
  }

  /// The sizes of an operator, without its heads and format.
  static func shape(_ shape: OperatorShape) -> String {
    switch shape {
    case .linear(let tokens, let outputs, let inputs):
      "\(count(tokens, "token")), \(count(outputs)) x \(count(inputs))"
    case .append(let tokens, _, _), .gather(let tokens, _, _):
      count(tokens, "token")
    case .decodeAttention(let sequences, let context, _, _):
      "\(count(sequences)) x \(count(context))"
    case .raggedDecode(let batch, _, _):
      "\(count(batch.sequences)) x \(count(batch.context)) to \(count(batch.longest))"
    case .prefillAttention(let tokens, let prefix, _, _):
      "\(count(tokens)) after \(count(prefix))"
    case .mixedAttention(let tokens, let prefix, let sequences, let context, _, _):
      "\(count(tokens)) after \(count(prefix)), "
        + "\(count(sequences)) x \(count(context))"
    case .experts(let tokens, let active, let layer):
      "\(count(tokens, "token")), \(count(active)) of \(count(layer.width)) x "
        + "\(count(layer.inputs))"
    case .elementwise(_, let rows, let width):
      "\(count(rows)) x \(count(width))"
    }
  }

  /// A unit of time for a row of figures: the one in which the largest has at least one digit
  /// before the point.
  struct TimeUnit {
    let name: String
    let ns: Double

    init(largestNs: Double) {
      (name, ns) =
        largestNs >= 1e9
        ? ("s", 1e9) : largestNs >= 1e6 ? ("ms", 1e6) : largestNs >= 1e3 ? ("µs", 1e3) : ("ns", 1)
    }

    func text(_ ns: Double) -> String { Figures.decimal(ns / self.ns) }
  }
}
