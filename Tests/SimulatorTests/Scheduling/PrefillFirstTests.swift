import CostModel
import Testing

@testable import Simulator

/// Small runs of SGLang's policy, worked out by hand in full. A step takes 100 ns, plus 1 ns a
/// prompt token.
@Suite("Prompts before decodes")
struct PrefillFirstTests {
  private func play(
    _ rows: [(Int64, Int32, Int32)], maxNumSeqs: Int = 16, maxNumBatchedTokens: Int = 2048,
    blockSize: Int = 1, poolBlocks: Int = 1 << 20
  ) -> Played {
    let runs = [false, true].map { exact in
      Played(
        replay(rows), maxNumSeqs: maxNumSeqs, maxNumBatchedTokens: maxNumBatchedTokens,
        blockSize: blockSize, poolBlocks: poolBlocks, scheduler: .sglang, exact: exact,
        checks: true, pricer: SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1))
    }
    #expect(runs[0].requests == runs[1].requests && runs[0].summary == runs[1].summary)
    return runs[0]
  }

  @Test("A prompt stops the decodes")
  func promptFirst() {
    let played = play([(0, 10, 4), (150, 20, 2)])
    // A: prompt 0–110, second token 210. B, there since 150: prompt 210–330, alone.
    // 330–430: A's third token and B's second. 430–530: A's fourth.
    let (a, b) = (played.requestsById[0], played.requestsById[1])
    #expect(a.firstTokenNs == 110 && a.finishNs == 530)
    #expect(b.scheduledNs == 210 && b.firstTokenNs == 330 && b.finishNs == 430)
    #expect(played.runs.map(\.prefillTokens) == [10, 0, 20, 0, 0])
    #expect(played.runs.map(\.decodeSequences) == [0, 1, 0, 2, 1])
    // A waited 100, 220 and 100 for its tokens, B 100.
    let gaps = played.summary.itl
    #expect(gaps.count == 4 && gaps.maxNs == 220 && gaps.meanNs == 130)
  }

  @Test("The last prompt is cut at the budget, and its rest goes first in the next step")
  func chunk() {
    let played = play(
      [(0, 25, 2), (0, 10, 2), (0, 30, 1)], maxNumSeqs: 8, maxNumBatchedTokens: 20)
    // 0–120: 20 of A. 120–240: 5 of A, 10 of B, 5 of C. 240–360: 20 of C. 360–465: 5 of C.
    // 465–565: the second tokens of A and B, which were ready to decode at 240.
    #expect(played.runs.map(\.prefillTokens) == [20, 20, 20, 5, 0])
    #expect(played.runs.map(\.prefillSequences) == [1, 3, 1, 1, 0])
    #expect(played.requestsById.map(\.firstTokenNs) == [240, 240, 465])
    #expect(played.requestsById.map(\.finishNs) == [565, 565, 465])
    #expect(played.summary.itl.count == 2 && played.summary.itl.meanNs == 325)
  }

  @Test("With all seats taken, nobody is admitted")
  func seats() {
    let played = play([(0, 10, 2), (0, 10, 2), (1, 10, 2)], maxNumSeqs: 1)
    #expect(played.requestsById.map(\.scheduledNs) == [0, 210, 420])
    #expect(played.requestsById.map(\.finishNs) == [210, 420, 630])
  }

  @Test("Whom the estimate refuses is looked at again in the second step after an end")
  func estimate() {
    let played = play([(0, 10, 1000), (0, 10, 7), (0, 373, 5)], poolBlocks: 1100)
    // 0–120: the prompts of A and B, beside whose outputs C's 378 tokens have no room. Then 1080
    // are free and ⌊0.7 · 1005⌋ = 703 are kept: 378 are not less than 377. Five decode steps on
    // they would be less than 1070 − 691, but nobody looks. B ends at 720, which the step to 820
    // notices: then 1083 are free and ⌊0.69298 · 992⌋ = 687 are kept. C's prompt 820–1293.
    let (a, c) = (played.requestsById[0], played.requestsById[2])
    #expect(played.requestsById[1].finishNs == 720)
    #expect(c.scheduledNs == 820 && c.firstTokenNs == 1293 && c.finishNs == 1693)
    #expect(a.finishNs == 120 + 999 * 100 + 473)
    #expect(played.runs.map(\.steps) == [1, 6, 1, 1, 4, 988])
    #expect(played.runs.map(\.waitingRequests) == [1, 1, 1, 0, 0, 0])
  }

  @Test("Whom the first prompts of an empty engine leave no room is looked at once more")
  func afterFirstPrompts() {
    let played = play([(0, 10, 1000), (0, 385, 5)], poolBlocks: 1100)
    // Beside A's prompt its output counts in full: 390 + 1000 are more than 1090. In the next step
    // 0.7 of it counts: 390 + 699 are less.
    #expect(played.requestsById.map(\.scheduledNs) == [0, 110])
  }

  @Test("A seat is free in the second step after an end", arguments: [150, 350] as [Int64])
  func seatAfterEnd(arrivalNs: Int64) {
    let played = play([(0, 10, 4), (0, 10, 9), (arrivalNs, 10, 2)], maxNumSeqs: 2)
    // A ends at 420. The step to 520 notices, whether C was refused before or not.
    #expect(played.requestsById[0].finishNs == 420)
    #expect(played.requestsById[2].scheduledNs == 520)
  }

  @Test("Outputs of prompts in the same step need room in full")
  func sameStep() {
    // A's prompt has its blocks. B's 14 tokens and A's output of 4 are less than 29 − 10, but not
    // less than 28 − 10.
    #expect(play([(0, 10, 4), (0, 10, 4)], poolBlocks: 29).runs[0].prefillSequences == 2)
    #expect(play([(0, 10, 4), (0, 10, 4)], poolBlocks: 28).runs[0].prefillSequences == 1)
  }

  @Test("An empty engine takes whatever fits the pool")
  func emptyEngine() {
    // Four blocks of four: 9 + 8 − 1 = 16 tokens fit exactly, which no estimate would allow.
    let played = play([(0, 9, 8), (0, 9, 8), (0, 9, 9)], blockSize: 4, poolBlocks: 4)
    #expect(played.requestsById.map(\.outcome) == [.finished, .finished, .rejected])
    #expect(played.requestsById[0].finishNs == 809 && played.requestsById[1].finishNs == 1618)
  }

  /// A and B decode together until no block is free: both had room when 0.7 of A was counted.
  ///
  /// A: prompt 0–104, a decode step to 204. Then 683 tokens are free; B needs 404 and
  /// ⌊0.69900 · 399⌋ = 278 are kept: 682 < 683. B's prompt 204–308. 679 are free; 339 decode steps
  /// take two each, and at 34208 one is left: B is retracted with 343 tokens, A decodes to 34308.
  /// It has produced 342 then, 59 are to come, and 343 tokens are free. C, there since 400, had no
  /// room until now: at most 127 tokens were left.
  private static let crowd: [(Int64, Int32, Int32)] = [(0, 4, 401), (150, 4, 400)]

  @Test("Short of blocks, the youngest is retracted to the end of the queue")
  func retraction() {
    // The ratio is (341 + 20)/401 now: ⌊0.90025 · 59⌋ = 53 are kept, and C's 289 are less than 290.
    let played = play(PrefillFirstTests.crowd + [(400, 280, 9)], poolBlocks: 688)
    // C's prompt 34308–34688, eight decode steps beside A to 35488, where A has 51 to come: 40588.
    // B's prompt and 340 tokens at once, 40588–41032: its 341st token; 59 more.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 104, finish: 40588),
        Times(start: 204, firstToken: 308, finish: 46932, preempted: [34208]),
        Times(start: 34308, firstToken: 34688, finish: 35488),
      ])
    #expect(played.summary.recomputedTokens == 344)
    #expect(played.summary.itl.maxNs == 41032 - 34208)
  }

  @Test("After a retraction more is kept for what decodes")
  func ratioAfterRetraction() {
    // One token more than C has above: 290 are not less than 290. Had the ratio gone on falling,
    // ⌊0.35786 · 59⌋ = 21 were kept and C had room. So A ends first, at 34308 + 5900.
    let played = play(PrefillFirstTests.crowd + [(400, 281, 9)], poolBlocks: 688)
    #expect(played.requestsById[0].finishNs == 40208)
    #expect(played.requestsById[2].scheduledNs == 40208)
    // B needs 404 and C's 9 in one step with it, of 407; alone it goes when C has ended.
    #expect(played.requestsById[2].finishNs == 40208 + 381 + 800)
    #expect(played.requestsById[1].finishNs == 41389 + 444 + 5900)
  }

  @Test("An engine that was empty begins anew, whatever happened before")
  func newStart() {
    let rows = PrefillFirstTests.crowd + [(400, 281, 9)]
    let later = rows.map { ($0.0 + 1_000_000, $0.1, $0.2) }
    let played = play(rows + later, poolBlocks: 688).requestsById
    for (first, second) in zip(played, played.dropFirst(rows.count)) {
      #expect(second.finishNs == first.finishNs + 1_000_000)
    }
    #expect(played.map(\.preemptions) == [0, 1, 0, 0, 1, 0])
  }

  @Test("The ratio falls by a 600th a step, from 0.7 to 0.098")
  func ratio() {
    let ratio = NewTokenRatio(step: 40)
    let shares = [40, 340, 640, 1_000_000].map { ratio.share(of: 999, step: $0) }
    // 999 times 0.7, 0.399, 0.098 and 0.098.
    #expect(shares == [699, 398, 97, 97])
  }

  @Test("After a retraction the ratio leaves room for twenty steps of those that stayed")
  func ratioOfThoseThatStayed() {
    var decodes = DecodeSet(blockSize: 16)
    decodes.join(cached: 4, outputTokens: 401, toCome: 60)
    // (341 + 20)/401 = 0.90025, from the end of the step that is planned on.
    #expect(NewTokenRatio(retracting: decodes).share(of: 1000, step: 1) == 900)
    #expect(NewTokenRatio(retracting: decodes).share(of: 1000, step: 11) == 890)
    decodes.advance(steps: 45)
    #expect(NewTokenRatio(retracting: decodes).share(of: 1000, step: 46) == 1000)
  }
}
