import Foundation
import TestSupport
import Testing

@testable import Simulator

@Suite("Rate curves")
struct RateCurveTests {
  private static let second: Int64 = 1_000_000_000

  /// A curve through (seconds, requests a second).
  private func through(_ points: [(Double, Double)], period: Double? = nil) -> RateCurve? {
    RateCurve(
      points: points.map { .init(atNs: Int64($0.0 * 1e9), requestsPerSecond: $0.1) },
      periodNs: period.map { Int64($0 * 1e9) })
  }

  @Test("A rate that rises from 0 to 2/s in 2 s, and stays: t²/2, then 2 + 2(t − 2)")
  func ramp() throws {
    let curve = try #require(through([(0, 0), (2, 2)]))
    let second = RateCurveTests.second
    #expect(curve.timeNs(of: 0.5, after: 0) == second)
    #expect(curve.timeNs(of: 1.125, after: 0) == 3 * second / 2)
    #expect(curve.timeNs(of: 2, after: 0) == 2 * second)
    #expect(curve.timeNs(of: 4, after: 0) == 3 * second)
    // From 1 s on: 0.5 have come by then.
    #expect(curve.timeNs(of: 0.625, after: second) == 3 * second / 2)
    #expect(curve.timeNs(of: 3.5, after: second) == 3 * second)
    #expect(curve.timeNs(of: 0, after: 0) == 0)
  }

  @Test("Whole periods are passed over, however many: a rate that falls from 2/s to 0 every 2 s")
  func periods() throws {
    let curve = try #require(through([(0, 2), (2, 0)], period: 2))
    let second = RateCurveTests.second
    // 2t − t²/2 in each period, 2 of them whole.
    for periods in [0, 1, 7, 1_000_000_000] as [Int64] {
      let time = curve.timeNs(of: Double(2 * periods) + 1.5, after: 0)
      #expect(time == (2 * periods + 1) * second)
      // From 1 s on, half a request is left of the first period.
      #expect(curve.timeNs(of: Double(2 * periods) + 2, after: second) == time + 2 * second)
    }
    #expect(curve.timeNs(of: 1e300, after: 0) > simulationHorizonNs)
  }

  @Test("After the last point the rate goes on to the first of the next period")
  func wrap() throws {
    // 1/s for a second, rising to 3/s at 2 s, falling back to 1/s at 4 s: 1 + 2 + 4.
    let curve = try #require(through([(0, 1), (1, 1), (2, 3)], period: 4))
    #expect(curve.timeNs(of: 1, after: 0) == RateCurveTests.second)
    #expect(curve.timeNs(of: 3, after: 0) == 2 * RateCurveTests.second)
    #expect(curve.timeNs(of: 7, after: 0) == 4 * RateCurveTests.second)
    // 3t − t²/2 = 2.5 a second later.
    #expect(curve.timeNs(of: 5.5, after: 0) == 3 * RateCurveTests.second)
  }

  @Test("A time is never in a segment without a rate, even by rounding")
  func boundary() throws {
    let curve = try #require(
      RateCurve.onOff(requestsPerSecond: 1, onNs: 1000, offNs: 1000))
    // 10⁻⁶ requests in a phase: the end of each is reached from below.
    let time = curve.timeNs(of: 0.9999999e-6, after: 0)
    #expect(time == 999)
    #expect(curve.timeNs(of: 1.5e-6, after: 0) == 2500)
    #expect(curve.timeNs(of: 0.9e-9, after: 999) == 999)
    // The nanosecond that is left, and 99 of the next phase.
    #expect(curve.timeNs(of: 0.1e-6, after: 999) == 2099)
  }

  @Test("Without requests to come, after some time or ever, there is no curve")
  func endless() {
    #expect(through([(0, 1), (2, 0)]) == nil)
    #expect(through([(0, 0)], period: 2) == nil)
    #expect(through([(0, 0), (2, 0), (2, 5)], period: 2) == nil)
    #expect(RateCurve.onOff(requestsPerSecond: 0, onNs: 1, offNs: 1) == nil)
    #expect(through([(0, 1), (2, 0)], period: 2) != nil)
  }

  @Test("The requests expected by a time are inverted to that time, for random curves")
  func inversion() throws {
    var random = SeededRandom(12)
    for _ in 0..<100 {
      var at = 0.0
      let points = (0..<Int.random(in: 1...8, using: &random)).map { index in
        if index > 0 { at += Double(Int.random(in: 0...5, using: &random)) }
        return (at, Double(Int.random(in: 0...4, using: &random)) * 2.5)
      }
      let period =
        Bool.random(using: &random) ? at + Double(Int.random(in: 1...4, using: &random)) : nil
      guard let curve = through(points, period: period) else { continue }
      // A walk of its own: corners stand at whole seconds, so that in each 1/64 s the rate is
      // linear and its middle times the width the integral.
      var corners = points
      if let period { corners.append((period, points[0].1)) }
      func rate(_ time: Double) -> Double {
        let time = period.map { time - $0 * (time / $0).rounded(.down) } ?? time
        guard let after = corners.firstIndex(where: { $0.0 > time }) else {
          return corners[corners.count - 1].1
        }
        let (from, to) = (corners[after - 1], corners[after])
        return from.1 + (to.1 - from.1) * (time - from.0) / (to.0 - from.0)
      }
      let width = 1.0 / 64
      var expected = 0.0
      for step in 0..<(64 * 30) {
        let middle = (Double(step) + 0.5) * width
        if step % 7 == 0, rate(middle) > 0 {
          let byMiddle = expected + rate(middle - width / 4) * width / 2
          let time = curve.timeNs(of: byMiddle, after: 0)
          #expect(abs(time - Int64(middle * 1e9)) <= 20, "\(points), \(period ?? 0), \(middle) s")
        }
        expected += rate(middle) * width
      }
    }
  }
}
