import Foundation
import Testing

@testable import Simulator

@Suite("Distributions of lengths")
struct LengthDistributionTests {
  private func tokens(
    _ lengths: Workload.Lengths, _ count: Int, seed: UInt64 = 17
  ) -> [Int] {
    var source = RequestSource(
      workload: Workload(
        arrivals: .poisson(requestsPerSecond: 1), promptTokens: lengths, outputTokens: .fixed(1),
        requests: count),
      seed: seed)
    return (0..<count).map { _ in source.next().promptTokens }
  }

  @Test(
    "Log-normal lengths follow their law between their bounds (Kolmogorov-Smirnov)",
    arguments: [(512.0, 1.2, 1...(1 << 24)), (512, 1.2, 200...900), (5000, 0.1, 1...4700)])
  func logNormal(mean: Double, cv: Double, range: ClosedRange<Int>) throws {
    let count = 100_000
    let lengths = try #require(
      LogNormalLengths(mean: mean, coefficientOfVariation: cv, range: range))
    let tokens = tokens(.logNormal(lengths), count)
    #expect(tokens.allSatisfy(range.contains))
    let deviation = log(1 + cv * cv).squareRoot()
    let logMean = log(mean) - deviation * deviation / 2
    func share(_ length: Double) -> Double {
      0.5 * erfc((logMean - log(length)) / (deviation * 2.0.squareRoot()))
    }
    let (low, high) = (share(Double(range.lowerBound) - 0.5), share(Double(range.upperBound) + 0.5))
    // Whole numbers: at each, compare the share of all up to it with that up to a half beyond.
    var (counts, seen, largest) = ([Int: Int](), 0, 0.0)
    for length in tokens { counts[length, default: 0] += 1 }
    for length in counts.keys.sorted() {
      seen += counts[length]!
      let expected = (share(Double(length) + 0.5) - low) / (high - low)
      largest = max(largest, abs(Double(seen) / Double(count) - expected))
    }
    #expect(largest * Double(count).squareRoot() < 1.95, "\(largest)")
    // Clipped, a seventh or more of the last two samples would stand on a bound.
    #expect(counts[range.upperBound, default: 0] < count / 100)
  }

  @Test("Between wide bounds the mean and the variation are those asked for")
  func logNormalMoments() throws {
    let lengths = try #require(
      LogNormalLengths(mean: 2000, coefficientOfVariation: 0.5, range: 1...(1 << 24)))
    let count = 200_000
    let tokens = tokens(.logNormal(lengths), count).map(Double.init)
    let mean = tokens.reduce(0, +) / Double(count)
    let variance = tokens.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
    // The sd of the mean is cv·mean/√n; the fourth moment makes cv's about 0.35 % here.
    #expect(abs(mean / 2000 - 1) < 4 * 0.5 / Double(count).squareRoot())
    #expect(abs(variance.squareRoot() / mean / 0.5 - 1) < 4 * 0.0035)
  }

  @Test("Bounds that hold next to nothing of the distribution give none")
  func emptyBounds() {
    #expect(LogNormalLengths(mean: 10, coefficientOfVariation: 0.1, range: 100...200) == nil)
    #expect(LogNormalLengths(mean: 1000, coefficientOfVariation: 0.1, range: 1...100) == nil)
    #expect(LogNormalLengths(mean: 10, coefficientOfVariation: 0.1, range: 10...10) != nil)
  }

  @Test("Each share of the units gives the length whose weight stands there")
  func empiricalShares() {
    let lengths = EmpiricalLengths([(40, 1), (10, 2), (30, 0.5), (10, 4), (20, 2.5)])
    // Rising: 10 with 6, 20 with 2.5, 30 with 0.5, 40 with 1; of 10.
    let expected: [(Double, Int)] = [
      (0.001, 10), (0.599, 10), (0.601, 20), (0.849, 20), (0.851, 30), (0.899, 30), (0.901, 40),
      (1 - 0x1p-53, 40),
    ]
    for (unit, tokens) in expected { #expect(lengths.tokens(unit) == tokens) }
    #expect(lengths.range == 10...40)
    #expect(
      lengths == EmpiricalLengths([(10, 4), (20, 2.5), (10, 2), (40, 1), (30, 0.5)]),
      "whatever the order of rows")
  }

  @Test("Empirical lengths come as often as they stand in the list: a chi-square of four")
  func empiricalLaw() {
    let lengths = EmpiricalLengths([1, 1, 7, 7, 7, 9, 1000, 1, 1, 1].map { ($0, 1) })
    let count = 100_000
    var counts = [Int: Int]()
    for length in tokens(.empirical(lengths), count) { counts[length, default: 0] += 1 }
    let expected = [1: 0.5, 7: 0.3, 9: 0.1, 1000: 0.1].mapValues { $0 * Double(count) }
    #expect(counts.keys.sorted() == expected.keys.sorted())
    let chiSquare = expected.reduce(0.0) { sum, entry in
      let difference = Double(counts[entry.key, default: 0]) - entry.value
      return sum + difference * difference / entry.value
    }
    // 3 degrees of freedom: 99.9 %.
    #expect(chiSquare < 16.3, "\(chiSquare)")
  }

  @Test("The shortest request of a workload has the least of both distributions")
  func shortest() throws {
    let logNormal = try #require(
      LogNormalLengths(mean: 100, coefficientOfVariation: 1, range: 12...900))
    let workload = Workload(
      arrivals: .deterministic(requestsPerSecond: 1), promptTokens: .logNormal(logNormal),
      outputTokens: .empirical(EmpiricalLengths([(8, 1), (5, 2)])), requests: 10)
    #expect(workload.shortestCachedTokens == 12 + 5 - 1)
  }
}
