import Testing

@testable import Simulator

@Suite("The queue's limit")
struct QueueLimitTests {
  @Test("max_queued_requests: who comes while so many wait is rejected")
  func oneWaits() {
    let run = SmallRun(scheduler: .vllm, maxNumSeqs: 1, maxQueuedRequests: 1)
    let played = run.play([
      (0, 10, 3), (10, 10, 1), (20, 10, 1), (310, 10, 1), (311, 10, 1), (312, 10, 1),
    ])
    // A 0–310. B waits, C is one too many. D comes when A's last step ends, which is before B
    // starts. B 310–420; E waits, F is one too many. E 420–530.
    #expect(
      played.requestsById.map(\.outcome)
        == [.finished, .finished, .rejected, .rejected, .finished, .rejected])
    #expect(
      played.times.map(\.start) == [0, 310, -1, -1, 420, -1])
    #expect(played.times.map(\.finish) == [310, 420, 20, 310, 530, 312])
    #expect(played.summary.rejectedRequests == 3)
  }

  @Test("Without places to wait, those that come together take the free seats")
  func noneWaits() {
    let run = SmallRun(scheduler: .vllm, maxNumSeqs: 2, maxQueuedRequests: 0)
    let played = run.play([(0, 10, 2), (0, 10, 1), (0, 10, 1), (50, 10, 1), (130, 10, 1)])
    // 0–120: A and B. D finds both seats taken; E finds B's free, and starts with the step at 220.
    #expect(
      played.requestsById.map(\.outcome)
        == [.finished, .finished, .rejected, .rejected, .finished])
    #expect(played.times[4] == Times(start: 220, firstToken: 330, finish: 330))
  }

  @Test("While requests wait for blocks a free seat is no place")
  func blocks() {
    let run = SmallRun(scheduler: .vllm, poolBlocks: 4, maxQueuedRequests: 1)
    let played = run.play([(0, 12, 1), (0, 8, 1), (50, 1, 1), (113, 1, 1)])
    // 0–112: A, in three of four blocks. B came with it and waits for two; so C is one too many.
    // 112–220: B. D may wait beside it.
    #expect(played.requestsById.map(\.outcome) == [.finished, .finished, .rejected, .finished])
    #expect(played.times[3] == Times(start: 220, firstToken: 321, finish: 321))
  }

  @Test("Erlang's formula B: seats and no queue, whatever the service", arguments: [1.0, 3, 6])
  func erlangB(load: Double) {
    let seats = 4
    // A token a microsecond, and 1 to 999 of them: 500 µs in the mean.
    let workload = Workload(
      arrivals: .poisson(requestsPerSecond: load / 500e-6), promptTokens: .fixed(1),
      outputTokens: .uniform(1...999), requests: 60_000)
    let played = Played(
      workload, seed: 5, maxNumSeqs: seats, maxQueuedRequests: 0,
      pricer: SyntheticPricer(perStepNs: 1000))
    let lost = played.requestsById.map { $0.outcome == .rejected ? 1.0 : 0 }
    let size = lost.count / 40
    let means = (0..<40).map { lost[($0 * size)..<(($0 + 1) * size)].reduce(0, +) / Double(size) }
    let mean = means.reduce(0, +) / 40
    let variance = means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 39
    // Student's t with 39 degrees of freedom, 99 %: 2.708. A seat is also held for the rest of the
    // step in which its request came, a thousandth of its time: at most a thousandth of the load.
    let halfWidth = 2.708 * (variance / 40).squareRoot()
    // B(0) = 1, B(k) = ρB(k − 1)/(k + ρB(k − 1)).
    let expected = (1...seats).reduce(1.0) { blocked, seat in
      load * blocked / (Double(seat) + load * blocked)
    }
    #expect(abs(mean - expected) < halfWidth + 0.001 * expected)
    #expect(halfWidth < 0.1 * expected, "the interval says something")
  }
}
