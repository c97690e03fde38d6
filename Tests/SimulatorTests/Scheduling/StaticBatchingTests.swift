import Testing

@testable import Simulator

/// Small runs of batches that start together.
@Suite("Static batching")
struct StaticBatchingTests {
  @Test("static: a batch starts when the one before has ended, all prompts before all decodes")
  func trace() {
    let run = SmallRun(
      scheduler: .staticBatching, maxNumSeqs: 2, maxNumBatchedTokens: 16, poolBlocks: 8)
    let played = run.play([(0, 10, 3), (0, 10, 5), (0, 4, 2), (400, 4, 1)])
    // 0–116: A's 10 and 6 of B. 116–220: 4 of B; A waits for it. 320, 420: second and third tokens;
    // A has ended, and its seat stays empty. B's fifth at 620. 620–728: C and D. 828: C's second.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 116, finish: 420),
        Times(start: 0, firstToken: 220, finish: 620),
        Times(start: 620, firstToken: 728, finish: 828),
        Times(start: 620, firstToken: 728, finish: 728),
      ])
    #expect(played.runs.map(\.prefillTokens) == [16, 4, 0, 0, 8, 0])
  }

  @Test("Without places to wait, who comes during a batch is rejected, though seats are empty")
  func queueLimit() {
    let played = SmallRun(scheduler: .staticBatching, maxNumSeqs: 2, maxQueuedRequests: 0)
      .play([(0, 4, 3), (50, 4, 1), (310, 4, 1), (310, 4, 1), (310, 4, 1)])
    // A: 104, 204, 304. Then two find seats.
    #expect(
      played.requestsById.map(\.outcome)
        == [.finished, .rejected, .finished, .finished, .rejected])
    #expect(played.times[3] == Times(start: 310, firstToken: 418, finish: 418))
  }

  @Test("Each has room for its whole output from the start")
  func room() {
    let played = SmallRun(scheduler: .staticBatching, poolBlocks: 5)
      .play([(0, 4, 9), (0, 4, 9), (0, 4, 1)])
    // A and B own 3 blocks in the end, which do not fit together; C does not pass B.
    // A: 104, and eight more tokens. 904–1012: B's and C's prompts. B's ninth at 1812.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 104, finish: 904),
        Times(start: 904, firstToken: 1012, finish: 1812),
        Times(start: 904, firstToken: 1012, finish: 1012),
      ])
  }
}
