import CostModel
import Operators
import TestSupport
import Testing

@testable import Simulator

@Suite("Swapping to the host's memory")
struct SwapTests {
  private let pricer = SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1)

  /// Two requests whose blocks do not fit together: see ``HandWorkedTests``.
  private func play(hostBlocks: Int, exact: Bool) -> Played {
    Played(
      replay([(0, 4, 8), (0, 4, 8)]), maxNumSeqs: 8, maxNumBatchedTokens: 64, blockSize: 4,
      poolBlocks: 4, exact: exact, checks: true,
      hostMemory: hostMemory(blocks: hostBlocks, blockNs: 10, latencyNs: 5), pricer: pricer)
  }

  @Test("The youngest goes to the host's memory and goes on where it stopped", arguments: [2, 9])
  func swap(hostBlocks: Int) {
    for exact in [false, true] {
      let played = play(hostBlocks: hostBlocks, exact: exact)
      // 0–108: both prompts. Steps end at 208, 308, 408, 508: 8 tokens cached each, 5 produced.
      // The step at 508 needs two blocks and none is free: B's 2 blocks are copied in 2 · 10 + 5.
      // A's sixth token at 508 + 25 + 100 = 633, its eighth at 833, with 11 tokens, three blocks.
      // B comes back with 8 tokens and one to write, three blocks: one is free until 833. Copied
      // back in 25, its sixth token at 958, its eighth at 1158.
      let (a, b) = (played.requestsById[0], played.requestsById[1])
      #expect(a.finishNs == 833 && a.preemptions == 0)
      #expect(b.firstTokenNs == 108 && b.finishNs == 1158 && b.preemptions == 1)
      let summary = played.summary
      #expect(summary.preemptions == 1 && summary.swaps == 1 && summary.recomputedTokens == 0)
      #expect(summary.blocksSwappedOut == 2 && summary.blocksSwappedIn == 2)
      #expect(summary.peakHostBlocks == 2)
      #expect(summary.cost.swapNs == 50 && summary.cost.derivedNs == 50)
      #expect(summary.cost.totalNs == summary.busyNs && summary.durationNs == 1158)
      // B's gap across the preemption, from 508 to 958; all others are of one step.
      #expect(summary.itl.count == 14 && summary.itl.maxNs == 450)
      let producing = 833 - 108 + 1158 - 108
      #expect(summary.itl.meanNs == Double(producing) / 14)
    }
  }

  @Test("Without room in the host's memory a request is computed again")
  func noRoom() {
    let played = play(hostBlocks: 1, exact: false)
    #expect(played.summary.preemptions == 1 && played.summary.swaps == 0)
    #expect(played.requests == play(hostBlocks: 0, exact: false).requests)
    #expect(played.requestsById[1].finishNs == 1117)
  }

  @Test("Who was swapped comes back before who waits")
  func order() {
    // As above, with a third request that would fit beside A from 533 on: it waits for B.
    let played = Played(
      replay([(0, 4, 8), (0, 4, 8), (510, 2, 1)]), maxNumSeqs: 8, maxNumBatchedTokens: 64,
      blockSize: 4, poolBlocks: 4, checks: true,
      hostMemory: hostMemory(blocks: 2, blockNs: 10, latencyNs: 5), pricer: pricer)
    #expect(played.requestsById[0].finishNs == 833)
    // With B's sixth token: 833 + 25 + 100 + 2.
    #expect(played.requestsById[2].scheduledNs == 833)
    #expect(played.requestsById[2].finishNs == 960)
    #expect(played.requestsById[1].finishNs == 1160)
    // Two rows while A decodes alone: C waits beside B.
    #expect(played.runs.map(\.waitingRequests).max() == 2)
  }

  @Test("A shared block that the pool has lost meanwhile is copied back")
  func lostPrefix() {
    // As in ``swap(hostBlocks:)``, with prompts of a block that a trace names. B leaves a block of
    // its own, which A takes at 508, and its prompt's, which A takes four steps later.
    let blocks = PromptBlocks(blockTokens: 4, ids: [0, 1], starts: [0, 1, 2])
    for (output, copied) in [(8, 1), (12, 2)] as [(Int32, Int)] {
      let workload = SharedPrefixTests.workload((lengths: [4, 4], blocks: blocks), gapNs: 0) {
        $0 == 0 ? output : 8
      }
      let played = Played(
        workload, maxNumSeqs: 8, maxNumBatchedTokens: 64, blockSize: 4, poolBlocks: 4,
        enablePrefixCaching: true, checks: true,
        hostMemory: hostMemory(blocks: 2, blockNs: 10, latencyNs: 5), pricer: pricer)
      #expect(played.summary.blocksSwappedOut == 2)
      #expect(played.summary.blocksSwappedIn == copied, "A's output \(output)")
    }
  }

  @Test("A prompt under way goes on where it stopped")
  func prompt() {
    // Blocks of 4 tokens, 5 blocks, 2 tokens a step. A: 4 + 12 tokens, two blocks from its second
    // token on; B: a prompt of 12, three blocks, one token of it a step beside A's token.
    let played = Played(
      replay([(0, 4, 13), (50, 12, 1)]), maxNumSeqs: 2, maxNumBatchedTokens: 2, blockSize: 4,
      poolBlocks: 5, checks: true, hostMemory: hostMemory(blocks: 5, blockNs: 10), pricer: pricer)
    // A's prompt: 0–102, 102–204. From 204 on each step has a token of A and one of B's prompt and
    // takes 101. A's blocks: the second at the step from 204, the third at the one that begins when
    // 8 are cached, four steps later, at 608: B, with 4 tokens in one block, is swapped in 10.
    // 608–718: A alone, then 7 more steps to its 13th token (9 cached at 718): at 1418.
    let (a, b) = (played.requestsById[0], played.requestsById[1])
    #expect(a.firstTokenNs == 204 && a.finishNs == 1418)
    // B comes back in 10 with 8 tokens to go, two a step: 1418 + 10 + 4 · 102.
    #expect(b.scheduledNs == 204 && b.preemptions == 1)
    #expect(b.firstTokenNs == 1836 && b.finishNs == 1836)
    #expect(played.summary.swaps == 1 && played.summary.recomputedTokens == 0)
    #expect(played.summary.blocksSwappedOut == 1 && played.summary.blocksSwappedIn == 1)
  }

  @Test("Copies take their bytes over the bandwidth, rounded up, in each direction by itself")
  func times() {
    let memory = HostMemory(
      SwapSpace(bytes: 100, link: CopyLink(bytesPerSecond: 3_000_000_000, latencyNs: 7)),
      blockBytes: 10)
    func ns(_ out: Int, _ back: Int) -> Int64 {
      memory.ns(of: BlockCopies(requestsOut: 0, blocksOut: out, blocksIn: back))
    }
    #expect(memory.blocks == 10)
    // 10 bytes take 3.33 ns, 30 take 10.
    #expect([ns(0, 0), ns(1, 0), ns(0, 3), ns(1, 3)] == [0, 11, 17, 28])
    // An EiB at a byte a second is beyond all clocks.
    let slow = HostMemory(
      SwapSpace(bytes: 1 << 60, link: CopyLink(bytesPerSecond: 1, latencyNs: 0)),
      blockBytes: 1 << 30)
    let most = BlockCopies(requestsOut: 1, blocksOut: slow.blocks, blocksIn: slow.blocks)
    #expect(slow.ns(of: most) == simulationHorizonNs)
    let one = BlockCopies(requestsOut: 1, blocksOut: 1, blocksIn: 0)
    #expect(slow.ns(of: one) == 1_073_741_824_000_000_000)
    let ten = BlockCopies(requestsOut: 1, blocksOut: 10, blocksIn: 0)
    #expect(slow.ns(of: ten) == simulationHorizonNs)
  }

  @Test("A four-bit cache has 3.76 times the blocks in the same host memory")
  func blocksByFormat() {
    let model = ModelArchitecture(
      name: "m", hiddenSize: 1024, intermediateSize: 3072, layers: 28,
      heads: HeadGeometry(queryHeads: 16, kvHeads: 8, headDim: 128), vocabSize: 151_936,
      maxPositions: 40_960, tiesEmbeddings: true)
    let device = Device(
      name: "d", kind: "cpu", kernelPath: "scalar", threads: 1, memoryBytes: 16 << 30,
      lastLevelCacheBytes: 0)
    let options = EngineOptions(
      maxNumSeqs: 64, maxNumBatchedTokens: 512, blockSize: 16, enablePrefixCaching: true,
      kvCacheMemory: .utilization(0.5),
      swapSpace: SwapSpace(bytes: 1 << 30, link: CopyLink(bytesPerSecond: 1, latencyNs: 0)))
    let memories = KVFormat.named.map {
      PoolPlan(model: model, device: device, format: $0, options: options).hostMemory
    }
    // 512 bytes a token and head, and 136.
    #expect(memories.map(\.blockBytes) == [1_835_008, 487_424, 487_424])
    #expect(memories.map(\.blocks) == [585, 2202, 2202])
  }
}

/// What holds of every run that swaps.
@Suite("Laws of swapping")
struct SwapLawTests {
  @Test("A space of less than a block changes nothing, to the last bit")
  func lessThanABlock() {
    for number in 0..<(100 * testDepth) {
      var world = EngineLawTests.World(number, .vllm)
      world.hostBlocks = 0
      (world.watermark, world.maxQueuedRequests) = (nil, nil)
      world.longPrefillTokenThreshold = 0
      let apart = world.play(exact: false)
      let memory = HostMemory(
        SwapSpace(bytes: 99, link: CopyLink(bytesPerSecond: 1, latencyNs: 1_000_000)),
        blockBytes: 100)
      let played = Played(
        world.workload, seed: world.seed, maxNumSeqs: world.maxNumSeqs,
        maxNumBatchedTokens: world.maxNumBatchedTokens, blockSize: world.blockSize,
        poolBlocks: world.poolBlocks, enablePrefixCaching: world.enablePrefixCaching,
        hostMemory: memory, pricer: world.pricer)
      #expect(played.requests == apart.requests && played.runs == apart.runs)
    }
  }

  @Test("With room for all nothing is computed twice, and every block comes back")
  func nothingComputedTwice() {
    var swaps = 0
    for number in 0..<(200 * testDepth) {
      var world = EngineLawTests.World(number, .vllm)
      world.hostBlocks = world.poolBlocks * 200
      world.hostBlockNs = 1 + number % 60
      let played = world.play(exact: false, checks: true)
      let summary = played.summary
      #expect(summary.recomputedTokens == 0 && summary.swaps <= summary.preemptions)
      #expect(summary.blocksSwappedIn == summary.blocksSwappedOut)
      let copied = summary.blocksSwappedIn + summary.blocksSwappedOut
      #expect(summary.cost.swapNs == Int64(copied * world.hostBlockNs))
      swaps += summary.swaps
    }
    #expect(swaps > 500)
  }

  @Test("Shared prefixes that are still in the pool are not copied back; jumps and steps agree")
  func sharedPrefixes() {
    var (swaps, spared) = (0, 0)
    for number in 0..<(100 * testDepth) {
      var random = SeededRandom(UInt64(number))
      func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
      let blockSize = [1, 2, 5, 16][draw(0...3)]
      let prompts = SharedPrefixTests.prompts(
        draw(2...100), blockTokens: blockSize * draw(1...2), random: &random)
      let outputs = (0..<prompts.lengths.count).map { _ in Int32(draw(1...40)) }
      let workload = SharedPrefixTests.workload(prompts, gapNs: Int64(draw(0...300))) {
        outputs[$0]
      }
      let seats = draw(2...12)
      let (budget, pool) = (max(seats, draw(1...64)), draw(20...300) / blockSize + 4)
      let memory = hostMemory(blocks: draw(1...2 * pool), blockNs: draw(1...50))
      func play(exact: Bool, checks: Bool) -> Played {
        Played(
          workload, maxNumSeqs: seats, maxNumBatchedTokens: budget, blockSize: blockSize,
          poolBlocks: pool, enablePrefixCaching: true, exact: exact, checks: checks,
          hostMemory: memory,
          pricer: SyntheticPricer(perStepNs: 50, perPromptTokenNs: 1, perContextTokenNs: 1))
      }
      let (jumped, walked) = (play(exact: false, checks: true), play(exact: true, checks: false))
      #expect(jumped.requests == walked.requests, "world \(number)")
      #expect(jumped.summary == walked.summary, "world \(number)")
      #expect(jumped.events == walked.events, "world \(number)")
      #expect(jumped.summary.blocksSwappedIn <= jumped.summary.blocksSwappedOut)
      swaps += jumped.summary.swaps
      spared += jumped.summary.blocksSwappedOut - jumped.summary.blocksSwappedIn
    }
    #expect(swaps > 100 && spared > 100, "\(swaps), \(spared)")
  }
}
