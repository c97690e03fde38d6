import CostModel
import Operators

/// Whether samples can be what they claim to be.
enum Plausibility {
  /// What looks wrong, in sentences.
  static func findings(_ profile: Profile, of points: [ExperimentPoint]) -> [String] {
    var findings = thinGrids(profile, of: points)
    let tooFast = profile.measurements.filter { isFasterThanMemory($0, profile) }
    if let worst = tooFast.first {
      let points = tooFast.count == 1 ? "1 point reads its" : "\(tooFast.count) points read their"
      findings.append(
        """
        \(points) operands faster than memory was measured to be read \
        (\(worst.shape.kind.name) first): the caches were not cold
        """)
    }
    let noisy = profile.measurements.filter { $0.spread > 0.25 }
    if noisy.count * 5 > profile.measurements.count {
      findings.append(
        """
        the repeats of \(noisy.count) of \(profile.measurements.count) points differ by more than \
        a quarter: the machine is busy; measure again when it is quiet
        """)
    }
    return findings
  }

  /// Operators of which so few points were measured that much will lie beyond them.
  private static func thinGrids(_ profile: Profile, of points: [ExperimentPoint]) -> [String] {
    OperatorKind.allCases.compactMap { kind in
      let planned = points.filter { $0.shape.kind == kind }.count
      let measured = profile.measurements.filter { $0.shape.kind == kind }.count
      guard measured * 3 < planned * 2 else { return nil }
      return """
        only \(measured) of \(planned) points of \(kind.name) were measured in the time given: \
        larger shapes will be priced in proportion to their work, which may be far off; give it \
        more with --seconds
        """
    }
  }

  /// Operands larger than the caches can hardly be read faster than memory; twice as fast leaves
  /// room for what the bandwidth's own measurement misses.
  private static func isFasterThanMemory(_ measurement: Measurement, _ profile: Profile) -> Bool {
    guard measurement.shape.bytes > 2 * profile.device.lastLevelCacheBytes else { return false }
    let floorNs = Double(measurement.shape.bytes) / Double(profile.readBytesPerSecond) * 1e9
    return Double(measurement.medianNs) < floorNs / 2
  }
}
