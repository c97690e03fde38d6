import Simulator
import Testing

@testable import Scenario

/// Arrivals and lengths of every kind, as they reach the simulator.
@Suite struct GoodWorkloadTests {
  static let poisson = "process: poisson\n    rate: 2.5/s"

  /// A good scenario with most of what `workload` may hold.
  static let everyKind = Fixture.scenario
    .replacingOccurrences(
      of: poisson,
      with: "process: rate-curve\n    points: [{at: 0 s, rate: 1/s}, {at: 2 min, rate: 0/s}]\n"
        + "    period: 1 h"
    )
    .replacingOccurrences(
      of: "{uniform: {min: 10, max: 20}}",
      with: "{log_normal: {mean: 100.5, cv: 1.2, min: 4, max: 900}}"
    )
    .replacingOccurrences(of: "tokens: 30", with: "tokens: {empirical: lengths.txt}")

  private func workload(_ text: String) throws -> Workload {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write("scenario.yaml", text)
    return try fixture.load().workload
  }

  private func arrivals(_ lines: String...) throws -> Workload.Arrivals {
    let text = "process: " + lines.joined(separator: "\n    ")
    return try workload(
      Fixture.scenario.replacingOccurrences(of: GoodWorkloadTests.poisson, with: text)
    ).arrivals
  }

  private func output(_ text: String) throws -> Workload.Lengths {
    try workload(
      Fixture.scenario.replacingOccurrences(of: "tokens: 30", with: "tokens: \(text)")
    ).outputTokens
  }

  @Test("open loops of one rate")
  func oneRate() throws {
    #expect(
      try arrivals("deterministic", "rate: 90/min") == .deterministic(requestsPerSecond: 1.5))
    #expect(
      try arrivals("gamma", "burstiness: 0.25", "rate: 2/s")
        == .gamma(requestsPerSecond: 2, burstiness: 0.25))
  }

  @Test("rates that change, with a period and without")
  func curves() throws {
    let points = [
      RateCurve.Point(atNs: 0, requestsPerSecond: 1),
      RateCurve.Point(atNs: 120_000_000_000, requestsPerSecond: 0),
    ]
    let periodic = try #require(RateCurve(points: points, periodNs: 3_600_000_000_000))
    #expect(try workload(GoodWorkloadTests.everyKind).arrivals == .rateCurve(periodic))
    let jump = try #require(
      RateCurve(points: [0, 1, 5].map { .init(atNs: 0, requestsPerSecond: $0) }))
    #expect(
      try arrivals(
        "rate-curve", "points:", "- {at: 0 s, rate: 0/s}", "- {rate: 1/s, at: 0 ms}",
        "- {at: 0 h, rate: 5/s}") == .rateCurve(jump))
  }

  @Test("on and off are keys, though bare words to YAML 1.1; off is silent unless a rate stands")
  func onOff() throws {
    func curve(_ offRate: Double) -> RateCurve? {
      RateCurve.onOff(
        requestsPerSecond: 5, onNs: 2_000_000_000, offNs: 90_000_000_000,
        offRequestsPerSecond: offRate)
    }
    let keys = ["rate: 5/s", "on: 2 s", "off: 1.5 min"]
    #expect(
      try arrivals("on-off", keys[0], keys[1], keys[2]) == .rateCurve(#require(curve(0))))
    #expect(
      try arrivals("on-off", keys[0], keys[1], keys[2], "off_rate: 6/min")
        == .rateCurve(#require(curve(0.1))))
    #expect(
      try arrivals("on-off", keys[0], keys[1], keys[2], "off_rate: 0/s")
        == .rateCurve(#require(curve(0))))
  }

  @Test("clients think not at all, so long, or for a drawn time")
  func thinkTime() throws {
    #expect(
      try arrivals("closed-loop", "concurrency: 3")
        == .closedLoop(concurrency: 3, thinkTime: .none))
    #expect(
      try arrivals("closed-loop", "concurrency: 3", "think_time: 2 min")
        == .closedLoop(concurrency: 3, thinkTime: .fixed(ns: 120_000_000_000)))
    #expect(
      try arrivals("closed-loop", "concurrency: 3", "think_time: {exponential: {mean: 1.5 s}}")
        == .closedLoop(concurrency: 3, thinkTime: .exponential(meanNs: 1_500_000_000)))
  }

  @Test("log-normal lengths with bounds and without, and those of a file")
  func lengths() throws {
    let bounded = try #require(
      LogNormalLengths(mean: 100.5, coefficientOfVariation: 1.2, range: 4...900))
    let workload = try workload(GoodWorkloadTests.everyKind)
    #expect(workload.promptTokens == .logNormal(bounded))
    #expect(workload.outputTokens == .empirical(EmpiricalLengths([(10, 1.5), (20, 2.5)])))
    let open = try #require(
      LogNormalLengths(mean: 50, coefficientOfVariation: 2, range: 1...Limits.tokens))
    #expect(try output("{log_normal: {cv: 2, mean: 50}}") == .logNormal(open))
  }
}
