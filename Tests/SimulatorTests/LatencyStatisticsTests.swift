import Testing

@testable import Simulator

@Suite("Distributions of times")
struct LatencyStatisticsTests {
  @Test("Percentiles are by nearest rank: a value that was there, and no lower than it must be")
  func nearestRank() {
    let four = LatencyStatistics(values: [40, 10, 30, 20])
    #expect(four.p50Ns == 20 && four.p75Ns == 30 && four.p90Ns == 40)
    let five = LatencyStatistics(values: [40, 10, 50, 30, 20])
    #expect(five.p50Ns == 30 && five.p75Ns == 40 && five.p99Ns == 50)
    #expect(five.count == 5 && five.meanNs == 30 && five.maxNs == 50)
    let hundred = LatencyStatistics(values: (1...100).reversed().map(Int64.init))
    #expect(
      [hundred.p50Ns, hundred.p75Ns, hundred.p90Ns, hundred.p95Ns, hundred.p99Ns]
        == [50, 75, 90, 95, 99])
  }

  @Test("The deviation is that of the population: √(Σ(x − mean)² / n)")
  func deviation() {
    // Mean 5, squares of differences 9, 1, 1, 1, 0, 0, 4 and 16.
    #expect(LatencyStatistics(values: [2, 4, 4, 4, 5, 5, 7, 9]).deviationNs == 2)
    #expect(LatencyStatistics(values: [7]).deviationNs == 0)
    // Of times around a year, whose squares differ in their last digits alone.
    let year: Int64 = 31_557_600_000_000_000
    #expect(LatencyStatistics(values: [year - 3, year + 3]).deviationNs == 3)
  }

  @Test("Interpolated percentiles are NumPy's: numpy.percentile([10, 20, 40, 80], …)")
  func interpolation() {
    let four = LatencyStatistics(values: [40, 10, 80, 20]).interpolated
    #expect(four.p50Ns == 30 && abs(four.p90Ns - 68) < 1e-12)
    #expect(abs(four.p95Ns - 74) < 1e-12 && abs(four.p99Ns - 78.8) < 1e-12)
    let one = LatencyStatistics(values: [7]).interpolated
    #expect([one.p50Ns, one.p90Ns, one.p95Ns, one.p99Ns] == [7, 7, 7, 7])
  }

  @Test("Of more times than are kept, mean and deviation stay exact, in whatever order they came")
  func manyTimes() {
    let times = (0..<3 * LatencySamples.exactCount).map { Int64($0 % 1_000_003) * 1_013 }
    func gathered(_ times: [Int64]) -> LatencyStatistics {
      times.reduce(into: LatencySamples()) { $0.append($1) }.statistics
    }
    let (exact, many) = (LatencyStatistics(values: times), gathered(times))
    #expect(many.deviationNs == exact.deviationNs && many.meanNs == exact.meanNs)
    #expect(many == gathered(times.reversed()))
    var parts = times[..<70_000].reduce(into: LatencySamples()) { $0.append($1) }
    parts += times[70_000...].reduce(into: LatencySamples()) { $0.append($1) }
    #expect(parts.statistics == many)
    // Those of a histogram are by nearest rank.
    #expect(many.interpolated.p99Ns == Double(many.p99Ns))
    #expect(abs(many.interpolated.p99Ns / exact.interpolated.p99Ns - 1) < 0.001)
  }

  @Test("Without values all are zero")
  func empty() {
    let none = LatencyStatistics(values: [])
    #expect(none.count == 0 && none.meanNs == 0 && none.p75Ns == 0 && none.maxNs == 0)
    #expect(none.deviationNs == 0 && none.interpolated.p99Ns == 0)
  }
}
