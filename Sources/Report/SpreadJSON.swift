import KernelStudies

/// Where samples lie, as JSON.
struct SpreadJSON: Encodable {
  private let median: Double
  private let p10: Double
  private let p90: Double
  private let samples: Int

  init(_ spread: SampleSpread) {
    median = spread.median
    p10 = spread.p10
    p90 = spread.p90
    samples = spread.count
  }
}
