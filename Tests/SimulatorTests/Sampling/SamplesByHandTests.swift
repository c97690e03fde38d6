import CostModel
import Testing

@testable import Simulator

/// Requests of several samples worked out by hand. A step takes 100 ns, plus 1 ns a prompt token; a
/// block has four tokens.
@Suite("Samples by hand")
struct SamplesByHandTests {
  private static let pricer = SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1)

  /// Two requests that come at 100: A wants two samples of 6 tokens, 4 each; B three of 5, 5 each.
  private static let two = Workload(
    arrivals: .superposed([
      Workload.Stream(
        name: "a", arrivals: .deterministic(requestsPerSecond: 1e7), requestClass: 0),
      Workload.Stream(
        name: "b", arrivals: .deterministic(requestsPerSecond: 1e7), requestClass: 1),
    ]),
    classes: [
      RequestClass(name: "a", promptTokens: .fixed(6), outputTokens: .fixed(4), samples: 2),
      RequestClass(name: "b", promptTokens: .fixed(5), outputTokens: .fixed(5), samples: 3),
    ], requests: 2)

  private static func record(
    _ id: Int64, first: Int64, finish: Int64, prompt: Int64, outputs: Int64, samples: Int64,
    preemptions: Int64 = 0
  ) -> RequestRecord {
    RequestRecord(
      id: id, arrivalNs: 100, scheduledNs: 100, firstTokenNs: first, finishNs: finish,
      promptTokens: prompt, cachedTokens: 0, outputTokens: samples * outputs,
      preemptions: preemptions, outcome: .finished, requestClass: id, samples: samples,
      lastSampleTokens: outputs)
  }

  private func play(poolBlocks: Int, caching: Bool) -> Played {
    let runs = [false, true].map { exact in
      Played(
        SamplesByHandTests.two, maxNumSeqs: 16, blockSize: 4, poolBlocks: poolBlocks,
        enablePrefixCaching: caching, exact: exact, checks: true,
        pricer: SamplesByHandTests.pricer)
    }
    #expect(runs[0].requests == runs[1].requests && runs[0].summary == runs[1].summary)
    return runs[1]
  }

  @Test("Siblings share whole blocks; all but one copy the last; each is preempted by itself")
  func preemption() {
    let played = play(poolBlocks: 7, caching: false)
    // 100–211: both prompts, two blocks each: one whole, and one of 2 tokens, or of 1.
    // 211: five samples write behind their prompts. One of A's and two of B's copy: all 7 blocks.
    // 411: A's have 8 tokens each and need two blocks; B's third and second sample yield theirs,
    // one each, and B's first stays with the block that all had and one of its own.
    // 511: A's fourth tokens, and it leaves. B's first needs a third block; the others compute
    // 5 + 3 tokens again, in two blocks each. 511–627: the last token of B's first.
    // 627: each of the two needs a third block, and ends at 727.
    #expect(
      played.requestsById == [
        SamplesByHandTests.record(
          0, first: 211, finish: 511, prompt: 6, outputs: 4, samples: 2),
        SamplesByHandTests.record(
          1, first: 211, finish: 727, prompt: 5, outputs: 5, samples: 3, preemptions: 2),
      ])
    #expect(played.runs.map(\.endNs) == [211, 311, 411, 511, 627, 727])
    #expect(played.runs.map(\.usedBlocks) == [4, 7, 7, 7, 7, 6])
    #expect(played.runs.map(\.decodeSequences) == [0, 5, 5, 3, 1, 2])
    // What is cached, and the token of each.
    #expect(played.runs.map(\.contextTokens) == [0, 32, 37, 26, 9, 18])
    #expect(played.runs.map(\.prefillTokens) == [11, 0, 0, 0, 16, 0])
    #expect(played.runs.map(\.preemptedRequests) == [0, 0, 0, 2, 0, 0])
    #expect(played.requestsById.map(\.tpotNs) == [100, 129])
    // The gap of B's second and third sample, 411 to 627; two streams of 3 gaps and three of 4.
    #expect(played.summary.itl.maxNs == 216 && played.summary.itl.count == 18)
    #expect(played.summary.sampling == SampleSummary(samples: 5, blocksCopied: 3))
    #expect(played.summary.preemptions == 2 && played.summary.recomputedTokens == 16)
    #expect(played.summary.outputTokens == 23 && played.summary.peakRunning == 5)
  }

  @Test("With the prefix cache, a preempted sample shares again what a sibling still holds")
  func sharingAgain() {
    let played = play(poolBlocks: 7, caching: true)
    // As before up to 511. Then the two hold the whole block with B's first: one block each, and
    // 4 of 8 tokens to compute. 511–619. Each needs a third block, and ends at 719; the shared one
    // has outlived B's first.
    #expect(played.requestsById.map(\.finishNs) == [511, 719])
    #expect(played.runs.map(\.usedBlocks) == [4, 7, 7, 7, 5, 5])
    #expect(played.runs.map(\.prefillTokens) == [11, 0, 0, 0, 8, 0])
    #expect(played.summary.sampling?.blocksCopied == 3 && played.summary.preemptions == 2)
  }

  @Test("A sample is preempted for the copies of others; all of them find what nobody has taken")
  func copiesShortOfBlocks() {
    let played = play(poolBlocks: 6, caching: true)
    // 211: three copies are needed and two blocks free: B's third sample yields, and with it a
    // copy.
    // 411: A needs two blocks. B's second gives back one, its first another and the shared one, in
    // which the prompt stays: A takes the other two.
    // 511: A has left. B's first takes the shared block back and one more; the others share it and
    // take one each. They compute 4, 4 and 2 tokens: 511–621.
    // 621: two of them need a block and end at 721. The third has 6 tokens then, and ends at 921.
    #expect(
      played.requestsById == [
        SamplesByHandTests.record(
          0, first: 211, finish: 511, prompt: 6, outputs: 4, samples: 2),
        SamplesByHandTests.record(
          1, first: 211, finish: 921, prompt: 5, outputs: 5, samples: 3, preemptions: 3),
      ])
    #expect(played.runs.map(\.endNs) == [211, 311, 411, 511, 621, 721, 821, 921])
    #expect(played.runs.map(\.usedBlocks) == [4, 6, 6, 5, 4, 6, 2, 3])
    #expect(played.runs.map(\.prefillTokens) == [11, 0, 0, 0, 10, 0, 0, 0])
    #expect(played.runs.map(\.preemptedRequests) == [0, 1, 0, 2, 0, 0, 0, 0])
    #expect(played.summary.sampling?.blocksCopied == 2)
    #expect(played.requestsById[1].tpotNs == 177)
    #expect(played.summary.itl.maxNs == 410)
  }

  private static func rows(
    _ rows: [(Int64, Int32, Int32)], samples: Int
  ) -> Workload {
    Workload(
      arrivals: .replay(trace(rows), timeScale: 1),
      classes: [RequestClass(promptTokens: .fromTrace, outputTokens: .fromTrace, samples: samples)],
      requests: rows.count)
  }

  @Test("A request waits for all its seats, and keeps them while its prompt is computed")
  func seats() {
    // Three seats: the second request would need four. With one token of budget each the first
    // prompt takes two steps, and the seat that is free all the time is nobody's.
    let played = Played(
      SamplesByHandTests.rows([(0, 6, 3), (0, 4, 2)], samples: 2), maxNumSeqs: 3,
      maxNumBatchedTokens: 3, blockSize: 4, checks: true, pricer: SamplesByHandTests.pricer)
    // 0–103–206, 206–306–406; then 406–509, 509–610, and a decode.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 206, finish: 406),
        Times(start: 406, firstToken: 610, finish: 710),
      ])
    #expect(played.summary.peakRunning == 2)
  }

  @Test("One token each: the request ends with its prompt, and no block is copied")
  func oneTokenEach() {
    let played = Played(
      SamplesByHandTests.rows([(0, 6, 1)], samples: 4), blockSize: 4, checks: true,
      pricer: SamplesByHandTests.pricer)
    #expect(played.requests.map(\.finishNs) == [106] && played.requests[0].tpotNs == nil)
    #expect(played.summary.outputTokens == 4 && played.summary.itl.count == 0)
    #expect(played.summary.sampling == SampleSummary(samples: 4, blocksCopied: 0))
  }

  @Test("The longest sample has to fit the pool alone; in a static batch all of them together")
  func rejection() {
    // A prompt of two blocks, and 4 more tokens for each of three samples: five blocks together.
    let workload = SamplesByHandTests.rows([(0, 8, 5)], samples: 3)
    for scheduler in EngineOptions.Scheduler.allCases {
      func play(_ poolBlocks: Int, seats: Int = 8) -> Played {
        Played(
          workload, maxNumSeqs: seats, blockSize: 4, poolBlocks: poolBlocks, scheduler: scheduler,
          watermark: 0, checks: true, pricer: SamplesByHandTests.pricer)
      }
      let together = scheduler == .staticBatching
      #expect(play(5).requests.map(\.outcome) == [.finished], "\(scheduler)")
      #expect(play(5).summary.preemptions == 0)
      #expect(play(4).requests.map(\.outcome) == [together ? .rejected : .finished])
      #expect(play(3).requests.map(\.outcome) == [together ? .rejected : .finished])
      #expect(play(2).requests.map(\.outcome) == [.rejected])
      #expect(play(5, seats: 2).requests.map(\.outcome) == [.rejected], "there are no such seats")
    }
  }

  @Test("A queue is full for who finds no seats, each request counted once")
  func queueLimit() {
    func rejected(_ samples: Int, limit: Int) -> [Bool] {
      Played(
        SamplesByHandTests.rows([(0, 4, 9), (0, 4, 9), (0, 4, 9)], samples: samples),
        maxNumSeqs: 4, blockSize: 4, maxQueuedRequests: limit, checks: true,
        pricer: SamplesByHandTests.pricer
      ).requestsById.map { $0.outcome == .rejected }
    }
    #expect(rejected(1, limit: 0) == [false, false, false])
    #expect(rejected(2, limit: 0) == [false, false, true])
    #expect(rejected(2, limit: 1) == [false, false, false])
    #expect(rejected(3, limit: 0) == [false, true, true])
    #expect(rejected(3, limit: 1) == [false, false, true])
  }
}
