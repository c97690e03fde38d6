import CostModel
import TestSupport
import Testing

@testable import Simulator

/// Decodes with drafted tokens, against laws and worked out by hand.
@Suite("Speculative decoding")
struct SpeculationTests {
  /// A step takes 100 ns, 1 ns a prompt token and 5 ns for each drafted token.
  private let pricer = SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1, perDraftNs: 5)

  private func play(
    _ rows: [(Int64, Int32, Int32)], draftTokens: Int, acceptanceRate: Double,
    poolBlocks: Int = 1 << 20
  ) -> Played {
    let runs = [false, true].map { exact in
      Played(
        replay(rows), maxNumSeqs: 8, blockSize: 4, poolBlocks: poolBlocks, exact: exact,
        checks: true,
        speculation: SpeculativeDecoding(
          draftTokens: draftTokens, acceptanceRate: acceptanceRate),
        pricer: pricer)
    }
    #expect(runs[0].requests == runs[1].requests && runs[0].summary == runs[1].summary)
    return runs[0]
  }

  // MARK: By hand

  @Test("A step gives what was accepted and one more, and has room for all that it verifies")
  func steps() {
    // Two of two are accepted. 0–108: both prompts and their first tokens. Until 228 (100 + 4 × 5)
    // each gets 3, until 348 A gets 3 and B the last one of its 5, until 458 (100 + 2 × 5) A too.
    let played = play([(0, 4, 8), (0, 4, 5)], draftTokens: 2, acceptanceRate: 1)
    let expected = [
      Times(start: 0, firstToken: 108, finish: 458), Times(start: 0, firstToken: 108, finish: 348),
    ]
    #expect(played.times == expected)
    #expect(played.runs.map(\.endNs) == [108, 228, 348, 458])
    #expect(played.runs.map(\.decodeSequences) == [0, 2, 2, 1])
    // Cached tokens, and three more of each sequence: 4, 7 and 10 before, in blocks of 4.
    #expect(played.runs.map(\.contextTokens) == [0, 14, 20, 13])
    #expect(played.runs.map(\.usedBlocks) == [2, 4, 6, 4])
    // One gap a step and sequence, whatever it brings.
    #expect(played.summary.itl.count == 5 && played.summary.itl.maxNs == 120)
    #expect(played.summary.itl.meanNs == (4 * 120 + 110) / 5)
    // (458 − 108) / 7 and (348 − 108) / 4.
    #expect(played.summary.tpot.maxNs == 60 && played.summary.tpot.p50Ns == 50)
    #expect(played.summary.drafting == DraftSummary(drafts: 5, acceptedTokens: 10))
    #expect(played.summary.drafting?.meanAcceptanceLength == 3)
  }

  @Test("Short of blocks for what is drafted, the youngest is preempted and computed again")
  func preemption() {
    // As above with 5 blocks: at 228 both would need 3. B goes, and A has 3 of them until 338 and 4
    // until 448. Then B's 4 tokens of prompt and 4 of output are computed: its fifth at 556.
    let played = play(
      [(0, 4, 8), (0, 4, 5)], draftTokens: 2, acceptanceRate: 1, poolBlocks: 5)
    let expected = [
      Times(start: 0, firstToken: 108, finish: 448),
      Times(start: 0, firstToken: 108, finish: 556, preempted: [228]),
    ]
    #expect(played.times == expected)
    #expect(played.runs.map(\.endNs) == [108, 228, 338, 448, 556])
    #expect(played.runs.map(\.usedBlocks) == [2, 4, 3, 4, 2])
    #expect(played.summary.recomputedTokens == 8 && played.summary.itl.maxNs == 556 - 228)
  }

  @Test("What is verified behind the last token needs room in the pool too")
  func room() {
    // 16 tokens: 9 of a prompt, 7 of an output's 6 and of two drafted. One output needs no draft.
    let played = play(
      [(0, 9, 6), (0, 9, 7), (0, 16, 1)], draftTokens: 2, acceptanceRate: 0.5, poolBlocks: 4)
    #expect(played.requestsById.map(\.outcome) == [.finished, .rejected, .finished])
  }

  // MARK: Laws

  @Test("Each of the accepted numbers comes as often as its law says, whatever the position")
  func acceptance() {
    let (draftTokens, rate, count) = (4, 0.7, 40_000)
    let speculation = SpeculativeDecoding(draftTokens: draftTokens, acceptanceRate: rate)
    let draws = RandomStream(seed: 3)
    var counts = Array(repeating: 0, count: draftTokens + 1)
    for number in 0..<count {
      let accepted = speculation.accepted(
        ofRequest: Int64(number % 200), from: 1 + number / 200 * 5, draws)
      for at in 0...accepted { counts[at] += 1 }
    }
    var power = 1.0
    for atLeast in 0...draftTokens {
      let deviation = (power * (1 - power) * Double(count)).squareRoot()
      #expect(abs(Double(counts[atLeast]) - power * Double(count)) <= 4 * deviation)
      power *= rate
    }
    #expect(abs(speculation.meanAcceptanceLength - (1 - 0.16807) / 0.3) < 1e-12)
  }

  @Test("Tokens a step and the speed-up are those of the published formulas", arguments: [1, 3, 5])
  func speedUp(draftTokens: Int) throws {
    // A drafted token takes c = 0.05 of a step: theorem 3.8 of Leviathan et al. says
    // (1 − αᵏ⁺¹) / ((1 − α)(kc + 1)).
    let (rate, outputs) = (0.8, Int32(40_001))
    let played = play([(0, 1, outputs)], draftTokens: draftTokens, acceptanceRate: rate)
    let plain = Played(replay([(0, 1, outputs)]), pricer: pricer)
    let mean = (0...draftTokens).reduce(0.0) { sum, power in
      sum + (0..<power).reduce(1.0) { product, _ in product * rate }
    }
    // The variance of a step's tokens: of a number of which j are there with probability αʲ.
    let squares = (1...draftTokens).reduce(0.0) { sum, j in
      sum + Double(2 * j - 1) * (0..<j).reduce(1.0) { product, _ in product * rate }
    }
    let variance = squares - (mean - 1) * (mean - 1)
    let drafting = try #require(played.summary.drafting)
    // 99.9 %.
    let margin = 3.29 * (variance / Double(drafting.drafts)).squareRoot()
    #expect(abs(try #require(drafting.meanAcceptanceLength) - mean) <= margin)
    #expect(margin < 0.07)
    let expected = mean / (1 + 0.05 * Double(draftTokens))
    let measured = Double(plain.summary.durationNs) / Double(played.summary.durationNs)
    #expect(abs(measured / expected - 1) <= (margin + 0.001) / mean)
  }

  @Test("Where all is accepted a step gives one more than is drafted, to the last")
  func allAccepted() {
    let played = play([(0, 3, 1 + 5 * 4)], draftTokens: 3, acceptanceRate: 1)
    #expect(played.runs.count == 1 + 5)
    #expect(played.summary.drafting == DraftSummary(drafts: 5, acceptedTokens: 15))
  }

  @Test(
    "Where nothing is accepted, and drafting takes no time, a run is one without it",
    arguments: EngineOptions.Scheduler.allCases)
  func noneAccepted(scheduler: EngineOptions.Scheduler) {
    for number in 0..<40 {
      var world = World(number, scheduler)
      world.poolBlocks = 1 << 20
      world.speculation = SpeculativeDecoding(draftTokens: 1 + number % 4, acceptanceRate: 0)
      world.pricer.perDraftNs = 0
      world.pricer.perContextTokenNs = 0
      let drafted = world.play()
      world.speculation = nil
      // Less is left of the budget beside drafted tokens; all prompts at once fit in either.
      let plain = world.play()
      #expect(drafted.requests == plain.requests, "world \(number)")
      #expect(drafted.summary.itl == plain.summary.itl)
      #expect(drafted.summary.steps == plain.summary.steps)
      #expect((drafted.summary.drafting?.acceptedTokens ?? 0) == 0)
    }
  }

  /// A random world in which tokens are drafted, in a pool that is often too small.
  struct World {
    var workload: Workload
    var seed: UInt64
    var maxNumSeqs: Int
    var maxNumBatchedTokens = 2048
    var blockSize: Int
    var poolBlocks: Int
    var caching: Bool
    var scheduler: EngineOptions.Scheduler
    var speculation: SpeculativeDecoding?
    var pricer: SyntheticPricer
    /// Of the host's memory; none where the scheduler does not swap.
    var hostBlocks: Int

    init(_ number: Int, _ scheduler: EngineOptions.Scheduler) {
      var random = SeededRandom(UInt64(number))
      func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
      workload = Workload(
        arrivals: number % 2 == 0
          ? .poisson(requestsPerSecond: Double(draw(20...4000)) * 1000)
          : .closedLoop(concurrency: draw(1...20)),
        promptTokens: .uniform(1...draw(1...40)), outputTokens: .uniform(1...draw(1...60)),
        requests: draw(1...120))
      seed = random.next()
      maxNumSeqs = draw(1...12)
      blockSize = [1, 2, 5, 16][draw(0...3)]
      caching = number % 4 < 2
      self.scheduler = scheduler
      let draftTokens = draw(1...6)
      poolBlocks = (100 + draftTokens) / blockSize + draw(2...40)
      speculation = SpeculativeDecoding(
        draftTokens: draftTokens, acceptanceRate: Double(draw(0...10)) / 10)
      pricer = SyntheticPricer(
        perStepNs: 50, perPromptTokenNs: 1, perDecodeNs: Int64(draw(0...2)),
        perDraftNs: Int64(draw(0...5)), perContextTokenNs: Int64(draw(0...3)))
      hostBlocks = scheduler.swaps && number % 2 == 0 ? draw(1...poolBlocks) : 0
      // Some are as urgent as others, and some objectives cannot be met.
      workload = World.withUrgencies(workload, seed: seed)
    }

    /// The same requests by a trace, which says how urgent each is; as it is where they come when
    /// others have finished.
    private static func withUrgencies(_ workload: Workload, seed: UInt64) -> Workload {
      guard !RequestSource(workload: workload, seed: seed).isClosedLoop else { return workload }
      var source = RequestSource(workload: workload, seed: seed)
      let rows = (0..<workload.requests).map { _ in
        let dueNs = source.nextDueNs(now: 0)
        let request = source.next()
        return (dueNs, Int32(request.promptTokens), Int32(request.outputTokens))
      }
      return replay(
        rows,
        urgencies: rows.indices.map {
          RequestUrgency(priority: $0 * 7 % 4, ttftObjectiveNs: Int64($0 * 5 % 11 * 400))
        })
    }

    func play(exact: Bool = false, checks: Bool = false, tokenTimes: Bool = false) -> Played {
      Played(
        workload, seed: seed, maxNumSeqs: maxNumSeqs, maxNumBatchedTokens: maxNumBatchedTokens,
        blockSize: blockSize, poolBlocks: poolBlocks, enablePrefixCaching: caching,
        scheduler: scheduler, exact: exact, checks: checks,
        tokenTimes: tokenTimes, hostMemory: hostMemory(blocks: hostBlocks, blockNs: 7),
        speculation: speculation,
        pricer: pricer)
    }
  }

  @Test(
    "Sums agree with a recount after every event, and nothing is left in the pool",
    arguments: EngineOptions.Scheduler.allCases)
  func invariants(scheduler: EngineOptions.Scheduler) {
    var (preemptions, swaps) = (0, 0)
    for number in 0..<(60 * testDepth) {
      let played = World(number, scheduler).play(checks: true)
      preemptions += played.summary.preemptions
      swaps += played.summary.swaps
    }
    // A batch has its room, and SGLang keeps room for most of the outputs to come.
    #expect(
      scheduler == .staticBatching
        ? preemptions == 0 : preemptions > (scheduler == .sglang ? 2 : 30), "\(preemptions)")
    #expect((swaps > 10) == scheduler.swaps, "\(swaps)")
  }

  @Test(
    "Tokens of prompts, decodes and drafts add up to what was asked for",
    arguments: EngineOptions.Scheduler.allCases)
  func conservation(scheduler: EngineOptions.Scheduler) {
    for number in 0..<(60 * testDepth) {
      let world = World(number, scheduler)
      let played = world.play()
      #expect(played.requests.allSatisfy { $0.outcome == .finished })
      let outputs = played.requests.reduce(Int64(0)) { $0 + $1.outputTokens }
      let verified = played.runs.reduce(Int64(0)) { $0 + $1.decodeSequences }
      #expect(played.runs.allSatisfy { $0.steps == 1 })
      #expect(Int64(played.summary.drafting?.drafts ?? 0) == verified)
      let accepted = Int64(played.summary.drafting?.acceptedTokens ?? 0)
      // A prompt's end gives a token, computed again or not; what is accepted behind the end of an
      // output is not produced.
      let ends = Int64(played.requests.count + played.summary.preemptions)
      #expect(verified + accepted + ends >= outputs)
      #expect(verified <= outputs - Int64(played.requests.count))
      // A gap for each verification, and each token of a prompt that was computed again.
      #expect(Int64(played.summary.itl.count) >= verified)
      #expect(Int64(played.summary.itl.count) <= verified + Int64(played.summary.preemptions))
      let producing = played.requests.reduce(0.0) { $0 + Double($1.finishNs - $1.firstTokenNs) }
      let gapSum = played.summary.itl.meanNs * Double(played.summary.itl.count)
      #expect(abs(gapSum - producing) <= 1e-9 * producing, "world \(number)")
      let world2 = world.play(exact: true)
      #expect(world2.requests == played.requests && world2.summary == played.summary)
    }
  }

  @Test("A request's tokens come in the same steps whatever runs beside it")
  func independentOfSchedule() {
    // What each verification gives depends on where it begins alone.
    let alone = Played(
      replay([(0, 8, 400)]), speculation: SpeculativeDecoding(draftTokens: 3, acceptanceRate: 0.6),
      pricer: pricer)
    let beside = Played(
      replay([(0, 8, 400)] + (0..<20).map { _ in (0, 30, 1) }),
      speculation: SpeculativeDecoding(draftTokens: 3, acceptanceRate: 0.6), pricer: pricer)
    #expect(alone.summary.drafting == beside.summary.drafting)
    let otherSeed = Played(
      replay([(0, 8, 400)]), seed: 2,
      speculation: SpeculativeDecoding(draftTokens: 3, acceptanceRate: 0.6), pricer: pricer)
    #expect(alone.summary.drafting != otherSeed.summary.drafting)
  }

  @Test("A replica alone and the common clock of a cluster give the same")
  func clusters() {
    let workload = Workload(
      arrivals: .poisson(requestsPerSecond: 2_000_000), promptTokens: .uniform(1...20),
      outputTokens: .uniform(1...40), requests: 200)
    let runs = [RoutingPolicy.roundRobin, .leastOutstanding].map { routing in
      Played(
        workload, maxNumSeqs: 8, replicas: 3, routing: routing, checks: true,
        speculation: SpeculativeDecoding(draftTokens: 2, acceptanceRate: 0.5), pricer: pricer)
    }
    // Which replica plays a request changes its times, not what is accepted of its drafts.
    #expect(runs[0].summary.drafting == runs[1].summary.drafting)
    #expect(runs[0].summary.finishedRequests == 200 && runs[1].summary.finishedRequests == 200)
  }
}
