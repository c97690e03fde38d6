import Testing

@testable import Simulator

/// Small runs of vLLM V0's default policy.
@Suite("Whole prompts before decodes")
struct WholePromptsTests {
  @Test("vllm-v0: whole prompts while they fit the step, then decodes; the youngest waits in front")
  func trace() {
    let run = SmallRun(
      scheduler: .vllmV0, maxNumSeqs: 3, maxNumBatchedTokens: 30, poolBlocks: 7)
    let played = run.play([(0, 8, 8), (0, 8, 8), (0, 20, 2), (250, 4, 1)])
    // 0–116: A and B; C's 20 are more than the 14 left. C needs 5 blocks, 3 are free: it waits, and
    // D behind it. Decode steps end at 216 (6 blocks owned), to 516: 5 tokens, 12 cached each. Both
    // need a block, one is free: B gives back 3. A's sixth to eighth tokens at 616, 716, 816; B
    // needs 4 blocks for its 13 tokens, and A leaves 3.
    // 816–929: B's 13, its sixth token; C's 20 are more than the 17 left, then lack blocks. B's
    // eighth at 1129. 1129–1253: C and D. 1353: C's second.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 116, finish: 816),
        Times(start: 0, firstToken: 116, finish: 1129, preempted: [516]),
        Times(start: 1129, firstToken: 1253, finish: 1353),
        Times(start: 1129, firstToken: 1253, finish: 1253),
      ])
    #expect(played.runs.map(\.prefillTokens) == [16, 0, 0, 0, 13, 0, 24, 0])
  }

  @Test("A prompt stops the decodes")
  func promptFirst() {
    let played = SmallRun(scheduler: .vllmV0).play([(0, 10, 4), (150, 20, 2), (480, 5, 1)])
    // A: prompt 0–110, second token 210. B's prompt 210–330. 430: A's third, B's second and last.
    // 530: A's fourth and last, during which C comes: 530–635.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 110, finish: 530),
        Times(start: 210, firstToken: 330, finish: 430),
        Times(start: 530, firstToken: 635, finish: 635),
      ])
  }

  @Test("With all seats taken nobody is admitted; a seat is free when one has ended")
  func seats() {
    let played = SmallRun(scheduler: .vllmV0, maxNumSeqs: 1)
      .play([(0, 10, 2), (0, 10, 2), (1, 10, 2)])
    #expect(played.times.map(\.start) == [0, 210, 420])
    #expect(played.times.map(\.finish) == [210, 420, 630])
  }

  @Test("What might not fit a step when it is computed again is rejected")
  func tooLong() {
    let run = SmallRun(scheduler: .vllmV0, maxNumBatchedTokens: 20)
    let played = run.play([(0, 15, 5), (0, 15, 6), (0, 20, 1), (0, 19, 1)])
    #expect(
      played.requestsById.map(\.outcome) == [.finished, .rejected, .rejected, .finished])
  }
}
