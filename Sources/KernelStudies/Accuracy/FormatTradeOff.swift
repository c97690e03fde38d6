import Operators

/// What each format of an accuracy study costs in time on a device, beside what it keeps: the
/// orders of a rotation differ in both.
public struct FormatTradeOff: Sendable {
  /// What one kernel takes in one format.
  public struct Cost: Sendable {
    /// Nanoseconds of a call; of append from cache, of a row.
    public let time_ns: SampleSpread
    /// Over plain INT4's in the same rounds.
    public let overINT4: SampleSpread
  }

  /// One format.
  public struct Row: Sendable {
    /// What it keeps.
    public let accuracy: FormatAccuracy
    /// A step's attention over cached tokens, nil where the device did not take it; so below.
    public let decode: Cost?
    /// Attention of a prompt.
    public let prefill: Cost?
    /// Writing rows that come from memory.
    public let append: Cost?
    /// Writing a row that is in cache, on one thread: what the rotation's arithmetic takes where
    /// memory hides none of it. CPUs alone.
    public let cachedAppend: Cost?
  }

  /// A row a format, in the order of the study.
  public let rows: [Row]
  /// The device, the shapes and what was left out.
  public let times: BenchResult

  /// Joins a study and the timings of ``BenchPlan/times(of:heads:on:)`` of its formats.
  public init(_ accuracy: AccuracyResult, _ times: BenchResult) {
    self.times = times
    func cost(_ kind: BenchGroup.Kind, _ format: KVFormat) -> Cost? {
      guard let samples = times.samples(of: kind).first, let plain = samples.index(of: .int4),
        let index = samples.index(of: format)
      else { return nil }
      return Cost(time_ns: samples.time(index), overINT4: samples.timeRatio(index, to: plain))
    }
    rows = accuracy.formats.map { row in
      Row(
        accuracy: row, decode: cost(.decode, row.format), prefill: cost(.prefill, row.format),
        append: cost(.append, row.format),
        cachedAppend: times.cachedAppends.first { $0.format == row.format }.map {
          Cost(time_ns: $0.rowNs, overINT4: $0.ratioToPlain)
        })
    }
  }

  /// The rotated format with the least error of the attention output; nil where none has one.
  public var best: Row? {
    rows.filter { $0.accuracy.format.rotation != nil && $0.accuracy.outputError != nil }
      .min { $0.accuracy.outputError! < $1.accuracy.outputError! }
  }

  /// One sentence: what the best rotation costs; nil where it was not timed.
  public var verdict: String? {
    guard let best else { return nil }
    let parts = [("decode", best.decode), ("prefill", best.prefill), ("append", best.append)]
      .compactMap { name, cost in cost.map { "\(name) \(FormatTradeOff.change($0.overINT4))" } }
    guard !parts.isEmpty else { return nil }
    return "Over plain int4 \(best.accuracy.format.name), whose output has the least error of the "
      + "rotated, takes: \(parts.joined(separator: ", "))."
  }

  /// "+0.4 % (-0.1 to +0.9 %)".
  private static func change(_ ratio: SampleSpread) -> String {
    "\(signed(ratio.median)) % (\(signed(ratio.p10)) to \(signed(ratio.p90)) %)"
  }

  private static func signed(_ ratio: Double) -> String {
    let thousandths = Int((1000 * (ratio - 1)).rounded())
    let (sign, size) = (thousandths < 0 ? "-" : "+", abs(thousandths))
    return "\(sign)\(size / 10).\(size % 10)"
  }
}
