import CostModel
import Operators
import Scenario

/// A step broken into its operators, as a table for terminals.
public struct CostTable {
  private let breakdown: StepBreakdown
  private let batch: BatchShape
  private let model: ModelArchitecture
  private let format: KVFormat
  private let profile: Profile
  private let parallelism: Parallelism

  /// The table of one step.
  /// - Throws: ``CostModel/ProfileError`` where the profile cannot price it.
  public init(
    _ batch: BatchShape, model: ModelArchitecture, format: KVFormat, profile: Profile,
    parallelism: Parallelism = .none
  ) throws(ProfileError) {
    breakdown = try StepBreakdown(
      of: batch, model: model, format: format, profile: profile, parallelism: parallelism)
    self.parallelism = parallelism
    self.batch = batch
    self.model = model
    self.format = format
    self.profile = profile
  }

  /// The table with a heading that says what was priced, and on what ground.
  public func rendered() -> String {
    let device = profile.device
    let readGBs = Figures.decimal(Double(profile.readBytesPerSecond) * 1e-9)
    return """
      \(Escaping.escaped(model.name)), KV cache in \(format.name)
      on \(parallelism.devicesHeading)\(Escaping.escaped(device.name)), \
      \(Escaping.escaped(device.workers)), \(Escaping.escaped(profile.origin))
      \(parallelism.linkHeading)one step: \(step)

      \(table())
      each: one layer's, or the step's where there is one
      of read: least bytes over the time at the plain read's \(readGBs) GB/s
      of peak: operations over the time at the profile's best, \(Figures.decimal(peak)) GFLOP/s
      error: what two of three points that the fit has not seen do not exceed
      bound: whichever of both is larger, where it is half or more; caches hold small operators
      the step's error: of what lies between measured points, and its share where that is not all;
      what the engine does between steps is left out

      """
  }

  private var step: String {
    var parts = batch.chunks.map {
      "a chunk of \(Figures.count($0.tokens, "token")) after \(Figures.count($0.prefix))"
    }
    let sequences = batch.decodeSequences
    if sequences > 0 {
      let mean = batch.contextTokens / sequences
      let context = Figures.count(mean, "token")
      let spread =
        batch.longestContext > mean
        ? "on average, \(Figures.count(batch.longestContext)) at most" : "each"
      parts.append(
        sequences == 1
          ? "1 sequence that decodes over \(context)"
          : "\(Figures.count(sequences)) sequences that decode over \(context) \(spread)")
    }
    if parallelism.pipelineParallelSize > 1 {
      parts.append("through \(parallelism.pipelineParallelSize) stages")
    }
    return parts.joined(separator: ", ")
  }

  /// The best rate of arithmetic that the profile has, in operations a nanosecond.
  private var peak: Double {
    profile.measurements.map { Double($0.shape.operations) / Double($0.medianNs) }.max() ?? 0
  }

  private func table() -> String {
    let peak = peak
    let estimates = ErrorEstimates(profile)
    var table = TextTable()
    table.add([
      "operator", "shape", "times", "each µs", "all ms", "share", "MB", "GFLOP", "of read",
      "of peak", "bound", "priced", "error",
    ])
    table.addRule()
    for part in breakdown.parts {
      // What goes over a link is not read from memory.
      let isRead = part.shape != nil
      let read =
        isRead ? part.bytes / part.ns * 1e9 / Double(profile.readBytesPerSecond) : 0
      let arithmetic = peak > 0 ? part.operations / part.ns / peak : 0
      table.add([
        part.name, part.shape.map(Figures.shape) ?? "", CostTable.times(part.count),
        Figures.decimal(part.prediction.ns * 1e-3), Figures.decimal(part.ns * 1e-6),
        Figures.percent(part.ns / breakdown.ns), Figures.decimal(part.bytes * 1e-6),
        part.operations > 0 ? Figures.decimal(part.operations * 1e-9) : "",
        isRead ? Figures.percent(read) : "", arithmetic > 0 ? Figures.percent(arithmetic) : "",
        CostTable.bound(read, arithmetic), part.prediction.basis.rawValue,
        error(of: part, estimates),
      ])
    }
    table.addRule()
    let bytes = breakdown.parts.reduce(0) { $1.shape == nil ? $0 : $0 + $1.bytes }
    let operations = breakdown.parts.reduce(0) { $0 + $1.operations }
    table.add([
      "step", "", "", "", Figures.decimal(breakdown.ns * 1e-6), "", Figures.decimal(bytes * 1e-6),
      Figures.decimal(operations * 1e-9),
      Figures.percent(bytes / breakdown.ns * 1e9 / Double(profile.readBytesPerSecond)),
      peak > 0 ? Figures.percent(operations / breakdown.ns / peak) : "", "", "",
      Figures.estimate(
        estimates.error(of: breakdown.cost, in: format), of: breakdown.cost),
    ])
    return table.rendered()
  }

  /// What is expected of a time between measured points; nothing of any other.
  private func error(of part: StepPart, _ estimates: ErrorEstimates) -> String {
    guard part.prediction.basis == .interpolated, let shape = part.shape,
      let error = estimates.error(of: shape.kind, in: shape.format)
    else { return "" }
    return "± \(Figures.percent(error))"
  }

  /// A window can leave a share of an operator.
  private static func times(_ count: Double) -> String {
    count == count.rounded() ? Figures.count(Int(count)) : Figures.decimal(count)
  }

  private static func bound(_ read: Double, _ arithmetic: Double) -> String {
    guard max(read, arithmetic) >= 0.5 else { return "" }
    return read >= arithmetic ? "memory" : "arithmetic"
  }
}
