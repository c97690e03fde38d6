import CostModel
import TestSupport
import Testing

@testable import Simulator

/// Why requests are rejected, worked out by hand.
@Suite("Rejections")
struct RejectionTests {
  private static let pricer = SyntheticPricer(perStepNs: 100)

  private func rejection(
    _ request: Int64, _ cause: EventRecord.Cause, at ns: Int64 = 0, tokens: Int64
  ) -> EventRecord {
    EventRecord(
      kind: .rejected, timeNs: ns, replica: -1, request: request, cause: cause, tokens: tokens)
  }

  @Test("Too long for the model before too long for the pool", arguments: [false, true])
  func tooLong(exact: Bool) {
    // 24 positions, of which the last token is never written; 5 blocks of 4.
    let played = Played(
      replay([(0, 20, 5), (5, 20, 4), (5, 19, 2), (9, 16, 5)]), blockSize: 4, poolBlocks: 5,
      maxPositions: 24, exact: exact, pricer: RejectionTests.pricer)
    #expect(
      played.events == [
        rejection(0, .context, tokens: 24), rejection(1, .pool, at: 5, tokens: 23),
      ])
    #expect(played.requestsById.map(\.outcome) == [.rejected, .rejected, .finished, .finished])
  }

  @Test("Prompts that stay whole have to fit a step with all that they produce")
  func longerThanAStep() {
    let played = Played(
      replay([(0, 6, 3), (0, 6, 4), (0, 6, 20)]), maxNumSeqs: 4, maxNumBatchedTokens: 9,
      maxPositions: 20, scheduler: .vllmV0, pricer: RejectionTests.pricer)
    #expect(
      played.events == [
        rejection(1, .step, tokens: 9), rejection(2, .context, tokens: 25),
      ])
  }

  @Test("A full queue is the cause where some replica could play the request")
  func queue() {
    let run = SmallRun(scheduler: .vllm, maxNumSeqs: 1, poolBlocks: 8, maxQueuedRequests: 1)
    let played = run.play([(0, 10, 3), (10, 10, 1), (20, 10, 1), (30, 40, 1)])
    #expect(
      played.events == [
        rejection(2, .queue, at: 20, tokens: 10), rejection(3, .pool, at: 30, tokens: 40),
      ])
  }

  @Test("Of replicas that lack different things the one that lacks least says what")
  func severalReplicas() {
    func member(positions: Int, blocks: Int) -> Cluster<SyntheticPricer>.Member {
      Cluster.Member(
        configuration: EngineConfiguration(
          options: EngineOptions(
            maxNumSeqs: 4, maxNumBatchedTokens: 64, blockSize: 4, enablePrefixCaching: false,
            kvCacheMemory: .bytes(0)),
          poolBlocks: blocks, maxPositions: positions),
        pricer: RejectionTests.pricer)
    }
    for routing in [RoutingPolicy.roundRobin, .leastOutstanding] {
      let played = Played(
        replay([(0, 30, 1), (0, 50, 1), (0, 18, 1)]),
        cluster: Cluster(
          members: [member(positions: 20, blocks: 100), member(positions: 40, blocks: 5)],
          routing: routing))
      #expect(
        played.events == [
          rejection(0, .pool, tokens: 30), rejection(1, .context, tokens: 50),
        ], "\(routing)")
    }
  }

  @Test("A request that no replica can decode says why, though one could compute its prompt")
  func decoders() {
    let played = Played(
      replay([(0, 20, 2), (0, 8, 2)]),
      cluster: Cluster(
        members: [smallMember(role: .prefill), smallMember(role: .decode, poolBlocks: 4)],
        transfer: KVTransfer(
          link: CopyLink(bytesPerSecond: 1_000_000_000, latencyNs: 5), blockBytes: 10)))
    #expect(
      played.events.filter { $0.kind == .rejected } == [rejection(0, .pool, tokens: 21)])
  }

  @Test("Where no replica is left, and none comes back, all that waits is rejected for that")
  func noReplica() {
    let played = Played(
      replay([(0, 4, 5), (1000, 4, 5)]),
      cluster: Cluster(
        members: [smallMember()], outages: [Outage(replica: 0, atNs: 250, recoversAfterNs: nil)]))
    #expect(
      played.events.filter { $0.kind == .rejected } == [
        rejection(0, .noReplica, at: 1000, tokens: 8),
        rejection(1, .noReplica, at: 1000, tokens: 8),
      ])
  }

  @Test("Turns behind one that is rejected are rejected for it")
  func turns() {
    let session = RequestClass(
      name: "a", promptTokens: .fixed(6), outputTokens: .fixed(3),
      sessions: Sessions(turns: .fixed(4), thinkTime: .fixed(ns: 500)))
    let played = Played(
      Workload(
        arrivals: .deterministic(requestsPerSecond: 1e6), classes: [session], requests: 4),
      maxPositions: 20, pricer: RejectionTests.pricer)
    // The third turn has 2 · 9 + 6 tokens and 3 to come.
    #expect(played.events.map(\.cause) == [.context, .turn])
    #expect(played.events.map(\.tokens) == [26, 35])
    #expect(played.events.map(\.request) == [2, 3])
  }

  @Test("More samples than seats, and where all have their room from the start, than blocks")
  func samples() {
    func play(_ scheduler: EngineOptions.Scheduler, seats: Int, blocks: Int) -> [EventRecord] {
      let request = RequestClass(
        name: "a", promptTokens: .fixed(6), outputTokens: .fixed(4), samples: 3)
      return Played(
        Workload(
          arrivals: .deterministic(requestsPerSecond: 1e6), classes: [request], requests: 1),
        maxNumSeqs: seats, blockSize: 4, poolBlocks: blocks, scheduler: scheduler,
        pricer: RejectionTests.pricer
      ).events.filter { $0.kind == .rejected }
    }
    #expect(play(.vllm, seats: 2, blocks: 20) == [rejection(0, .seats, at: 1000, tokens: 9)])
    #expect(play(.vllm, seats: 3, blocks: 4).isEmpty)
    // One block shared, and two more for each.
    #expect(
      play(.staticBatching, seats: 3, blocks: 6) == [rejection(0, .pool, at: 1000, tokens: 9)])
    #expect(play(.staticBatching, seats: 3, blocks: 7).isEmpty)
  }

  @Test(
    "Each rejected request has one event that says so at its end, and no other request has any",
    arguments: EngineOptions.Scheduler.allCases)
  func law(scheduler: EngineOptions.Scheduler) {
    var causes: [EventRecord.Cause: Int] = [:]
    for number in 0..<(60 * testDepth) {
      let world = EngineLawTests.World(number, scheduler)
      let played = world.play(exact: number % 2 == 0)
      let rejections = played.events.filter { $0.kind == .rejected }
      let rejected = played.requests.filter { $0.outcome == .rejected }
      #expect(rejections.map(\.request) == rejected.map(\.id), "world \(number)")
      #expect(rejections.map(\.timeNs) == rejected.map(\.finishNs), "world \(number)")
      #expect(rejections.count == played.summary.rejectedRequests, "world \(number)")
      for rejection in rejections {
        let isTooLong = rejection.tokens > world.poolBlocks * world.blockSize
        #expect((rejection.cause == .pool) == isTooLong || rejection.cause == .step)
        causes[rejection.cause, default: 0] += 1
      }
    }
    #expect(causes[.queue, default: 0] > 0 && causes[.pool, default: 0] > 0)
    #expect((causes[.step, default: 0] > 0) == scheduler.keepsPromptsWhole)
  }
}
