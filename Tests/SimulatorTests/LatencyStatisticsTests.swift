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

  @Test("Without values all are zero")
  func empty() {
    let none = LatencyStatistics(values: [])
    #expect(none.count == 0 && none.meanNs == 0 && none.p75Ns == 0 && none.maxNs == 0)
  }
}
