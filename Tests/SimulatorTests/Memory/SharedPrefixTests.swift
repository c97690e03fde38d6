import CostModel
import TestSupport
import Testing

@testable import Simulator

@Suite("Shared prefixes")
struct SharedPrefixTests {
  /// A forest of prompts in which each continues another one or begins anew, cut into blocks.
  static func prompts(
    _ count: Int, blockTokens: Int, random: inout SeededRandom
  ) -> (lengths: [Int32], blocks: PromptBlocks) {
    var (ids, starts, lengths): ([Int32], [Int], [Int32]) = ([], [0], [])
    var names: Int32 = 0
    for row in 0..<count {
      var blocks: [Int32] = []
      if row > 0, Int.random(in: 0..<4, using: &random) > 0 {
        let parent = Int.random(in: max(0, row - 12)..<row, using: &random)
        let whole = Int(lengths[parent]) / blockTokens
        blocks = Array(ids[starts[parent]...].prefix(Int.random(in: 0...whole, using: &random)))
      }
      let shared = blocks.count * blockTokens
      let tokens = shared + Int.random(in: 1...3 * blockTokens, using: &random)
      while blocks.count * blockTokens < tokens {
        blocks.append(names)
        names += 1
      }
      ids += blocks
      starts.append(ids.count)
      lengths.append(Int32(tokens))
    }
    return (lengths, PromptBlocks(blockTokens: blockTokens, ids: ids, starts: starts))
  }

  static func workload(
    _ prompts: (lengths: [Int32], blocks: PromptBlocks), gapNs: Int64, outputs: (Int) -> Int32
  ) -> Workload {
    let count = prompts.lengths.count
    let trace = RequestTrace(
      arrivalNs: (0..<count).map { Int64($0) * gapNs }, promptTokens: prompts.lengths,
      outputTokens: (0..<count).map(outputs), promptBlocks: prompts.blocks,
      urgencies: (0..<count).map {
        RequestUrgency(priority: $0 * 7 % 4, ttftObjectiveNs: Int64($0 * 5 % 11 * 400))
      })
    return Workload(
      arrivals: .replay(trace, timeScale: 1), promptTokens: .fromTrace, outputTokens: .fromTrace,
      requests: count)
  }

  private let pricer = SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1)

  @Test(
    "One by one, requests find what a queue of single blocks would still hold",
    arguments: [(4, 4, 12), (4, 4, 40), (8, 4, 40), (4, 8, 40), (6, 4, 60), (4, 4, 4000)])
  func agreesWithSingleBlocks(_ blockTokens: Int, _ blockSize: Int, _ poolBlocks: Int) {
    var random = SeededRandom(UInt64(poolBlocks))
    let prompts = Self.prompts(600, blockTokens: blockTokens, random: &random)
    let outputs = (0..<600).map { _ in Int32.random(in: 1...6, using: &random) }
    let played = Played(
      Self.workload(prompts, gapNs: 1_000_000) { outputs[$0] }, blockSize: blockSize,
      poolBlocks: poolBlocks, enablePrefixCaching: true, checks: true, pricer: pricer)
    // The naive cache: the names of free units, the longest free first, at so many blocks each.
    let shared = SharedPrefixes(
      KnownPrompts(blocks: prompts.blocks), blockSize: blockSize)
    var queue: [(name: Int, block: Int)] = (0..<poolBlocks).map { _ in (-1, 0) }
    var found = 0
    for (row, request) in played.requestsById.enumerated() where request.outcome == .finished {
      let tokens = Int(prompts.lengths[row])
      let names = shared.names(tokens / shared.unitTokens, ofPrompt: row)
      func held(_ name: Int) -> Bool {
        queue.count { $0.name == name } == shared.unitBlocks
      }
      let limit = min(names.count, (tokens - 1) / shared.unitTokens)
      let hits = names.prefix(limit).prefix(while: held).count
      #expect(Int(request.cachedTokens) == hits * shared.unitTokens, "request \(row)")
      found += hits
      queue.removeAll { block in names.prefix(hits).contains(block.name) }
      // What is computed anew takes the place of what nobody could find.
      queue = queue.map { names.contains($0.name) ? (-1, 0) : $0 }
      let cached = tokens + Int(request.outputTokens) - 1
      let all = (cached + blockSize - 1) / blockSize
      queue.removeFirst(all - hits * shared.unitBlocks)
      let own = all - names.count * shared.unitBlocks
      queue += (0..<own).map { _ in (-1, 0) }
      for name in names.reversed() {
        queue += (0..<shared.unitBlocks).reversed().map { (name, $0) }
      }
    }
    #expect(found > (poolBlocks > 12 ? 100 : 10))
  }

  @Test("Two that run share blocks: together they fit a pool that each would fill by itself")
  func sharedBlocks() {
    // 32 tokens of which 24 are the same: 8 blocks each, 10 together, and 3 for their outputs.
    let blocks = PromptBlocks(
      blockTokens: 8, ids: [0, 1, 2, 3, 0, 1, 2, 4], starts: [0, 4, 8])
    let workload = Self.workload((lengths: [32, 32], blocks: blocks), gapNs: 1) { _ in 5 }
    func play(_ caching: Bool) -> Played {
      Played(
        workload, blockSize: 4, poolBlocks: 12, enablePrefixCaching: caching, checks: true,
        pricer: pricer)
    }
    let shared = play(true)
    #expect(shared.summary.peakRunning == 2 && shared.summary.preemptions == 0)
    // The first step computes 32 tokens from 0 to 132. The second request finds 24 of its own and
    // computes 8 beside the first one's token: to 240.
    #expect(shared.requestsById.map(\.cachedTokens) == [0, 24])
    #expect(shared.requestsById.map(\.firstTokenNs) == [132, 240])
    #expect(shared.summary.peakUsedBlocks == 12)
    #expect(shared.summary.recomputedTokens == 0 && shared.summary.cachedTokens == 24)
    let apart = play(false)
    #expect(apart.summary.peakRunning == 1 && apart.summary.cachedTokens == 0)
  }

  @Test(
    "Jumps and steps agree, sums agree with recounts, and all is given back, where prompts share",
    arguments: EngineOptions.Scheduler.allCases)
  func laws(scheduler: EngineOptions.Scheduler) {
    var (preemptions, found) = (0, 0)
    for number in 0..<(150 * testDepth) {
      var random = SeededRandom(UInt64(number))
      func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
      let blockSize = [1, 2, 5, 16][draw(0...3)]
      let blockTokens = [blockSize, 2 * blockSize, 3][draw(0...2)]
      let prompts = Self.prompts(draw(1...100), blockTokens: blockTokens, random: &random)
      let outputs = (0..<prompts.lengths.count).map { _ in Int32(draw(1...40)) }
      let workload = Self.workload(prompts, gapNs: Int64(draw(0...400))) { outputs[$0] }
      let seats = draw(1...12)
      let (budget, pool) = (max(seats, draw(1...64)), draw(20...400) / blockSize + 4)
      let prices = SyntheticPricer(
        perStepNs: 50, perPromptTokenNs: Int64(draw(0...3)), perContextTokenNs: Int64(draw(0...3)),
        spanSteps: draw(1...50))
      func play(exact: Bool, checks: Bool) -> Played {
        Played(
          workload, maxNumSeqs: seats, maxNumBatchedTokens: budget, blockSize: blockSize,
          poolBlocks: pool, enablePrefixCaching: true, scheduler: scheduler, exact: exact,
          checks: checks, pricer: prices)
      }
      let (jumped, walked) = (play(exact: false, checks: true), play(exact: true, checks: false))
      #expect(jumped.requests == walked.requests, "world \(number)")
      #expect(jumped.summary == walked.summary, "world \(number)")
      #expect(jumped.events == walked.events, "world \(number)")
      #expect(jumped.summary.recomputedTokens >= 0)
      preemptions += jumped.summary.preemptions
      found += jumped.summary.cachedTokens
    }
    #expect(found > 1000, "\(found)")
    #expect(preemptions > 10 || scheduler == .staticBatching, "\(preemptions)")
  }
}
