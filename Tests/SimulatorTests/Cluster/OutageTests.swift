import CostModel
import Testing

@testable import Simulator

/// Replicas that fail, every time worked out by hand. A step takes 100 ns.
@Suite("Outages")
struct OutageTests {
  @Test("A request goes on where it was, on the replica that recovers", arguments: [false, true])
  func recovery(exact: Bool) {
    let played = Played(
      replay([(0, 4, 5)]),
      cluster: Cluster(
        members: [smallMember(exact: exact)],
        outages: [Outage(replica: 0, atNs: 250, recoversAfterNs: 100)]))
    let request = played.requests[0]
    // Tokens at 100 and 200; the step that began at 200 is lost. From 350 on its prompt and both
    // tokens are computed, which gives the third at 450; the others follow.
    #expect(request.firstTokenNs == 100 && request.finishNs == 650)
    #expect(request.preemptions == 1 && request.outcome == .finished)
    #expect(played.summary.displacedRequests == 1 && played.summary.preemptions == 1)
    #expect(played.summary.recomputedTokens == 6)
    #expect(played.summary.itl.count == 4 && played.summary.itl.maxNs == 250)
    // Two steps and three.
    #expect(played.summary.steps == 5 && played.summary.busyNs == 500)
    #expect(played.summary.replicas[0].presentNs == 650)
  }

  @Test("A step that ends as its replica fails is lost", arguments: [false, true])
  func lostStep(exact: Bool) {
    let played = Played(
      replay([(0, 4, 5)]),
      cluster: Cluster(
        members: [smallMember(exact: exact)],
        outages: [Outage(replica: 0, atNs: 300, recoversAfterNs: 0)]))
    // Tokens at 100 and 200, then from 300 on the third at 400, the fourth and the fifth.
    #expect(played.requests[0].finishNs == 600 && played.summary.recomputedTokens == 6)
  }

  @Test("Requests of a failed replica go to the others at once", arguments: [false, true])
  func failover(exact: Bool) {
    let played = Played(
      replay([(0, 4, 5), (0, 4, 5)]),
      cluster: Cluster(
        members: [smallMember(exact: exact), smallMember(exact: exact)],
        outages: [Outage(replica: 0, atNs: 250, recoversAfterNs: nil)]))
    // A's six tokens are computed on replica 1 with B's fourth token, 300–400.
    #expect(played.requestsById.map(\.finishNs) == [600, 500])
    #expect(played.requestsById.map(\.replica) == [1, 1])
  }

  @Test("Where nobody recovers, all that waits is rejected when nothing can happen any more")
  func noRecovery() {
    let played = Played(
      replay([(0, 4, 5), (1000, 4, 5)]),
      cluster: Cluster(
        members: [smallMember()], outages: [Outage(replica: 0, atNs: 250, recoversAfterNs: nil)]))
    #expect(played.summary.rejectedRequests == 2 && played.summary.finishedRequests == 0)
    #expect(played.requestsById.map(\.finishNs) == [1000, 1000])
    #expect(played.requestsById.map(\.scheduledNs) == [-1, -1])
  }

  @Test("A request that no replica could ever play is rejected at once, also while all are down")
  func tooLong() {
    let played = Played(
      replay([(100, 4, 999), (100, 4, 2)]),
      cluster: Cluster(
        members: [smallMember()], outages: [Outage(replica: 0, atNs: 0, recoversAfterNs: 500)]))
    #expect(played.requestsById[0].outcome == .rejected)
    #expect(played.requestsById[0].finishNs == 100)
    #expect(played.requestsById[1].finishNs == 700)
  }

  @Test("Clients of a closed loop whose requests are rejected send their next ones")
  func closedLoop() {
    let played = Played(
      Workload(
        arrivals: .closedLoop(concurrency: 2, thinkTime: .fixed(ns: 10)),
        promptTokens: .fixed(4), outputTokens: .fixed(5), requests: 6),
      cluster: Cluster(
        members: [smallMember()], outages: [Outage(replica: 0, atNs: 50, recoversAfterNs: nil)]))
    #expect(played.summary.rejectedRequests == 6)
    #expect(played.requestsById.map(\.finishNs) == [50, 50, 60, 60, 70, 70])
  }
}
