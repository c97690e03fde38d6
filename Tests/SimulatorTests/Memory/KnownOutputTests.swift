import CostModel
import TestSupport
import Testing

@testable import Simulator

@Suite("Outputs that later prompts name")
struct KnownOutputTests {
  private let pricer = SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1)

  private func replay(
    _ trace: RequestTrace, outputTokens: Workload.Lengths = .fromTrace
  ) -> Workload {
    Workload(
      arrivals: .replay(trace, timeScale: 1), promptTokens: .fromTrace, outputTokens: outputTokens,
      requests: trace.count)
  }

  /// A prompt of 6 tokens, and a later turn of 16 that comes at a time of its own.
  private func twoTurns(output: Int32, secondNs: Int64) -> RequestTrace {
    RequestTrace(
      arrivalNs: [0, secondNs], promptTokens: [6, 16], outputTokens: [output, 2],
      promptBlocks: PromptBlocks(
        blockTokens: 4, ids: [0, 1, 0, 2, 3, 4], starts: [0, 2, 6], continuations: [1, -1]))
  }

  private func play(
    _ trace: RequestTrace, outputTokens: Workload.Lengths = .fromTrace, poolBlocks: Int = 64,
    caching: Bool = true
  ) -> Played {
    let runs = [false, true].map { exact in
      Played(
        replay(trace, outputTokens: outputTokens), blockSize: 4, poolBlocks: poolBlocks,
        enablePrefixCaching: caching, exact: exact, checks: true, pricer: pricer)
    }
    #expect(runs[0].requests == runs[1].requests && runs[0].summary == runs[1].summary)
    return runs[0]
  }

  // MARK: By hand

  @Test("A later turn finds its parent's output, but for the last token and what fills no block")
  func laterTurn() {
    // With 7 tokens of output 12 are in the cache: three blocks. 4 tokens are computed, in 104.
    let played = play(twoTurns(output: 7, secondNs: 1000))
    #expect(played.requestsById.map(\.cachedTokens) == [0, 12])
    #expect(played.requestsById.map(\.ttftNs) == [106, 104])
    // With 6 of them 11: the third block lacks one.
    let shorter = play(twoTurns(output: 6, secondNs: 1000))
    #expect(shorter.requestsById.map(\.cachedTokens) == [0, 8])
    #expect(shorter.requestsById.map(\.ttftNs) == [106, 108])
    let without = play(twoTurns(output: 7, secondNs: 1000), caching: false)
    #expect(without.requestsById.map(\.ttftNs) == [106, 116])
  }

  @Test(
    "Before its parent has ended it finds the prompt alone, and so where outputs are not played")
  func unknown() {
    // The parent has its last tokens at 606 and 706, when the steps begin that work on its child.
    for (secondNs, found) in [(550, 4), (650, 12)] as [(Int64, Int64)] {
      #expect(play(twoTurns(output: 7, secondNs: secondNs)).requestsById[1].cachedTokens == found)
    }
    let drawn = play(twoTurns(output: 7, secondNs: 1000), outputTokens: .fixed(7))
    #expect(drawn.requestsById.map(\.cachedTokens) == [0, 4])
  }

  @Test("What others have taken of it meanwhile is gone, from its end on")
  func evicted() {
    // 5 blocks. A request of 8 tokens takes the two that were free and its last token one more,
    // which is the last block of the output.
    let trace = RequestTrace(
      arrivalNs: [0, 1000, 2000], promptTokens: [6, 8, 16], outputTokens: [7, 2, 2],
      promptBlocks: PromptBlocks(
        blockTokens: 4, ids: [0, 1, 2, 3, 0, 4, 5, 6], starts: [0, 2, 4, 8],
        continuations: [2, -1, -1]))
    #expect(play(trace, poolBlocks: 5).requestsById.map(\.cachedTokens) == [0, 0, 8])
    #expect(play(trace, poolBlocks: 6).requestsById.map(\.cachedTokens) == [0, 0, 12])
  }

  @Test("A request that was preempted leaves what it has computed again, and what came behind it")
  func preempted() {
    // As two requests of 4 and 8 tokens in 4 blocks: B yields at 508 with 8 cached, A takes one of
    // its blocks. Each has 11 tokens when it ends.
    let named = RequestTrace(
      arrivalNs: [0, 0, 5000], promptTokens: [4, 4, 13], outputTokens: [8, 8, 1],
      promptBlocks: PromptBlocks(
        blockTokens: 4, ids: [0, 1, 1, 2, 3, 4], starts: [0, 1, 2, 6], continuations: [-1, 2, -1]))
    let played = play(named, poolBlocks: 4)
    #expect(played.requestsById.map(\.preemptions) == [0, 1, 0])
    // B computed again 5 tokens behind the block of its prompt.
    #expect(played.summary.recomputedTokens == 5)
    #expect(played.requestsById.map(\.cachedTokens) == [0, 0, 8])
  }

  // MARK: Laws

  @Test(
    "Where memory has no end and requests come one by one, hits are those of single tokens",
    arguments: [(4, 4), (4, 8), (8, 4), (6, 4), (1, 1), (16, 16)])
  func unlimited(_ blockTokens: Int, _ blockSize: Int) throws {
    var random = SeededRandom(UInt64(100 * blockTokens + blockSize))
    let conversations = Conversations(400, random: &random)
    func trace(_ knowsParents: Bool) -> RequestTrace {
      conversations.trace(
        blockTokens: blockTokens, arrivalNs: { Int64($0) * 1_000_000 }, knowsParents: knowsParents)
    }
    func play(_ trace: RequestTrace) -> [Int64] {
      Played(
        replay(trace), blockSize: blockSize, poolBlocks: 1 << 20, enablePrefixCaching: true,
        checks: true, pricer: pricer
      ).requestsById.map(\.cachedTokens)
    }
    let (known, unknown) = (trace(true), trace(false))
    let (found, foundWithout) = (play(known), play(unknown))
    let unit = SharedPrefixes(KnownPrompts(blocks: known.promptBlocks), blockSize: blockSize)
      .unitTokens
    // The naive cache: the tokens up to each end of a unit that was in it.
    var kept: Set<[Int32]> = []
    for (row, prompt) in conversations.prompts.enumerated() {
      var tokens = 0
      while tokens + unit < prompt.count, kept.contains(Array(prompt.prefix(tokens + unit))) {
        tokens += unit
      }
      #expect(Int(found[row]) == tokens, "request \(row)")
      #expect(found[row] >= foundWithout[row])
      let cached = prompt + conversations.outputs[row].dropLast()
      for end in stride(from: unit, through: cached.count, by: unit) {
        kept.insert(Array(cached.prefix(end)))
      }
    }
    #expect(found.reduce(0, +) > foundWithout.reduce(0, +) + 1000)
    // The blocks of a trace, the last of a prompt too.
    var (hits, blocks): (Int, Set<[Int32]>) = (0, [])
    for (prompt, output) in zip(conversations.prompts, conversations.outputs) {
      let ends = Array(
        stride(from: blockTokens, to: prompt.count + blockTokens, by: blockTokens))
      hits += ends.prefix { blocks.contains(Array(prompt.prefix($0))) }.count
      for end in ends { blocks.insert(Array(prompt.prefix(end))) }
      let cached = prompt + output.dropLast()
      for end in stride(from: blockTokens, through: cached.count, by: blockTokens) {
        blocks.insert(Array(cached.prefix(end)))
      }
    }
    #expect(try #require(known.unlimitedCacheHits()).hit == hits)
    let ofPrompts = try #require(known.promptBlocks).unlimitedCacheHits()
    #expect(try #require(unknown.unlimitedCacheHits()) == ofPrompts)
  }

  @Test(
    "Jumps and steps agree, sums agree with recounts, and all is given back",
    arguments: EngineOptions.Scheduler.allCases)
  func laws(scheduler: EngineOptions.Scheduler) {
    var (preemptions, swaps, found, foundWithout) = (0, 0, 0, 0)
    for number in 0..<(40 * testDepth) {
      var random = SeededRandom(UInt64(number))
      func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
      let blockSize = [1, 2, 5, 16][draw(0...3)]
      let blockTokens = [blockSize, 2 * blockSize, 3][draw(0...2)]
      let conversations = Conversations(draw(1...100), random: &random)
      let gapNs = Int64(draw(0...1500))
      let seats = draw(1...12)
      let drafts = number % 3 == 0 ? draw(1...3) : 0
      let (budget, pool) = (
        max(seats * (1 + drafts), draw(1...64), scheduler.keepsPromptsWhole ? 240 : 0),
        draw(200...600) / blockSize + 4
      )
      let host = scheduler.swaps && number % 2 == 0 ? draw(1...pool) : 0
      let prices = SyntheticPricer(
        perStepNs: 50, perPromptTokenNs: Int64(draw(0...3)), perContextTokenNs: Int64(draw(0...3)),
        spanSteps: draw(1...50))
      let known = conversations.trace(blockTokens: blockTokens, arrivalNs: { Int64($0) * gapNs })
      func play(
        _ trace: RequestTrace, exact: Bool = false, checks: Bool = false
      ) -> Played {
        Played(
          replay(trace), maxNumSeqs: seats, maxNumBatchedTokens: budget, blockSize: blockSize,
          poolBlocks: pool, enablePrefixCaching: true, scheduler: scheduler, exact: exact,
          checks: checks, hostMemory: hostMemory(blocks: host, blockNs: 5),
          speculation: drafts == 0
            ? nil : SpeculativeDecoding(draftTokens: drafts, acceptanceRate: 0.6),
          pricer: prices)
      }
      let (jumped, walked) = (play(known, checks: true), play(known, exact: true))
      #expect(jumped.requests == walked.requests, "world \(number)")
      #expect(jumped.summary == walked.summary, "world \(number)")
      #expect(jumped.events == walked.events, "world \(number)")
      #expect(jumped.summary.recomputedTokens >= 0)
      #expect(jumped.summary.blocksSwappedIn <= jumped.summary.blocksSwappedOut)
      for request in jumped.requests where request.outcome == .finished {
        #expect(request.cachedTokens < request.promptTokens, "one token is computed")
      }
      preemptions += jumped.summary.preemptions
      swaps += jumped.summary.swaps
      found += jumped.summary.cachedTokens
      foundWithout += play(known.withoutContinuations).summary.cachedTokens
    }
    #expect(found > foundWithout + 1000, "\(found), \(foundWithout)")
    // A batch has its room, and SGLang keeps room for most of the outputs to come.
    let preempts = scheduler != .staticBatching && scheduler != .sglang
    #expect(preemptions > 10 || !preempts, "\(preemptions)")
    #expect((swaps > 10) == scheduler.swaps, "\(swaps)")
  }

  @Test("In a cluster that hands prompts over or fails, sums agree and jumps change nothing")
  func clusters() {
    var transfers = 0
    for number in 0..<(40 * testDepth) {
      var random = SeededRandom(UInt64(number))
      let conversations = Conversations(60, random: &random)
      let trace = conversations.trace(blockTokens: 4, arrivalNs: { Int64($0) * 400 })
      func play(exact: Bool) -> Played {
        let base = FleetLawTests.World(
          number, number % 2 == 0 ? .handsOver : .all, exact: exact, checks: !exact)
        let members = base.cluster.members.map { member in
          Cluster.Member(
            configuration: EngineConfiguration(
              options: EngineOptions(
                maxNumSeqs: 8, maxNumBatchedTokens: 64, blockSize: 4, enablePrefixCaching: true,
                kvCacheMemory: .bytes(0)),
              poolBlocks: 80 + number, maxPositions: 1 << 20, usesExactSteps: exact,
              checksInvariants: !exact),
            pricer: member.pricer, role: member.role)
        }
        return Played(
          replay(trace), seed: base.seed,
          cluster: Cluster(
            members: members, routing: base.cluster.routing, transfer: base.cluster.transfer,
            outages: base.cluster.outages, scaling: base.cluster.scaling))
      }
      let (jumped, walked) = (play(exact: false), play(exact: true))
      #expect(jumped.requests == walked.requests && jumped.summary == walked.summary)
      transfers += jumped.summary.transfers?.transfers ?? 0
    }
    #expect(transfers > 200)
  }
}

extension RequestTrace {
  /// The same requests, of which nobody knows who continues whom.
  fileprivate var withoutContinuations: RequestTrace {
    RequestTrace(
      arrivalNs: arrivalNs, promptTokens: promptTokens, outputTokens: outputTokens,
      promptBlocks: promptBlocks.map {
        PromptBlocks(blockTokens: $0.blockTokens, ids: $0.ids, starts: $0.starts)
      }, urgencies: urgencies)
  }
}
