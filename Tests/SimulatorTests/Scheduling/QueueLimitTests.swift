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
}
