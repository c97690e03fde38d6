import CostModel
import TestSupport
import Testing

@testable import Simulator

/// What drafted tokens change in each way to choose a step: where tokens, blocks or seats lack.
@Suite("Scheduling of drafted tokens")
struct DraftedSchedulingTests {
  /// Two tokens are drafted and accepted. A step takes 100 ns, 1 ns a prompt token and 5 ns for
  /// each drafted token.
  private func play(
    _ rows: [(Int64, Int32, Int32)], priorities: [Int] = [], scheduler: EngineOptions.Scheduler,
    maxNumSeqs: Int = 8, maxNumBatchedTokens: Int = 64, poolBlocks: Int = 1 << 20,
    host: HostMemory = .none
  ) -> Played {
    let runs = [false, true].map { exact in
      Played(
        replay(
          rows,
          urgencies: priorities.isEmpty ? nil : priorities.map { RequestUrgency(priority: $0) }),
        maxNumSeqs: maxNumSeqs, maxNumBatchedTokens: maxNumBatchedTokens, blockSize: 4,
        poolBlocks: poolBlocks, scheduler: scheduler, exact: exact, checks: true, hostMemory: host,
        speculation: SpeculativeDecoding(draftTokens: 2, acceptanceRate: 1),
        pricer: SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1, perDraftNs: 5))
    }
    #expect(runs[0].requests == runs[1].requests && runs[0].summary == runs[1].summary)
    return runs[0]
  }

  @Test("A swapped request comes back with room for its drafts and decodes in the same step")
  func swap() {
    let played = play(
      [(0, 4, 8), (0, 4, 5)], scheduler: .vllm, poolBlocks: 5,
      host: hostMemory(blocks: 2, blockNs: 10, latencyNs: 5))
    // 0–108: both prompts. Until 228 each gets 3 and has 7 cached in 2 blocks. Then each would need
    // a third, and one is free: B's 2 are copied in 2 · 10 + 5. A has 3 more at 228 + 25 + 110 =
    // 363, and its eighth at 473, with four blocks: B would need three for 7 and 3 tokens. Copied
    // back in 25, it has its last one at 473 + 25 + 110.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 108, finish: 473),
        Times(start: 0, firstToken: 108, finish: 608, preempted: [228]),
      ])
    #expect(played.runs.map(\.usedBlocks) == [2, 4, 3, 4, 3])
    #expect(played.runs.map(\.contextTokens) == [0, 14, 10, 13, 10])
    let summary = played.summary
    #expect(summary.swaps == 1 && summary.recomputedTokens == 0)
    #expect(summary.blocksSwappedOut == 2 && summary.blocksSwappedIn == 2)
    #expect(summary.itl.maxNs == 608 - 228)
    #expect(summary.drafting == DraftSummary(drafts: 5, acceptedTokens: 10))
  }

  @Test("A batch has room for its outputs and what is drafted behind them", arguments: [5, 6])
  func staticBatching(poolBlocks: Int) {
    // 8 tokens and two drafts: three blocks each, though two hold all that it writes.
    let played = play([(0, 4, 5), (0, 4, 5)], scheduler: .staticBatching, poolBlocks: poolBlocks)
    let expected =
      poolBlocks == 6
      ? [
        Times(start: 0, firstToken: 108, finish: 348),
        Times(start: 0, firstToken: 108, finish: 348),
      ]
      : [
        Times(start: 0, firstToken: 104, finish: 324),
        Times(start: 324, firstToken: 428, finish: 648),
      ]
    #expect(played.times == expected)
  }

  @Test("One token needs no room for drafts in a batch")
  func staticBatchingOfSingleTokens() {
    let played = play([(0, 8, 1), (0, 8, 1)], scheduler: .staticBatching, poolBlocks: 4)
    #expect(played.times.map(\.finish) == [116, 116])
  }

  @Test("An urgent request gets a seat whose drafts take all of a step's tokens")
  func priority() {
    let played = play(
      [(0, 3, 8), (150, 3, 1)], priorities: [1, 0], scheduler: .priority, maxNumSeqs: 1,
      maxNumBatchedTokens: 3)
    // A: 0–103, and 3 tokens until 213. B: 213–316. A's 3 + 4 tokens: 419, 522, 623, which gives
    // the fifth; and three more until 733.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 103, finish: 733, preempted: [213]),
        Times(start: 213, firstToken: 316, finish: 316),
      ])
  }

  @Test("As few are evicted as it takes beside the drafts of those that stay")
  func priorityForBlocks() {
    // 7 blocks. At 112 A, B and C have 4 cached each and need a second block for 7 tokens: with
    // those of the step 6. D, of 8 tokens and two blocks, has room when C has gone: 4 and 2.
    let played = play(
      [(0, 4, 5), (0, 4, 5), (0, 4, 5), (50, 8, 1)], priorities: [0, 0, 3, 1],
      scheduler: .priority, poolBlocks: 7)
    #expect(played.requestsById.map(\.preemptions) == [0, 0, 1, 0])
    // Until 112 + 120 + 8 with D's prompt.
    #expect(played.requestsById[3].scheduledNs == 112 && played.requestsById[3].finishNs == 240)
  }

  @Test("Prompts stop the decodes, which go on with their drafts", arguments: [true, false])
  func promptsFirst(isWhole: Bool) {
    let played = play([(0, 4, 8), (150, 4, 2)], scheduler: isWhole ? .vllmV0 : .sglang)
    // A: 104, then 4 tokens at 214. B's prompt: until 318. Then both decode: A's 7 at 438 and B's
    // second, and A's eighth at 548.
    #expect(
      played.times == [
        Times(start: 0, firstToken: 104, finish: 548),
        Times(start: 214, firstToken: 318, finish: 438),
      ])
    #expect(played.runs.map(\.decodeSequences) == [0, 1, 0, 2, 1])
    // A's gap over B's prompt, and gaps of one step each.
    #expect(played.summary.itl.maxNs == 438 - 214 && played.summary.itl.count == 4)
  }

  @Test(
    "The most urgent of all is never preempted",
    arguments: [.priority, .edf] as [EngineOptions.Scheduler])
  func mostUrgent(scheduler: EngineOptions.Scheduler) {
    var preemptions = 0
    for number in stride(from: 0, to: 200 * testDepth, by: 2) {
      let world = SpeculationTests.World(number, scheduler)
      guard case .replay(let trace, _) = world.workload.arrivals, let urgencies = trace.urgencies
      else { continue }
      let keys = trace.arrivalNs.indices.map { index in
        scheduler == .priority
          ? Int64(urgencies[index].priority)
          : trace.arrivalNs[index] + (urgencies[index].ttftObjectiveNs ?? 0)
      }
      let urgent = keys.firstIndex(of: keys.min()!)!
      let played = world.play()
      #expect(played.requestsById[urgent].preemptions == 0, "world \(number)")
      preemptions += played.summary.preemptions
    }
    #expect(preemptions > 50)
  }

  @Test(
    "Steps have tokens for all drafts, whoever comes and comes back",
    arguments: EngineOptions.Scheduler.allCases.filter { $0 != .vllmV0 })
  func budget(scheduler: EngineOptions.Scheduler) throws {
    var (swaps, full) = (0, 0)
    for number in 0..<(80 * testDepth) {
      var world = SpeculationTests.World(number, scheduler)
      let tokens = 1 + (try #require(world.speculation).draftTokens)
      world.maxNumBatchedTokens = world.maxNumSeqs * tokens
      let (played, walked) = (world.play(checks: true), world.play(exact: true))
      #expect(played.requests == walked.requests && played.summary == walked.summary)
      for run in played.runs {
        let batched = run.decodeSequences * Int64(tokens) + run.prefillTokens
        #expect(batched <= Int64(world.maxNumBatchedTokens), "world \(number)")
        if batched == Int64(world.maxNumBatchedTokens) { full += 1 }
      }
      swaps += played.summary.swaps
    }
    #expect(full > 50 && (swaps > 10) == scheduler.swaps, "\(full), \(swaps)")
  }
}
