import CostModel
import Operators

/// Whether a profile's points suffice for a fit: each operator has some, and each format that one
/// attention operator has is there for all three.
struct ProfileCoverage {
  /// What is missing, a sentence each; empty where a fit is possible.
  let gaps: [String]

  init(_ measurements: [Measurement]) {
    var formats: [String: Set<String>] = [:]
    for measurement in measurements where !measurement.isHeldOut {
      let (name, format) = ProfileCoverage.names(measurement.shape)
      formats[name, default: []].insert(format ?? "")
    }
    let measured = KVFormat.named.map(\.name).filter { name in
      formats.values.contains { $0.contains(name) }
    }
    var gaps: [String] = []
    for name in SchemaKeys.operators.map(\.name) {
      guard let covered = formats[name] else {
        gaps.append("no measurement of `\(name)` with `held_out`: false; a fit needs some")
        continue
      }
      for format in measured where name != "linear" && !covered.contains(format) {
        gaps.append("no measurement of `\(name)` in `\(format)` with `held_out`: false")
      }
    }
    self.gaps = gaps
  }

  /// The formats that attention was measured in.
  static func formats(_ profile: Profile) -> Set<String> {
    Set(profile.measurements.compactMap { names($0.shape).format })
  }

  private static func names(_ shape: OperatorShape) -> (operator: String, format: String?) {
    switch shape {
    case .linear: ("linear", nil)
    case .append(_, _, let format): ("append", format.name)
    case .gather(_, _, let format): ("gather", format.name)
    case .decodeAttention(_, _, _, let format): ("decode_attention", format.name)
    case .prefillAttention(_, _, _, let format): ("prefill_attention", format.name)
    }
  }
}
