import TestSupport
import Testing

@testable import Simulator

@Suite("Time limits")
struct TimeLimitTests {
  /// One request every 100 ns, each of ten tokens of a step of 100 ns, one at a time.
  private static func overloaded(limitNs: Int64) -> Workload {
    Workload(
      arrivals: .deterministic(requestsPerSecond: 10_000_000), promptTokens: .fixed(4),
      outputTokens: .fixed(10), requests: 1000, timeLimitNs: limitNs)
  }

  @Test(
    "A run that cannot keep up is given up at its limit, on one replica and on several",
    arguments: [1, 3], [RoutingPolicy.roundRobin, .leastOutstanding])
  func neverDrains(replicas: Int, routing: RoutingPolicy) {
    let played = Played(
      TimeLimitTests.overloaded(limitNs: 20_000), maxNumSeqs: 1, replicas: replicas,
      routing: routing, pricer: SyntheticPricer(perStepNs: 100))
    #expect(played.summary.reachedHorizon)
    // Each replica ends a request every 1,000 ns, from 1,100 ns, 1,200 ns and 1,300 ns on.
    #expect(played.summary.finishedRequests == 19 * replicas)
    #expect(played.requests.allSatisfy { $0.finishNs <= 20_000 })
  }

  @Test(
    "A limit that is not reached changes nothing, and one that is met by the last token neither")
  func notReached() {
    for number in 0..<(30 * testDepth) {
      let world = ClusterLawTests.World(number, .leastKV)
      let plain = world.played
      let end = plain.requests.map(\.finishNs).max()!
      for (limitNs, isReached) in [(end, false), (end - 1, true)] where limitNs > 0 {
        let base = world.workload
        let limited = Workload(
          arrivals: base.arrivals, classes: base.classes, requests: base.requests,
          client: base.client, timeLimitNs: limitNs)
        let played = Played(limited, seed: world.seed, cluster: world.cluster)
        #expect(played.summary.reachedHorizon == isReached)
        if !isReached { #expect(played.requests == plain.requests) }
      }
    }
  }
  @Test("Replicas that are all at work for nearly a hundred years are no overflow")
  func manyYears() {
    let stepNs: Int64 = 3_000_000_000_000_000_000
    let played = Played(
      replay((0..<4).map { _ in (0, 4, 1) }), replicas: 4, checks: true,
      pricer: SyntheticPricer(perStepNs: stepNs))
    #expect(played.summary.finishedRequests == 4 && !played.summary.reachedHorizon)
    #expect(played.summary.replicas.allSatisfy { $0.busyNs == stepNs })
    #expect(played.summary.busyNs == .max && played.summary.cost.totalNs == .max)
  }
}
