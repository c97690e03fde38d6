import CostModel
import TestSupport
import Testing

@testable import Simulator

/// What goes wrong in other simulators of LLM serving, each as a test that it does not here.
@Suite("Known failures of the peers")
struct PeerFailureTests {
  @Test(
    "Bursty arrivals come at the asked rate: no gap is clipped",
    arguments: [0.02, 0.25, 1, 4])
  func rateIsAsAsked(burstiness: Double) {
    let (requests, rate) = (200_000, 250.0)
    var source = RequestSource(
      workload: Workload(
        arrivals: .gamma(requestsPerSecond: rate, burstiness: burstiness),
        promptTokens: .fixed(1), outputTokens: .fixed(1), requests: requests),
      seed: 3)
    var last: Int64 = 0
    for _ in 0..<requests { last = source.nextDueNs(now: 0) }
    // A sum of n gamma gaps has the relative standard deviation 1/√(n · shape).
    let deviation = 1 / (Double(requests) * burstiness).squareRoot()
    #expect(abs(Double(last) * 1e-9 * rate / Double(requests) - 1) < 4 * deviation)
  }

  @Test("A run's own requests, replayed, have the same latencies")
  func replayOfOneself() {
    for number in 0..<(60 * testDepth) {
      let world = ClusterLawTests.World(3 * number, .leastOutstanding)
      guard world.workload.client == .instant else { continue }
      let first = world.played
      let rows = first.requestsById
      // A rejected request's record does not know the output that it asked for.
      guard rows.allSatisfy({ $0.outcome == .finished }) else { continue }
      let second = Played(
        replay(
          rows.map { ($0.arrivalNs, Int32($0.promptTokens), Int32($0.outputTokens)) }),
        seed: 99, cluster: world.cluster)
      #expect(first.requests == second.requests && first.runs == second.runs)
    }
  }

  @Test("An overloaded queue grows as arithmetic says to the last request: nothing drifts")
  func noDriftBehindAQueue() {
    // One every 60 ns for a server that takes 100 ns: request n starts at 100 n.
    let count = 20_000
    let played = Played(
      replay((0..<count).map { (Int64($0) * 60, 10, 1) }), maxNumSeqs: 1,
      checks: false, pricer: SyntheticPricer(perStepNs: 100))
    for (index, request) in played.requestsById.enumerated() {
      #expect(request.scheduledNs == Int64(index) * 100)
      #expect(request.finishNs == Int64(index + 1) * 100)
    }
    #expect(played.summary.busyNs == Int64(count) * 100)
  }

  @Test("A batch that decodes behind a queue keeps its pace to the nanosecond")
  func noDriftOfDecodes() {
    // Eight seats of 64 tokens each, always full: a wave of eight takes 64 steps.
    let (waves, seats) = (200, 8)
    let played = Played(
      replay((0..<(waves * seats)).map { _ in (0, 1, 64) }), maxNumSeqs: seats,
      pricer: SyntheticPricer(perStepNs: 100))
    for (index, request) in played.requestsById.enumerated() {
      let wave = Int64(index / seats)
      #expect(request.scheduledNs == wave * 6400 && request.finishNs == (wave + 1) * 6400)
    }
  }
}
