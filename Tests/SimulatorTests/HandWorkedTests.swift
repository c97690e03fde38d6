import CostModel
import Testing

@testable import Simulator

/// Small runs worked out by hand in full. A step takes 100 ns, plus 1 ns a prompt token.
@Suite("Hand-worked runs")
struct HandWorkedTests {
  private let pricer = SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1)

  @Test("One request: the prompt's step gives the first token, each further step one more")
  func oneRequest() {
    let played = Played(replay([(0, 10, 3)]), pricer: pricer)
    // Prefill 100 + 10; two decode steps of 100.
    #expect(
      played.requests == [
        RequestRecord(
          id: 0, arrivalNs: 0, scheduledNs: 0, firstTokenNs: 110, finishNs: 310,
          promptTokens: 10, cachedTokens: 0, outputTokens: 3, preemptions: 0, outcome: .finished)
      ])
    #expect(played.requests[0].tpotNs == 100)
    #expect(played.runs.map(\.steps) == [1, 2])
    #expect(played.runs.map(\.contextTokens) == [0, 11])
  }

  @Test("One output token ends with the prompt; there is no time per output token")
  func oneToken() {
    let played = Played(replay([(0, 10, 1)]), pricer: pricer)
    #expect(played.requests[0].finishNs == 110)
    #expect(played.requests[0].firstTokenNs == 110)
    #expect(played.requests[0].tpotNs == nil)
    #expect(played.summary.tpot.count == 0)
  }

  @Test("A request that arrives in a step starts with the next, beside the decodes")
  func mixedStep() {
    let played = Played(replay([(0, 10, 4), (150, 20, 2)]), pricer: pricer)
    // A: prefill 0–110, decode 110–210. B arrives at 150.
    // 210–330: A's third token with B's prompt. 330–430: A's fourth, B's second.
    let (a, b) = (played.requestsById[0], played.requestsById[1])
    #expect(a.firstTokenNs == 110 && a.finishNs == 430)
    #expect(b.scheduledNs == 210 && b.firstTokenNs == 330 && b.finishNs == 430)
    #expect(played.summary.itl.count == 4)
    #expect(played.summary.itl.maxNs == 120)
  }

  @Test("A prompt beyond the token budget is computed in chunks, and the next waits its turn")
  func chunkedPrefill() {
    let played = Played(
      replay([(0, 25, 1), (0, 10, 1)]), maxNumSeqs: 8, maxNumBatchedTokens: 20, pricer: pricer)
    // 20 of A; then 5 of A and 10 of B.
    let (a, b) = (played.requestsById[0], played.requestsById[1])
    #expect(a.firstTokenNs == 120 + 115)
    #expect(b.scheduledNs == 120 && b.firstTokenNs == 235)
    #expect(played.runs.map(\.prefillTokens) == [20, 15])
    #expect(played.runs.map(\.prefillSequences) == [1, 2])
  }

  @Test("With all seats taken, requests wait in their order")
  func seats() {
    let played = Played(
      replay([(0, 10, 2), (0, 10, 2), (1, 10, 2)]), maxNumSeqs: 1, pricer: pricer)
    // Each takes 110 + 100.
    #expect(played.requestsById.map(\.scheduledNs) == [0, 210, 420])
    #expect(played.requestsById.map(\.finishNs) == [210, 420, 630])
    #expect(played.summary.peakRunning == 1)
  }

  @Test("Short of blocks, the youngest is preempted, waits at the head, and is computed again")
  func preemption() {
    // Blocks of 4 tokens, 4 blocks. Each prompt fills one block; each sequence ends with
    // 4 + 8 − 1 = 11 tokens, three blocks: two of them do not fit together.
    let played = Played(
      replay([(0, 4, 8), (0, 4, 8)]), maxNumSeqs: 8, maxNumBatchedTokens: 64, blockSize: 4,
      poolBlocks: 4, checks: true, pricer: pricer)
    // 0–108: both prompts. Steps end at 208, 308, 408, 508 with 8 tokens cached each (5 produced).
    // The step at 508 needs two blocks and none is free: B is preempted, its 2 blocks freed.
    // A decodes alone: 608, 708, 808: its eighth token; it ends with 11 tokens, three blocks.
    // B must compute 4 + 5 = 9 tokens, three blocks: one is free until 808.
    // 808–917: 9 tokens computed, the sixth token; 1017, 1117: the eighth.
    let (a, b) = (played.requestsById[0], played.requestsById[1])
    #expect(a.finishNs == 808 && a.preemptions == 0)
    #expect(b.firstTokenNs == 108 && b.finishNs == 1117 && b.preemptions == 1)
    #expect(played.summary.preemptions == 1)
    #expect(played.summary.recomputedTokens == 9)
    // The gap across the preemption: 508 to 917.
    #expect(played.summary.itl.maxNs == 409)
    #expect(played.summary.itl.count == 14)
  }

  @Test("What exceeds the pool or the model's context is rejected, what just fits is not")
  func rejection() {
    // 4 blocks of 4: at most 16 cached tokens, so prompt + output ≤ 17.
    let pool = Played(
      replay([(0, 16, 1), (0, 16, 2), (0, 9, 8), (0, 9, 9)]), blockSize: 4, poolBlocks: 4,
      checks: true, pricer: pricer)
    #expect(pool.requestsById.map(\.outcome) == [.finished, .rejected, .finished, .rejected])
    #expect(pool.summary.rejectedRequests == 2 && pool.summary.finishedRequests == 2)
    let context = Played(
      replay([(0, 16, 1), (0, 16, 2)]), maxPositions: 17, pricer: pricer)
    #expect(context.requestsById.map(\.outcome) == [.finished, .rejected])
  }

  @Test("In a closed loop a client sends again when its request has finished or was rejected")
  func closedLoop() {
    let workload = Workload(
      arrivals: .closedLoop(concurrency: 2), promptTokens: .fixed(10), outputTokens: .fixed(2),
      requests: 5)
    let played = Played(workload, pricer: pricer)
    // Two at a time: 120 + 100 each round, the fifth alone: 110 + 100.
    #expect(played.requestsById.map(\.arrivalNs) == [0, 0, 220, 220, 440])
    #expect(played.requestsById.map(\.finishNs) == [220, 220, 440, 440, 650])
    let refused = Played(workload, maxPositions: 11, pricer: pricer)
    #expect(refused.summary.rejectedRequests == 5 && refused.summary.durationNs == 0)
  }

  @Test("A replayed trace's times are stretched by the time scale")
  func timeScale() {
    let workload = Workload(
      arrivals: .replay(trace([(0, 1, 1), (1000, 1, 1)]), timeScale: 2.5),
      promptTokens: .fromTrace, outputTokens: .fixed(2), requests: 2)
    let played = Played(workload, pricer: pricer)
    #expect(played.requestsById.map(\.arrivalNs) == [0, 2500])
    #expect(played.requestsById.map(\.outputTokens) == [2, 2])
  }
}
