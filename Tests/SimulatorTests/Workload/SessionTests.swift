import CostModel
import Testing

@testable import Simulator

/// Sessions worked out by hand. A step takes 100 ns, plus 1 ns a prompt token; blocks have 4
/// tokens.
@Suite("Sessions")
struct SessionTests {
  private let pricer = SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1)

  private func session(
    _ turns: Int, new: Int, output: Int, thinkNs: Int64, name: String = "a", system: Int = 0
  ) -> RequestClass {
    RequestClass(
      name: name, promptTokens: .fixed(new), outputTokens: .fixed(output),
      systemPromptTokens: system,
      sessions: Sessions(turns: .fixed(turns), thinkTime: .fixed(ns: thinkNs)))
  }

  /// Requests, or sessions, that come so many nanoseconds after one another.
  private func every(_ gapNs: Double) -> Workload.Arrivals {
    .deterministic(requestsPerSecond: 1e9 / gapNs)
  }

  private func play(
    _ workload: Workload, poolBlocks: Int = 64, caching: Bool = true, replicas: Int = 1,
    routing: RoutingPolicy = .roundRobin, maxPositions: Int = 1 << 20
  ) -> [RequestRecord] {
    Played(
      workload, blockSize: 4, poolBlocks: poolBlocks, maxPositions: maxPositions,
      enablePrefixCaching: caching, replicas: replicas, routing: routing, checks: true,
      pricer: pricer
    ).requestsById
  }

  @Test("A session of three turns in full")
  func threeTurns() {
    let workload = Workload(
      arrivals: every(1000), classes: [session(3, new: 6, output: 3, thinkNs: 500)], requests: 3)
    // The first turn's 6 tokens take 106 ns, two more outputs 100 each; 6 + 3 − 1 = 8 tokens are in
    // two whole blocks then. 500 ns later come 9 + 6 = 15, of which 7 are computed. At its end 17
    // tokens are there, 16 in whole blocks, and 8 of 24 are computed last.
    let turns = play(workload)
    #expect(turns.map(\.arrivalNs) == [1000, 1806, 2613])
    #expect(turns.map(\.promptTokens) == [6, 15, 24])
    #expect(turns.map(\.cachedTokens) == [0, 8, 16])
    #expect(turns.map(\.firstTokenNs) == [1106, 1913, 2721])
    #expect(turns.map(\.finishNs) == [1306, 2113, 2921])
    // Without a cache all of it is computed again.
    let cold = play(workload, caching: false)
    #expect(cold.map(\.arrivalNs) == [1000, 1806, 2621])
    #expect(cold.map(\.promptTokens) == [6, 15, 24])
    #expect(cold.map(\.cachedTokens) == [0, 0, 0])
    #expect(cold.map(\.finishNs) == [1306, 2121, 2945])
  }

  @Test("Another request takes a session's last blocks, and the next turn finds those before them")
  func eviction() {
    let alone = RequestClass(name: "b", promptTokens: .fixed(19), outputTokens: .fixed(2))
    let workload = Workload(
      arrivals: .superposed([
        .init(name: "a", arrivals: every(1000), requestClass: 0),
        .init(name: "b", arrivals: every(1900), requestClass: 1),
      ]), classes: [session(2, new: 5, output: 8, thinkNs: 500), alone], requests: 3)
    // From 1000 to 1805 the first turn fills 3 blocks of 7. At 1900 the other one wants 5: those
    // that were never used and the session's third. At 2305 two are left, and 10 of 18 tokens are
    // computed.
    let requests = play(workload, poolBlocks: 7)
    #expect(requests.map(\.requestClass) == [0, 1, 0])
    #expect(requests.map(\.arrivalNs) == [1000, 1900, 2305])
    #expect(requests.map(\.cachedTokens) == [0, 0, 8])
    #expect(requests.map(\.firstTokenNs) == [1105, 2019, 2415])
    #expect(play(workload, poolBlocks: 8).map(\.cachedTokens) == [0, 0, 12])
  }

  @Test("The system prompt stands once in a session, and sessions share it")
  func systemPrompt() {
    let workload = Workload(
      arrivals: every(400),
      classes: [session(2, new: 3, output: 4, thinkNs: 1000, system: 10)], requests: 4)
    // Two whole blocks of 10 tokens are shared. Session 0 at 400 computes 13 tokens until 513 and
    // ends at 813 with 16 in the cache. Session 1 comes at 800, finds 8 from 813 on, and ends at
    // 918 + 300. Each second turn has 13 + 4 + 3 = 20 tokens, of which 16 are there.
    let turns = play(workload)
    #expect(turns.map(\.arrivalNs) == [400, 800, 1813, 2218])
    #expect(turns.map(\.promptTokens) == [13, 13, 20, 20])
    #expect(turns.map(\.cachedTokens) == [0, 8, 16, 16])
    #expect(turns.map(\.firstTokenNs) == [513, 918, 1917, 2322])
  }

  @Test("A turn that is too long is rejected, and with it those behind it at the same instant")
  func rejection() {
    let workload = Workload(
      arrivals: every(10_000), classes: [session(5, new: 6, output: 3, thinkNs: 500)], requests: 8)
    // Turns have 9, 18, 27, 36 and 45 tokens; the third exceeds 20. The second session has the
    // three turns that are left of 8.
    let turns = play(workload, maxPositions: 20)
    #expect(turns.map(\.promptTokens) == [6, 15, 24, 33, 42, 6, 15, 24])
    #expect(
      turns.map(\.outcome).map { $0 == .finished } == [1, 1, 0, 0, 0, 1, 1, 0].map { $0 == 1 })
    #expect(turns.map(\.arrivalNs)[..<6] == [10_000, 10_806, 11_613, 11_613, 11_613, 20_000])
    #expect(turns.allSatisfy { $0.outcome == .finished || $0.finishNs == $0.arrivalNs })
  }

  @Test("A client of a closed loop has one session at a time, and thinks behind it by its own time")
  func closedLoop() {
    let workload = Workload(
      arrivals: .closedLoop(concurrency: 1, thinkTime: .fixed(ns: 7000)),
      classes: [session(2, new: 6, output: 3, thinkNs: 500)], requests: 5)
    // A first turn takes 306 ns; a second one comes 500 later and takes 307.
    let turns = play(workload)
    #expect(turns.map(\.promptTokens) == [6, 15, 6, 15, 6])
    #expect(turns.map(\.arrivalNs) == [0, 806, 8113, 8919, 16_226])
    // The second session has the first one's place, and finds nothing of it.
    #expect(turns.map(\.cachedTokens) == [0, 8, 0, 8, 0])
  }

  @Test("A turn on another replica finds nothing, and one that comes back what is left there")
  func detour() {
    let workload = Workload(
      arrivals: every(1000), classes: [session(3, new: 6, output: 3, thinkNs: 500)], requests: 3)
    let turns = play(workload, replicas: 2)
    #expect(turns.map(\.replica) == [0, 1, 0])
    #expect(turns.map(\.cachedTokens) == [0, 0, 8])
  }

  @Test("The prefix-aware router sends a turn where the session was, whoever is next")
  func router() {
    let workload = Workload(
      arrivals: every(1000), classes: [session(3, new: 6, output: 3, thinkNs: 500)], requests: 3)
    let turns = play(workload, replicas: 2, routing: .prefixAware)
    #expect(turns.map(\.replica) == [0, 0, 0])
    #expect(turns.map(\.cachedTokens) == [0, 8, 16])
  }

  @Test("The prefix-aware router sends a turn on where less than half of it was sent before")
  func routerByShare() {
    let lengths = EmpiricalLengths([(3, 1), (90, 1)])
    let workload = Workload(
      arrivals: every(10_000),
      classes: [
        RequestClass(
          promptTokens: .empirical(lengths), outputTokens: .fixed(1),
          sessions: Sessions(turns: .fixed(2), thinkTime: .fixed(ns: 500)))
      ], requests: 200)
    let turns = play(workload, replicas: 2, routing: .prefixAware)
    var stayed = 0
    // A session ends before the next one begins; where nobody has more requests, the next in turn
    // gets one.
    for first in stride(from: 0, to: 200, by: 2) {
      let context = turns[first].promptTokens + 1
      let stays = 2 * context >= turns[first + 1].promptTokens
      #expect((turns[first].replica == turns[first + 1].replica) == stays)
      stayed += stays ? 1 : 0
    }
    #expect((60..<90).contains(stayed), "three of four pairs")
  }
}
