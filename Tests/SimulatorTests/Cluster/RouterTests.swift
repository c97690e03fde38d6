import CostModel
import Testing

@testable import Simulator

/// Where requests go, worked out by hand. A step takes 100 ns and one request decodes at a time.
@Suite("Routers")
struct RouterTests {
  private func replicas(
    _ rows: [(Int64, Int32, Int32)], _ routing: RoutingPolicy, replicas: Int,
    poolBlocks: Int = 1 << 10
  ) -> [Int64] {
    Played(
      replay(rows), maxNumSeqs: 1, blockSize: 1, poolBlocks: poolBlocks, replicas: replicas,
      routing: routing, checks: true, pricer: SyntheticPricer(perStepNs: 100)
    ).requestsById.map(\.replica)
  }

  @Test("Round robin goes by turns, whatever the load")
  func roundRobin() {
    let rows: [(Int64, Int32, Int32)] = [(0, 1, 90), (1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1)]
    #expect(replicas(rows, .roundRobin, replicas: 3) == [0, 1, 2, 0, 1])
  }

  @Test("Least outstanding passes over who has most, and goes by turns among equals")
  func leastOutstanding() {
    // 0 stays long on replica 0; 1 is done at 101. So 2 at 50 goes to 2; 3 at 60, when all have
    // one, to the next in turn, 0; 4 at 70 to 1, in turn before 2; 5 at 210, when 1 and 2 are
    // done and 4 runs on 1, to 2.
    let rows: [(Int64, Int32, Int32)] = [
      (0, 1, 90), (1, 1, 1), (50, 1, 1), (60, 1, 1), (70, 1, 3), (210, 1, 1),
    ]
    #expect(replicas(rows, .leastOutstanding, replicas: 3) == [0, 1, 2, 0, 1, 2])
  }

  @Test("Least KV goes where the smallest share of the pool is owned or waited for")
  func leastKV() {
    // At 10 replica 0 owns 8 blocks and 1 owns 2; the third request's 4 make that 6, which is
    // still less than 8; so the fourth goes there too, and makes it 10; the fifth to 0.
    let rows: [(Int64, Int32, Int32)] = [
      (0, 8, 5), (1, 2, 5), (10, 4, 1), (11, 4, 1), (12, 1, 1),
    ]
    #expect(replicas(rows, .leastKV, replicas: 2) == [0, 1, 1, 1, 0])
  }

  @Test("A request goes only where it fits")
  func unequalPools() {
    let pricer = SyntheticPricer(perStepNs: 100)
    let members = [4, 64].map { blocks in
      Cluster.Member(
        configuration: EngineConfiguration(
          options: EngineOptions(
            maxNumSeqs: 1, maxNumBatchedTokens: 64, blockSize: 1, enablePrefixCaching: false,
            kvCacheMemory: .bytes(0)),
          poolBlocks: blocks, maxPositions: 1000),
        pricer: pricer)
    }
    let rows: [(Int64, Int32, Int32)] = [(0, 30, 1), (1, 30, 1), (2, 3, 1), (3, 65, 1)]
    for routing in RoutingPolicy.allCases {
      let played = Played(replay(rows), cluster: Cluster(members: members, routing: routing))
      let requests = played.requestsById
      #expect(requests[0].replica == 1 && requests[1].replica == 1)
      #expect(requests[3].replica == -1 && requests[3].outcome == .rejected)
      #expect(played.summary.rejectedRequests == 1)
    }
  }

  @Test("Of two drawn replicas the one with fewer requests is taken")
  func powerOfTwo() {
    // The busy one of two is taken only where both draws name it: one time in four.
    var busyOnes = 0
    let count = 4000
    for seed in 0..<UInt64(count) {
      var router = Router(
        .powerOfTwoChoices, among: [0, 1], lanes: Lanes([1, 1]), seed: seed, prompts: nil)
      let servers = RouterTests.idleServers(2)
      let request = ArrivingRequest(id: 0, promptTokens: 1, outputTokens: 1)
      let first = router.choose(for: request, among: servers, now: 0)!
      let next = ArrivingRequest(id: 1, promptTokens: 1, outputTokens: 1)
      if router.choose(for: next, among: servers, now: 0) == first { busyOnes += 1 }
    }
    // Binomial(4000, 1/4): four standard deviations are 110.
    #expect(abs(busyOnes - count / 4) < 110)
  }

  private static func idleServers(
    _ count: Int
  ) -> [Server<SyntheticPricer, ContinuousBatching>] {
    (0..<count).map {
      Server(
        index: $0,
        member: Cluster.Member(
          configuration: EngineConfiguration(
            options: EngineOptions(
              maxNumSeqs: 1, maxNumBatchedTokens: 64, blockSize: 1, enablePrefixCaching: false,
              kvCacheMemory: .bytes(0)),
            poolBlocks: 64, maxPositions: 1000),
          pricer: SyntheticPricer(perStepNs: 1)),
        scheduler: ContinuousBatching(), workload: replay([(0, 1, 1)]), seed: 1)
    }
  }

  @Test("Prompts go where most of them has gone before, unless that replica is far behind")
  func prefixAware() {
    // Blocks: A = 0 1 2 3, B = 4 5 6 7. Rows: A, B, A, B, then A with two blocks of its own (half
    // of it is known), then A's first block with three of its own (a quarter is).
    let prompts = PromptBlocks(
      blockTokens: 1,
      ids: [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 8, 9, 0, 10, 11, 12],
      starts: [0, 4, 8, 12, 16, 20, 24])
    var router = Router(
      .prefixAware, among: [0, 1, 2], lanes: Lanes([1, 1, 1]), seed: 1, prompts: prompts)
    let servers = RouterTests.idleServers(3)
    func choose(_ row: Int) -> Int? {
      let request = ArrivingRequest(
        id: Int64(row), promptTokens: 4, outputTokens: 1, promptRow: row)
      return router.choose(for: request, among: servers, now: 0)
    }
    #expect((0..<5).map(choose) == [0, 1, 0, 1, 0])
    // Outstanding 3, 2, 0: the least.
    #expect(choose(5) == 2)
    // A goes on to 0 until it has 33 more than the fewest.
    while router.outstanding[0] - router.outstanding.min()! <= 32 { #expect(choose(0) == 0) }
    #expect(router.outstanding[0] == 34)
    #expect(choose(0) == 2)
  }
}
