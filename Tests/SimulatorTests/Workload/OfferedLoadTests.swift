import Testing

@testable import Simulator

@Suite("Loads that are turned up and down")
struct OfferedLoadTests {
  private func workload(_ arrivals: Workload.Arrivals, requests: Int = 200) -> Workload {
    Workload(
      arrivals: arrivals, promptTokens: .uniform(1...50), outputTokens: .uniform(1...50),
      requests: requests)
  }

  private func records(_ workload: Workload) -> [RequestRecord] {
    var kept = KeptRequests()
    _ = simulate(
      workload, seed: 3,
      configuration: EngineConfiguration(
        options: EngineOptions(
          maxNumSeqs: 1000, maxNumBatchedTokens: 100_000, blockSize: 16, enablePrefixCaching: false,
          kvCacheMemory: .bytes(1)), poolBlocks: 100_000, maxPositions: 1000),
      pricer: SyntheticPricer(perStepNs: 1), recorder: &kept)
    return kept.records.sorted { $0.id < $1.id }
  }

  private struct KeptRequests: Recorder {
    var records: [RequestRecord] = []
    mutating func record(_ request: RequestRecord) { records.append(request) }
    mutating func record(_ run: StepRecord) {}
    mutating func record(_ event: EventRecord) {}
  }

  private static let trace = RequestTrace(
    arrivalNs: (0..<200).map { Int64($0) * Int64($0) * 1_000_000 },
    promptTokens: Array(repeating: 3, count: 200), outputTokens: Array(repeating: 4, count: 200))

  static let open: [(Workload.Arrivals, Double)] = [
    (.poisson(requestsPerSecond: 4), 4), (.deterministic(requestsPerSecond: 4), 4),
    (.gamma(requestsPerSecond: 4, burstiness: 0.5), 4),
    (.replay(trace, timeScale: 2), 199 / (2 * 199 * 199 * 1e-3)),
    (
      .superposed([
        .init(name: "a", arrivals: .poisson(requestsPerSecond: 1)),
        .init(name: "b", arrivals: .gamma(requestsPerSecond: 3, burstiness: 2)),
      ]), 4
    ),
  ]

  @Test(
    "At another rate the same requests come in the same order, all gaps longer or shorter alike")
  func gaps() throws {
    for (arrivals, rate) in OfferedLoadTests.open {
      let own = workload(arrivals)
      #expect(abs(try #require(own.load).amount - rate) < 1e-9)
      let before = records(own)
      for factor in [0.1, 1, 7.5] {
        let other = own.offering(rate * factor, requests: 200)
        #expect(abs(try #require(other.load).amount / rate - factor) < 1e-9)
        let after = records(other)
        for (one, two) in zip(before, after) {
          #expect(one.promptTokens == two.promptTokens && one.outputTokens == two.outputTokens)
          // Each gap is rounded to a nanosecond.
          #expect(
            abs(Double(one.arrivalNs) / factor - Double(two.arrivalNs)) <= 200 * (1 + 1 / factor))
        }
      }
    }
  }

  @Test("A curve keeps its times and changes its height")
  func curves() throws {
    let curve = try #require(
      RateCurve.onOff(
        requestsPerSecond: 9, onNs: 1_000_000_000, offNs: 2_000_000_000, offRequestsPerSecond: 3))
    #expect(abs(curve.meanRequestsPerSecond - 5) < 1e-12)
    let own = workload(.rateCurve(curve))
    #expect(own.course == .changing && own.load == .rate(perSecond: curve.meanRequestsPerSecond))
    guard case .rateCurve(let doubled) = own.offering(10, requests: 400).arrivals else {
      Issue.record("it is no curve")
      return
    }
    for count in [1.0, 5, 15, 150] {
      #expect(doubled.timeNs(of: 2 * count, after: 0) == curve.timeNs(of: count, after: 0))
    }
    let forever = try #require(
      RateCurve(points: [
        .init(atNs: 0, requestsPerSecond: 1), .init(atNs: 9, requestsPerSecond: 6),
      ]))
    #expect(forever.meanRequestsPerSecond == 6)
  }

  @Test("Clients are whole, one at least, and think as long")
  func clients() {
    let own = workload(.closedLoop(concurrency: 8, thinkTime: .fixed(ns: 5)))
    #expect(own.load == .clients(8) && own.course == .level)
    for (amount, count) in [(0.2, 1), (2.4, 2), (100, 100)] {
      #expect(
        own.offering(amount, requests: 9).arrivals
          == .closedLoop(concurrency: count, thinkTime: .fixed(ns: 5)))
    }
  }

  @Test("A trace keeps its number of requests; one that comes all at once has no rate")
  func traces() {
    let own = workload(.replay(OfferedLoadTests.trace, timeScale: 1))
    #expect(own.course == .recorded && own.offering(1, requests: 5).requests == 200)
    let once = RequestTrace(
      arrivalNs: [5, 5], promptTokens: [1, 1], outputTokens: [1, 1])
    #expect(workload(.replay(once, timeScale: 1), requests: 2).load == nil)
  }
}
