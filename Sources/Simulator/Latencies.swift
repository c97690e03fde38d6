import Histogram

/// A distribution of times, in nanoseconds. Percentiles are by nearest rank: the smallest value
/// that at least that share of the values do not exceed.
public struct LatencyStatistics: Hashable, Sendable {
  /// How many values.
  public let count: Int
  /// Their mean.
  public let meanNs: Double
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

  /// The statistics of exact values; all zero without any. O(n log n).
  public init(values: [Int64]) {
    let sorted = values.sorted()
    func rank(_ share: Double) -> Int64 {
      guard !sorted.isEmpty else { return 0 }
      return sorted[max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1)]
    }
    count = sorted.count
    meanNs = sorted.isEmpty ? 0 : sorted.reduce(0.0) { $0 + Double($1) } / Double(sorted.count)
    p50Ns = rank(0.5)
    p75Ns = rank(0.75)
    p90Ns = rank(0.9)
    p95Ns = rank(0.95)
    p99Ns = rank(0.99)
    maxNs = sorted.last ?? 0
  }

  /// The statistics of a histogram, whose mean and maximum are known exactly.
  init(histogram: Histogram<UInt64>, sumNs: Double, maxNs: Int64) {
    let total = Int(histogram.totalCount)
    func rank(_ percentile: Double) -> Int64 {
      total == 0 ? 0 : min(maxNs, Int64(histogram.valueAtPercentile(percentile)))
    }
    count = total
    meanNs = total == 0 ? 0 : sumNs / Double(total)
    p50Ns = rank(50)
    p75Ns = rank(75)
    p90Ns = rank(90)
    p95Ns = rank(95)
    p99Ns = rank(99)
    self.maxNs = maxNs
  }
}

/// Times of a run, gathered one by one.
///
/// Up to ``exactCount`` all are kept, and percentiles are exact. Beyond, they go to a histogram of
/// three significant digits, so that memory does not grow with the run; count, mean and maximum
/// stay exact. Which it is depends on their number alone, not on the order in which they came.
struct LatencySamples: Sendable {
  /// How many times are kept as they are.
  static let exactCount = 1 << 16

  private var values: [Int64] = []
  private var histogram: Histogram<UInt64>?
  /// Of those in the histogram: 128 bits, because those of a long run exceed 64.
  private var sum: Int128 = 0
  private var maxNs: Int64 = 0

  mutating func append(_ ns: Int64) {
    if histogram == nil {
      values.append(ns)
      if values.count > LatencySamples.exactCount { spill() }
    } else {
      insert(ns)
    }
  }

  static func += (all: inout LatencySamples, more: LatencySamples) {
    if let histogram = more.histogram {
      if all.histogram == nil { all.spill() }
      all.histogram!.add(histogram)
      all.sum += more.sum
      all.maxNs = max(all.maxNs, more.maxNs)
    } else {
      for ns in more.values { all.append(ns) }
    }
  }

  var statistics: LatencyStatistics {
    guard let histogram else { return LatencyStatistics(values: values) }
    return LatencyStatistics(histogram: histogram, sumNs: Double(sum), maxNs: maxNs)
  }

  private mutating func spill() {
    histogram = Histogram(numberOfSignificantValueDigits: .three)
    for ns in values { insert(ns) }
    values = []
  }

  private mutating func insert(_ ns: Int64) {
    let isRecorded = histogram!.record(UInt64(ns))
    precondition(isRecorded, "the histogram resizes itself")
    sum += Int128(ns)
    maxNs = max(maxNs, ns)
  }
}
