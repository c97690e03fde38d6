import TestSupport
import Testing

@testable import Simulator

@Suite("Sums of squares")
struct SquareSumTests {
  private static func sum(_ times: [Int64]) -> SquareSum {
    times.reduce(into: SquareSum()) { $0.add($1) }
  }

  @Test("A series and a count add what they stand for, one by one")
  func series() {
    var random = SeededRandom(31)
    for _ in 0..<200 {
      let first = Int64.random(in: 0...1 << 40, using: &random)
      let growth = Int64.random(in: 0...1 << 30, using: &random)
      let times = Int.random(in: 0...50, using: &random)
      let count = Int.random(in: 0...20, using: &random)
      var series = SquareSum()
      series.add(seriesFrom: first, growthNs: growth, times: times, count: count)
      var single = SquareSum()
      for step in 0..<Int64(times) { single.add(first + step * growth, count: count) }
      #expect(series == single)
      for _ in 0..<count {
        for step in 0..<Int64(times) { single.add(first + step * growth) }
      }
      series += series
      #expect(series == single)
    }
  }

  @Test("Sums go on beyond 128 bits: a hundred years, ten billion times")
  func wide() {
    let century: Int64 = 3_155_760_000_000_000_000
    let count = 10_000_000_000
    var sum = SquareSum()
    sum.add(century, count: count)
    sum.add(century - 2, count: count)
    let total = Int128(count) * (2 * Int128(century) - 2)
    #expect(sum.deviation(count: 2 * count, sumNs: total) == 1)
  }

  @Test("The longest series that a run can have fits: one step after the other for 2^62 ns")
  func longSeries() {
    for times in [1, 2, 3, 1_000, 1 << 30] {
      let longest = Int64.max / 2
      let n = Int64(times)
      var flat = SquareSum()
      flat.add(seriesFrom: longest / n, growthNs: 0, times: times, count: 1 << 20)
      let each = longest / n
      #expect(flat.deviation(count: times << 20, sumNs: Int128(each) * Int128(times << 20)) == 0)
      // From nothing, so steep that they take as long together.
      var steep = SquareSum()
      let growth = times > 1 ? longest / n / (n - 1) * 2 : 0
      steep.add(seriesFrom: 0, growthNs: growth, times: times, count: 1)
      let sum = Int128(growth) * (Int128(n) * Int128(n - 1) / 2)
      // Of 0, g, …, (n−1) g it is g √((n²−1)/12).
      let expected = Double(growth) * ((Double(n) * Double(n) - 1) / 12).squareRoot()
      #expect(abs(steep.deviation(count: times, sumNs: sum) - expected) <= 1e-12 * expected)
    }
  }

  @Test("The deviation is that of differences from the mean")
  func deviation() {
    var random = SeededRandom(32)
    for _ in 0..<100 {
      let times = (0..<Int.random(in: 1...500, using: &random)).map { _ in
        Int64.random(in: 0...1 << 30, using: &random)
      }
      let mean = Double(times.reduce(0, +)) / Double(times.count)
      let squares = times.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
      let expected = (squares / Double(times.count)).squareRoot()
      let found = SquareSumTests.sum(times).deviation(
        count: times.count, sumNs: times.reduce(0) { $0 + Int128($1) })
      #expect(abs(found - expected) <= 1e-9 * max(1, expected))
    }
    #expect(SquareSum().deviation(count: 0, sumNs: 0) == 0)
  }
}
