import Testing
import TestSupport

@testable import Simulator

@Suite("Histograms of times")
struct TimeHistogramTests {
  /// Times of all magnitudes.
  private static func times(_ count: Int, seed: UInt64) -> [Int64] {
    var random = SeededRandom(seed)
    return (0..<count).map { _ in
      Int64.random(in: 0...(Int64(1) << Int64.random(in: 0...60, using: &random)), using: &random)
    }
  }

  private static func histogram(_ times: [Int64]) -> TimeHistogram {
    times.reduce(into: TimeHistogram()) { $0.record($1) }
  }

  private static let percentages = [50.0, 75, 90, 95, 99, 99.9]

  private static func expectAlike(_ one: TimeHistogram, _ other: TimeHistogram) {
    #expect(one.count == other.count && one.sumNs == other.sumNs && one.maxNs == other.maxNs)
    #expect(one.squares == other.squares)
    #expect(percentages.map(one.percentile) == percentages.map(other.percentile))
  }

  @Test("Percentiles are by nearest rank, too long by a thousandth at most and never too short")
  func percentiles() {
    for seed in 1...20 as ClosedRange<UInt64> {
      let times = TimeHistogramTests.times(1 + 97 * Int(seed), seed: seed)
      let histogram = TimeHistogramTests.histogram(times)
      #expect(histogram.count == times.count && histogram.maxNs == times.max())
      #expect(histogram.sumNs == times.reduce(0) { $0 + Int128($1) })
      let exact = LatencyStatistics(values: times)
      let ranks = [exact.p50Ns, exact.p75Ns, exact.p90Ns, exact.p95Ns, exact.p99Ns]
      for (percentage, time) in zip(TimeHistogramTests.percentages, ranks) {
        let found = histogram.percentile(percentage)
        #expect(time <= found && found - time <= time / 1_000, "\(percentage) % of seed \(seed)")
      }
    }
  }

  @Test("Times below 2,048 ns are exact, and so is where buckets begin and end")
  func buckets() {
    for time in 0..<5_000 as Range<Int64> {
      var histogram = TimeHistogram()
      histogram.record(time)
      // So that its bucket's end is not cut to the maximum.
      histogram.record(1 << 40)
      let width: Int64 = time < 2_048 ? 1 : time < 4_096 ? 2 : 4
      #expect(histogram.percentile(50) == time / width * width + width - 1)
    }
  }

  @Test("A series is its times one by one, however long its steps")
  func series() {
    for growth in [0, 1, 7, 300, 40_000] as [Int64] {
      for first in [0, 2_040, 1_000_000, 77_777_777] as [Int64] {
        var series = TimeHistogram()
        series.record(seriesFrom: first, growthNs: growth, times: 1_000, count: 3)
        var single = TimeHistogram()
        for step in 0..<1_000 as Range<Int64> { single.record(first + step * growth, count: 3) }
        TimeHistogramTests.expectAlike(series, single)
      }
    }
  }

  @Test("Times are added at once as they are one by one")
  func lists() {
    let times = TimeHistogramTests.times(1_000, seed: 7)
    var histogram = TimeHistogramTests.histogram(Array(times[..<100]))
    histogram.record(Array(times[100..<103]))
    histogram.record([])
    histogram.record(Array(times[103...]))
    TimeHistogramTests.expectAlike(histogram, TimeHistogramTests.histogram(times))
  }

  @Test("Histograms add up to that of all times")
  func sums() {
    for seed in 1...10 as ClosedRange<UInt64> {
      let (some, others) = (
        TimeHistogramTests.times(300, seed: seed), TimeHistogramTests.times(200, seed: seed + 100)
      )
      var sum = TimeHistogramTests.histogram(some)
      sum += TimeHistogramTests.histogram(others)
      TimeHistogramTests.expectAlike(sum, TimeHistogramTests.histogram(some + others))
    }
  }

  @Test("Without times there is none to name")
  func empty() {
    let none = TimeHistogram()
    #expect(none.count == 0 && none.maxNs == 0 && none.percentile(50) == 0)
  }
}
