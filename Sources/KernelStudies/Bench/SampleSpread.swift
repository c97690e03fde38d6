/// Where samples lie: their median and how far they scatter around it.
public struct SampleSpread: Hashable, Sendable {
  /// The middle sample, or halfway between the two in the middle.
  public let median: Double
  /// A tenth of the samples lie below, between neighbours by linear interpolation.
  public let p10: Double
  /// A tenth of the samples lie above.
  public let p90: Double
  /// Samples.
  public let count: Int

  /// - Precondition: there is at least one sample.
  public init(_ samples: [Double]) {
    precondition(!samples.isEmpty, "a spread is of something")
    let sorted = samples.sorted()
    func quantile(_ share: Double) -> Double {
      let position = share * Double(sorted.count - 1)
      let below = Int(position)
      let above = min(below + 1, sorted.count - 1)
      return sorted[below] + (sorted[above] - sorted[below]) * (position - Double(below))
    }
    median = quantile(0.5)
    p10 = quantile(0.1)
    p90 = quantile(0.9)
    count = sorted.count
  }
}
