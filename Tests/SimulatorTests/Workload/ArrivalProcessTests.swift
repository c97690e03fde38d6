import Foundation
import Testing

@testable import Simulator

/// When requests come, for each process.
@Suite("Arrival processes")
struct ArrivalProcessTests {
  private func times(_ arrivals: Workload.Arrivals, _ count: Int, seed: UInt64 = 3) -> [Int64] {
    var source = RequestSource(
      workload: Workload(
        arrivals: arrivals, promptTokens: .fixed(1), outputTokens: .fixed(1), requests: count),
      seed: seed)
    return (0..<count).map { _ in source.nextDueNs(now: 0) }
  }

  /// The gaps before all requests, the first included, in seconds.
  private func gaps(_ times: [Int64]) -> [Double] {
    zip(times, [0] + times).map { Double($0 - $1) * 1e-9 }
  }

  @Test("Equal gaps do not drift: the n-th request comes n gaps after the start")
  func deterministic() {
    #expect(
      times(.deterministic(requestsPerSecond: 3), 4)
        == [333_333_333, 666_666_667, 1_000_000_000, 1_333_333_333])
    #expect(times(.deterministic(requestsPerSecond: 7), 700_000).last == 100_000_000_000_000)
    #expect(times(.deterministic(requestsPerSecond: 1e-10), 9).last! > simulationHorizonNs)
  }

  @Test(
    "Gaps of the gamma process have the mean 1/rate and the variation 1/√burstiness",
    arguments: [0.3, 1, 4])
  func gamma(burstiness: Double) {
    let count = 200_000
    let gaps = gaps(times(.gamma(requestsPerSecond: 50, burstiness: burstiness), count))
    let mean = gaps.reduce(0, +) / Double(count)
    let variance = gaps.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
    #expect(abs(mean * 50 - 1) < 4 / (burstiness * Double(count)).squareRoot())
    #expect(
      abs(variance * 2500 * burstiness - 1)
        < 4 * ((2 + 6 / burstiness) / Double(count)).squareRoot())
    let distance = KolmogorovSmirnov.statistic(gaps) {
      KolmogorovSmirnov.gammaShare($0 * 50 * burstiness, shape: burstiness)
    }
    #expect(distance < 1.95, "\(distance)")
  }

  @Test("A curve of one level is the Poisson process, bit for bit", arguments: [0.07, 2.5, 3e6])
  func level(rate: Double) throws {
    let level = try #require(
      RateCurve(points: [.init(atNs: 0, requestsPerSecond: rate)]))
    let poisson = times(.poisson(requestsPerSecond: rate), 100_000)
    #expect(times(.rateCurve(level), 100_000) == poisson)
    // In periods, a gap that passes from one into the next is rounded once more.
    let periodic = try #require(
      RateCurve(
        points: [.init(atNs: 0, requestsPerSecond: rate)], periodNs: 1_234_567_891_011))
    let differences = zip(times(.rateCurve(periodic), 100_000), poisson).map { abs($0 - $1) }
    #expect(differences.max()! <= 1000)
  }

  @Test("On-off arrivals never come in an off phase, and as many as asked for in whole periods")
  func onOff() throws {
    let (on, off): (Int64, Int64) = (3_000_000_000, 7_000_000_000)
    let curve = try #require(
      RateCurve.onOff(requestsPerSecond: 40, onNs: on, offNs: off))
    let times = times(.rateCurve(curve), 150_000)
    #expect(times.allSatisfy { $0 % (on + off) < on })
    #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
    // A thousand periods of 120 requests each: the count of a Poisson process has its mean as
    // variance.
    let expected = 1000 * 120.0
    let count = Double(times.count { $0 < 1000 * (on + off) })
    #expect(abs(count - expected) < 2.58 * expected.squareRoot(), "\(count)")
    let quiet = try #require(
      RateCurve.onOff(requestsPerSecond: 40, onNs: on, offNs: off, offRequestsPerSecond: 10))
    let phases = self.times(.rateCurve(quiet), 300_000).filter { $0 < 1000 * (on + off) }
    let inOff = Double(phases.count { $0 % (on + off) >= on })
    #expect(abs(inOff - 70_000) < 2.58 * 70_000.0.squareRoot(), "\(inOff)")
    #expect(
      abs(Double(phases.count) - 190_000) < 2.58 * 190_000.0.squareRoot(), "\(phases.count)")
  }

  @Test("A day's curve has its requests in each hour as its integral says, none lost at its peak")
  func diurnal() throws {
    let hour: Int64 = 3_600_000_000_000
    // 0.2/s at night, 5/s at noon, linear between: 6 h of night, 12 h up and down, 6 h of night.
    let points = [(0, 0.2), (6, 0.2), (12, 5.0), (18, 0.2)].map { (at: Int64, rate: Double) in
      RateCurve.Point(atNs: at * hour, requestsPerSecond: rate)
    }
    let curve = try #require(RateCurve(points: points, periodNs: 24 * hour))
    let days = 10
    let expectedADay = 3600 * (12 * 0.2 + 12 * 2.6)
    let times = times(.rateCurve(curve), Int(1.1 * Double(days) * expectedADay))
    #expect(times.last! > Int64(days) * 24 * hour)
    var hours = Array(repeating: 0, count: 24)
    for time in times where time < Int64(days) * 24 * hour { hours[Int(time / hour % 24)] += 1 }
    let all = Double(hours.reduce(0, +))
    let expected = expectedADay * Double(days)
    #expect(abs(all - expected) < 2.58 * expected.squareRoot(), "\(all) of \(expected)")
    var chiSquare = 0.0
    for (hour, count) in hours.enumerated() {
      // At the middle of each hour, the rate is the hour's mean.
      let middle = abs(Double(hour) + 0.5 - 12)
      let mean = 3600 * Double(days) * (middle < 6 ? 5 - 0.8 * middle : 0.2)
      chiSquare += (Double(count) - mean) * (Double(count) - mean) / mean
    }
    // 24 degrees of freedom: 0.1 % and 99.9 %.
    #expect(chiSquare > 8.1 && chiSquare < 51.2, "\(chiSquare)")
  }

  @Test("A request has the same lengths whatever process it arrives by")
  func commonRandomNumbers() throws {
    let curve = try #require(
      RateCurve.onOff(requestsPerSecond: 5, onNs: 1_000_000, offNs: 3_000_000))
    let lengths = try #require(
      LogNormalLengths(mean: 300, coefficientOfVariation: 1.5, range: 1...4000))
    let processes: [Workload.Arrivals] = [
      .poisson(requestsPerSecond: 9), .deterministic(requestsPerSecond: 1),
      .gamma(requestsPerSecond: 3, burstiness: 0.2), .rateCurve(curve),
      .closedLoop(concurrency: 7, thinkTime: .exponential(meanNs: 1000)),
    ]
    let played = processes.map { process in
      var source = RequestSource(
        workload: Workload(
          arrivals: process, promptTokens: .logNormal(lengths), outputTokens: .uniform(1...900),
          requests: 1000),
        seed: 21)
      return (0..<1000).map { _ in
        _ = source.nextDueNs(after: 4, now: 0)
        return source.next()
      }
    }
    #expect(played.allSatisfy { $0 == played[0] })
    #expect(Set(played[0].map(\.promptTokens)).count > 300)
  }
}
