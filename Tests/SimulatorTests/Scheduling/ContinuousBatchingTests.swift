import Testing

@testable import Simulator

/// Small runs of vLLM V1's policy and of those that differ from it in a number or in the order.
@Suite("Continuous batching")
struct ContinuousBatchingTests {
  @Test("vllm: chunks beside decodes, seats, and the youngest preempted for blocks")
  func vllm() {
    let run = SmallRun(scheduler: .vllm, maxNumSeqs: 2, maxNumBatchedTokens: 8, poolBlocks: 6)
    let played = run.play([(0, 12, 6), (0, 4, 9), (50, 8, 2)])
    // 0–108: 8 of A, which owns 3 blocks. 108–216: 4 of A and B's 4: both first tokens; 4 blocks.
    // C has no seat. Decode steps end at 316, where both have begun a block, to 616: five tokens
    // each, A has 16 cached and B 8. Both need a block and none is free: B, the youngest, gives
    // back 2. A's sixth token at 716 is its last.
    // B has 9 tokens to compute, three blocks. 716–824: 8 of B. 824–932: the last of B, its sixth
    // token, and 7 of C. 932–1033: B's seventh, C's last prompt token. 1033–1133: B's eighth, C's
    // second. 1233: B's ninth.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 216, finish: 716),
        Times(start: 108, firstToken: 216, finish: 1233, preempted: [616]),
        Times(start: 824, firstToken: 1033, finish: 1133),
      ])
    #expect(played.runs.map(\.prefillTokens) == [8, 8, 0, 0, 8, 8, 1, 0, 0])
  }

  private static let crowd: [(Int64, Int32, Int32)] = [
    (0, 30, 3), (0, 40, 4), (0, 28, 2), (10, 5, 1),
  ]

  @Test("sarathi: as vllm, and an admission leaves a hundredth of the blocks free")
  func sarathi() {
    let run = SmallRun(
      scheduler: .sarathi, maxNumBatchedTokens: 20, blockSize: 1, poolBlocks: 100)
    // 0–120: 20 of A. 120–240: 10 of A, its first token, and 10 of B: 30 blocks are free.
    // 240–359: A's second token, 19 of B. 359–470: A's third and last, 11 of B, its first. Beside
    // them 28 blocks are free and C wants as many: one has to stay free. D waits behind C.
    // 470–589: B's second, 19 of C. 589–703: B's third, 9 of C, its first, and D's 5, its only one.
    // 703–803: B's fourth, C's second.
    #expect(
      run.play(ContinuousBatchingTests.crowd).times == [
        Times(start: 0, firstToken: 240, finish: 470),
        Times(start: 120, firstToken: 470, finish: 803),
        Times(start: 470, firstToken: 703, finish: 803),
        Times(start: 589, firstToken: 703, finish: 703),
      ])
  }

  @Test("sarathi: the youngest is preempted for blocks, and comes back in front of who came later")
  func sarathiPreempts() {
    let run = SmallRun(scheduler: .sarathi, blockSize: 1, poolBlocks: 100)
    // 0–195: A's 45 and B's 50, both first tokens; 95 blocks. 295, 395: third tokens, 99 blocks.
    // Each needs one more, and one is free: B gives back 52. Its 53 tokens and the block that has
    // to stay free are more than the 52 that A leaves; C, there since 300, waits behind it. A's
    // tenth token at 1095. 1095–1252: B's 53, its fourth token, and C's 4. B's tenth at 1852.
    #expect(
      run.play([(0, 45, 10), (0, 50, 10), (300, 4, 1)]).times == [
        Times(start: 0, firstToken: 195, finish: 1095),
        Times(start: 0, firstToken: 195, finish: 1852, preempted: [395]),
        Times(start: 1095, firstToken: 1252, finish: 1252),
      ])
  }

  @Test("With a watermark of its own, sarathi and vllm are the same policy")
  func watermark() {
    for watermark in [0, 0.01] {
      let played = [EngineOptions.Scheduler.sarathi, .vllm].map {
        SmallRun(
          scheduler: $0, maxNumBatchedTokens: 20, blockSize: 1, poolBlocks: 100,
          watermark: watermark
        ).play(ContinuousBatchingTests.crowd)
      }
      #expect(played[0].requests == played[1].requests)
      // Without one, C starts beside A's last token.
      #expect(played[0].times[2].start == (watermark == 0 ? 359 : 470))
    }
  }

  @Test("What only fits without the watermark starts when nothing else runs")
  func watermarkOfEmptyEngine() {
    let run = SmallRun(scheduler: .vllm, blockSize: 1, poolBlocks: 10, watermark: 0.5)
    // 10 tokens fit exactly. B's 6 would leave 4 blocks at the most, so it starts at 110.
    // C's one leaves 3 beside B's 6, which is too little: it starts at 216.
    #expect(
      run.play([(0, 10, 1), (0, 6, 1), (0, 1, 1)]).times == [
        Times(start: 0, firstToken: 110, finish: 110),
        Times(start: 110, firstToken: 216, finish: 216),
        Times(start: 216, firstToken: 317, finish: 317),
      ])
  }

  @Test("long_prefill_token_threshold: a long prompt leaves the step's other tokens to the next")
  func threshold() {
    let run = SmallRun(
      scheduler: .vllm, maxNumBatchedTokens: 20, longPrefillTokenThreshold: 8)
    // 0–116: 8 of A, 8 of B. 116–234: 8 of A, 2 of B, 8 of C. 234–340: 4 of A, 2 of C.
    let played = run.play([(0, 20, 1), (0, 10, 1), (50, 10, 1)])
    #expect(
      played.times == [
        Times(start: 0, firstToken: 340, finish: 340),
        Times(start: 0, firstToken: 234, finish: 234),
        Times(start: 116, firstToken: 340, finish: 340),
      ])
    #expect(played.runs.map(\.prefillTokens) == [16, 18, 6])
  }

  @Test("long_prefill_token_threshold: a request that is alone gets the whole step")
  func thresholdOfOne() {
    let run = SmallRun(
      scheduler: .vllm, maxNumBatchedTokens: 20, longPrefillTokenThreshold: 8)
    // 0–120: 20 of A, alone. 120–236: 8 of A, 8 of B, there since 50. 236–340: 2 of A, 2 of B.
    let played = run.play([(0, 30, 1), (50, 10, 1)])
    #expect(
      played.times == [
        Times(start: 0, firstToken: 340, finish: 340),
        Times(start: 120, firstToken: 340, finish: 340),
      ])
    #expect(played.runs.map(\.prefillTokens) == [20, 16, 4])
  }

  @Test("shortest-prompt-first: who waits goes by the prompt, whenever it came")
  func shortestPromptFirst() {
    let run = SmallRun(scheduler: .shortestPromptFirst, maxNumSeqs: 2, poolBlocks: 8)
    // 0–112: C's 4 and B's 8. 112–212: C's second and last token. D came at 150 and goes before A:
    // 212–318 its 6, and B's third token. 318–430: A's 12, and B's fourth. A's second to fourth
    // tokens at 530, 630, 730, B's ninth at 930.
    #expect(
      run.play([(0, 12, 4), (0, 8, 9), (0, 4, 2), (150, 6, 1)]).times == [
        Times(start: 318, firstToken: 430, finish: 730),
        Times(start: 0, firstToken: 112, finish: 930),
        Times(start: 0, firstToken: 112, finish: 212),
        Times(start: 212, firstToken: 318, finish: 318),
      ])
  }

  @Test("shortest-prompt-first: for blocks the longest prompt is preempted, and waits in its place")
  func longestYields() {
    let run = SmallRun(scheduler: .shortestPromptFirst, poolBlocks: 6)
    // 0–112: A's 12, three blocks. 212: its second token, in a fourth. 212–316: B's 4. At 516 A has
    // 5 tokens and 16 cached, B has 3 and 6 cached, all blocks are owned, and A needs one: A gives
    // back 4, though B is the youngest. 616: B's fourth.
    // C, there since 540, goes before A: 616–724, beside B's fifth. A needs 5 blocks for 17 tokens,
    // which are free when B has ended: B's sixth to ninth tokens, 824 to 1124.
    // 1124–1241: A's 17, its sixth token; its ninth at 1541.
    #expect(
      run.play([(0, 12, 9), (120, 4, 9), (540, 8, 1)]).times == [
        Times(start: 0, firstToken: 112, finish: 1541, preempted: [516]),
        Times(start: 212, firstToken: 316, finish: 1124),
        Times(start: 616, firstToken: 724, finish: 724),
      ])
  }
}
