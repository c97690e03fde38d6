import CostModel
import Operators
import Planning

/// What a calibration measured and how well it predicts, as a table for terminals.
public struct CalibrationTable {
  private let profile: Profile
  private let residuals: [Residuals]
  private let skippedPoints: Int

  /// The table of a profile and its residuals.
  public init(_ profile: Profile, residuals: [Residuals], skippedPoints: Int) {
    self.profile = profile
    self.residuals = residuals
    self.skippedPoints = skippedPoints
  }

  /// A row an operator and format.
  public func rendered() -> String {
    let skipped =
      skippedPoints == 0
      ? ""
      : """

      \(Figures.count(skippedPoints, "point")) left out for lack of time: predictions there are \
      extrapolated
      """
    return """
      \(CalibrationTable.machine(profile))

      \(CalibrationTable.errors(profile, residuals))\(skipped)
      error: |predicted − measured| / measured at points held out of the fit
      spread: interquartile range over median of a point's repeats

      """
  }

  /// What was measured, in two lines.
  static func machine(_ profile: Profile) -> String {
    let device = profile.device
    return """
      \(device.name), \(device.workers), memory \(Size(device.memoryBytes))
      plain read \(Figures.decimal(Double(profile.readBytesPerSecond) * 1e-9)) GB/s
      """
  }

  /// A row an operator and format: points, errors, and what the largest point came to.
  static func errors(_ profile: Profile, _ residuals: [Residuals]) -> String {
    var table = TextTable()
    table.add([
      "operator", "format", "points", "held out", "error p50", "error p95", "spread p50",
      "largest point",
    ])
    table.addRule()
    for row in residuals {
      let own = profile.measurements.filter {
        $0.shape.kind == row.kind && $0.shape.format == row.format
      }
      table.add([
        row.kind.name, format(row.kind, row.format), Figures.count(own.count),
        Figures.count(row.points), Figures.percent(row.medianError),
        Figures.percent(row.p95Error), Figures.percent(row.medianSpread),
        CalibrationTable.rate(own),
      ])
    }
    return table.rendered()
  }

  /// The format of pages, or of weights.
  static func format(_ kind: OperatorKind, _ format: KVFormat?) -> String {
    format?.name ?? (kind == .linear ? "fp16 weights" : "")
  }

  /// What the point with the most work came to, in the resource that it needs most.
  private static func rate(_ measurements: [Measurement]) -> String {
    guard
      let largest = measurements.max(by: {
        ($0.shape.operations, $0.shape.bytes) < ($1.shape.operations, $1.shape.bytes)
      })
    else { return "" }
    let ns = Double(largest.medianNs)
    switch largest.shape.kind {
    case .linear, .prefillAttention, .mixedAttention, .experts:
      return "\(Figures.decimal(Double(largest.shape.operations) / ns)) GFLOP/s"
    case .append, .gather, .decodeAttention, .raggedDecode, .elementwise:
      return "\(Figures.decimal(Double(largest.shape.bytes) / ns)) GB/s"
    }
  }
}
