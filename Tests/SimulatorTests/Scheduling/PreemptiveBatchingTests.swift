import Testing

@testable import Simulator

/// Small runs in which urgent requests take the place of others.
@Suite("Priority and earliest deadline first")
struct PreemptiveBatchingTests {
  private static func priorities(_ priorities: Int...) -> [RequestUrgency] {
    priorities.map { RequestUrgency(priority: $0) }
  }

  @Test("priority: a more urgent request takes the seat of the least urgent one")
  func seat() {
    let run = SmallRun(scheduler: .priority, maxNumSeqs: 2, poolBlocks: 8)
    let played = run.play(
      [(0, 8, 6), (0, 8, 4), (150, 4, 2), (150, 4, 1)],
      urgencies: PreemptiveBatchingTests.priorities(2, 1, 0, 2))
    // 0–116: A's and B's prompts. 216: their second tokens. C takes A's seat; D is no more urgent
    // than anybody. 216–320: C's 4 and B's third token. 420: B's fourth and C's second, the last.
    // 420–534: A's 10, its third token, and D's 4. A's sixth at 834.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 116, finish: 834, preempted: [216]),
        Times(start: 0, firstToken: 116, finish: 420),
        Times(start: 216, firstToken: 320, finish: 420),
        Times(start: 420, firstToken: 534, finish: 534),
      ])
    #expect(played.summary.recomputedTokens == 10)
  }

  @Test("priority: a more urgent request takes the blocks of less urgent ones")
  func blocks() {
    let run = SmallRun(scheduler: .priority, poolBlocks: 8)
    let played = run.play(
      [(0, 16, 9), (0, 4, 9), (150, 12, 1)],
      urgencies: PreemptiveBatchingTests.priorities(0, 5, 1))
    // 0–120: both prompts, 5 blocks. 220: second tokens, 7 blocks. C needs 3, one is free, and B
    // owns 2. 220–332: C's 12, and A's third token.
    // B has 6 to compute, 332–438: its third token, A's fourth. 538, 638: A has 6 tokens and 21
    // cached, B has 5 and 8 cached; 6 and 2 blocks. B needs one more, and yields as the less
    // urgent. A's ninth at 938. B's 9 tokens 938–1047, its sixth; its ninth at 1347.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 120, finish: 938),
        Times(start: 0, firstToken: 120, finish: 1347, preempted: [220, 638]),
        Times(start: 220, firstToken: 332, finish: 332),
      ])
  }

  @Test("priority: nobody is evicted in vain")
  func inVain() {
    let run = SmallRun(scheduler: .priority, poolBlocks: 8)
    let played = run.play(
      [(0, 16, 9), (0, 4, 9), (150, 16, 1)],
      urgencies: PreemptiveBatchingTests.priorities(0, 5, 1))
    // As above, but C needs 4 blocks where one is free and B owns 2: it waits. At 520 A and B have
    // 5 tokens, 20 and 8 cached, need a block each, and one is free: B yields. A's ninth at 920.
    // 920–1045: C's 16, and B's 9 in the 4 blocks left, its sixth token; its ninth at 1345.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 120, finish: 920),
        Times(start: 0, firstToken: 120, finish: 1345, preempted: [520]),
        Times(start: 920, firstToken: 1045, finish: 1045),
      ])
  }

  @Test("priority: several urgent ones are admitted in one step, and none for lack of tokens")
  func severalAtOnce() {
    let run = SmallRun(scheduler: .priority, maxNumSeqs: 3, maxNumBatchedTokens: 10)
    let played = run.play(
      [(0, 2, 9), (0, 2, 9), (0, 2, 9), (150, 5, 1), (150, 5, 1), (150, 5, 1)],
      urgencies: PreemptiveBatchingTests.priorities(1, 1, 1, 0, 0, 0))
    // 0–106: A, B, C. 206: second tokens. D takes C's seat; with A, B and D's 5 three tokens of the
    // step are left, for which E takes B's seat. F would find none, so A stays. 206–315: D's 5, 4
    // of E, A's third. 315–421: the last of E, and F's 5 in D's seat. 421–529: B's and C's 4, their
    // third tokens, and A's fifth. A's ninth at 929, theirs at 1129.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 106, finish: 929),
        Times(start: 0, firstToken: 106, finish: 1129, preempted: [206]),
        Times(start: 0, firstToken: 106, finish: 1129, preempted: [206]),
        Times(start: 206, firstToken: 315, finish: 315),
        Times(start: 206, firstToken: 421, finish: 421),
        Times(start: 315, firstToken: 421, finish: 421),
      ])
  }

  @Test("edf: who wants its first token sooner takes the seat")
  func deadlines() {
    let run = SmallRun(scheduler: .edf, maxNumSeqs: 1)
    let played = run.play(
      [(0, 10, 4), (50, 10, 2), (150, 10, 2), (400, 10, 1)],
      urgencies: [nil, 1000, 300, 200].map { RequestUrgency(ttftObjectiveNs: $0) })
    // A wants nothing; B's token by 1050, C's by 450, D's by 600.
    // 0–110: A. 110–220: B in its place. 220–330: C in B's. 430: C's second and last token; D came
    // during it and waits: 430–540. 540–651: B's 11, its second. 651–762: A's 11; 962: its fourth.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 110, finish: 962, preempted: [110]),
        Times(start: 110, firstToken: 220, finish: 651, preempted: [220]),
        Times(start: 220, firstToken: 330, finish: 430),
        Times(start: 430, firstToken: 540, finish: 540),
      ])
  }

  @Test("One request a token: with as many seats as tokens, a seat given up gives the token too")
  func lastToken() {
    let run = SmallRun(scheduler: .priority, maxNumSeqs: 2, maxNumBatchedTokens: 2)
    let played = run.play(
      [(0, 1, 9), (0, 1, 9), (150, 1, 1)], urgencies: PreemptiveBatchingTests.priorities(1, 1, 0))
    // 102, 202: two tokens each. 202–303: C's prompt, and A's third. B has 3 tokens to compute, and
    // one a step beside A: 303–404, 404–505, 505–606, its third. A's ninth at 303 + 3 · 101 + 300.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 102, finish: 906),
        Times(start: 0, firstToken: 102, finish: 1206, preempted: [202]),
        Times(start: 202, firstToken: 303, finish: 303),
      ])
  }
}
