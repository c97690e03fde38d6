import CostModel
import Operators

/// Whether a profile's points suffice for a fit: dense layers have some, and each format that one
/// attention operator has is there for all that a step needs.
///
/// Attention in one launch stands for writing the cache too: an engine does both in one layer.
/// Small operators that are missing are derived, and gathering is not priced.
struct ProfileCoverage {
  /// What is missing, a sentence each; empty where a fit is possible.
  let gaps: [String]

  init(_ measurements: [Measurement]) {
    var formats: [OperatorKind: Set<KVFormat?>] = [:]
    for measurement in measurements where !measurement.isHeldOut {
      formats[measurement.shape.kind, default: []].insert(measurement.shape.format)
    }
    var gaps: [String] = []
    for kind in [OperatorKind.linear, .append, .decodeAttention, .prefillAttention]
    where formats[kind] == nil {
      if kind == .append, formats[.mixedAttention] != nil { continue }
      gaps.append("no measurement of `\(kind.name)` with `held_out`: false; a fit needs some")
    }
    let measured = KVFormat.named.filter { format in
      formats.values.contains { $0.contains(format) }
    }
    for format in measured {
      let isLaunchedAtOnce = formats[.mixedAttention]?.contains(format) ?? false
      for kind in [OperatorKind.append, .decodeAttention, .prefillAttention] {
        guard let covered = formats[kind], !covered.contains(format) else { continue }
        if kind == .append, isLaunchedAtOnce { continue }
        gaps.append("no measurement of `\(kind.name)` in `\(format.name)` with `held_out`: false")
      }
    }
    self.gaps = gaps
  }

  /// The formats that attention was measured in.
  static func formats(_ profile: Profile) -> Set<String> {
    Set(profile.measurements.compactMap { $0.shape.format?.name })
  }
}
