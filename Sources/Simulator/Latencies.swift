/// A distribution of times, in nanoseconds. Percentiles are by nearest rank: the smallest value
/// that at least that share of the values do not exceed.
public struct LatencyStatistics: Hashable, Sendable {
  /// How many values.
  public let count: Int
  /// Their mean.
  public let meanNs: Double
  /// Their standard deviation, as that of a whole population.
  public let deviationNs: Double
  /// The median.
  public let p50Ns: Int64
  /// The 75th percentile.
  public let p75Ns: Int64
  /// The 90th percentile.
  public let p90Ns: Int64
  /// The 95th percentile.
  public let p95Ns: Int64
  /// The 99th percentile.
  public let p99Ns: Int64
  /// The largest.
  public let maxNs: Int64
  /// Percentiles as other tools take them.
  public let interpolated: InterpolatedPercentiles

  /// The statistics of exact values; all zero without any. O(n log n).
  public init(values: [Int64]) {
    let sorted = values.sorted()
    func rank(_ share: Double) -> Int64 {
      guard !sorted.isEmpty else { return 0 }
      return sorted[max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1)]
    }
    count = sorted.count
    meanNs = sorted.isEmpty ? 0 : sorted.reduce(0.0) { $0 + Double($1) } / Double(sorted.count)
    var squares = SquareSum()
    for ns in sorted { squares.add(ns) }
    deviationNs = squares.deviation(
      count: sorted.count, sumNs: sorted.reduce(0) { $0 + Int128($1) })
    p50Ns = rank(0.5)
    p75Ns = rank(0.75)
    p90Ns = rank(0.9)
    p95Ns = rank(0.95)
    p99Ns = rank(0.99)
    maxNs = sorted.last ?? 0
    interpolated = InterpolatedPercentiles(ofSorted: sorted)
  }

  /// The statistics of a histogram, whose mean, deviation and maximum are exact.
  init(_ times: TimeHistogram) {
    count = times.count
    meanNs = count == 0 ? 0 : Double(times.sumNs) / Double(count)
    deviationNs = times.squares.deviation(count: times.count, sumNs: times.sumNs)
    p50Ns = times.percentile(50)
    p75Ns = times.percentile(75)
    p90Ns = times.percentile(90)
    p95Ns = times.percentile(95)
    p99Ns = times.percentile(99)
    maxNs = times.maxNs
    interpolated = InterpolatedPercentiles(
      p50Ns: Double(p50Ns), p90Ns: Double(p90Ns), p95Ns: Double(p95Ns), p99Ns: Double(p99Ns))
  }
}

/// Percentiles of a distribution of times as NumPy takes them, and with it `vllm bench serve`:
/// between the two values around the place (n − 1) p, in proportion. In nanoseconds.
///
/// Of a histogram, where two values next to each other are mostly in one bucket, they are those by
/// nearest rank.
public struct InterpolatedPercentiles: Hashable, Sendable {
  /// The median.
  public let p50Ns: Double
  /// The 90th percentile.
  public let p90Ns: Double
  /// The 95th percentile.
  public let p95Ns: Double
  /// The 99th percentile.
  public let p99Ns: Double
}

extension InterpolatedPercentiles {
  /// Those of rising values; all zero without any.
  init(ofSorted sorted: [Int64]) {
    func percentile(_ rank: Double) -> Double {
      guard !sorted.isEmpty else { return 0 }
      let place = rank / 100 * Double(sorted.count - 1)
      let next = Int(place.rounded(.up))
      let value = Double(sorted[next])
      guard Double(next) > place else { return value }
      return value + (Double(sorted[next - 1]) - value) * (Double(next) - place)
    }
    self.init(
      p50Ns: percentile(50), p90Ns: percentile(90), p95Ns: percentile(95), p99Ns: percentile(99))
  }
}

/// Times of a run, gathered one by one.
///
/// Up to ``exactCount`` all are kept, and percentiles are exact. Beyond, they go to a histogram of
/// three significant digits, so that memory does not grow with the run; count, mean, deviation and
/// maximum stay exact. Which it is depends on their number alone, not on the order in which they
/// came.
struct LatencySamples: Sendable {
  /// How many times are kept as they are.
  static let exactCount = 1 << 16
  /// How many go to the histogram at once.
  private static let countAtOnce = 1 << 9

  /// Those that are not in the histogram.
  private var values: [Int64] = []
  private var histogram: TimeHistogram?
  private var mostValues = exactCount

  mutating func append(_ ns: Int64) {
    values.append(ns)
    if values.count > mostValues { spill() }
  }

  static func += (all: inout LatencySamples, more: LatencySamples) {
    if let histogram = more.histogram {
      all.spill()
      all.histogram! += histogram
    }
    for ns in more.values { all.append(ns) }
  }

  var statistics: LatencyStatistics {
    guard var histogram else { return LatencyStatistics(values: values) }
    histogram.record(values)
    return LatencyStatistics(histogram)
  }

  private mutating func spill() {
    var histogram = histogram.take() ?? TimeHistogram()
    histogram.record(values)
    self.histogram = histogram
    if mostValues == LatencySamples.exactCount {
      // Nothing is left of the long list.
      mostValues = LatencySamples.countAtOnce
      values = []
    }
    values.removeAll(keepingCapacity: true)
  }
}
