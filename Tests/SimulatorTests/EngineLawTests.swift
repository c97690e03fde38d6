import CostModel
import TestSupport
import Testing

@testable import Simulator

/// What holds of every run, over random worlds.
@Suite("Laws of a run")
struct EngineLawTests {
  private static let schedulers = EngineOptions.Scheduler.allCases

  /// A random world: workload, limits, pool and prices.
  struct World {
    var workload: Workload
    var seed: UInt64
    var maxNumSeqs: Int
    var maxNumBatchedTokens: Int
    var blockSize: Int
    var poolBlocks: Int
    var enablePrefixCaching: Bool
    var scheduler: EngineOptions.Scheduler
    var longPrefillTokenThreshold: Int
    var watermark: Double?
    var maxQueuedRequests: Int?
    var pricer: SyntheticPricer
    /// Of the host's memory, and what each takes.
    var hostBlocks = 0
    var hostBlockNs = 1

    init(_ number: Int, _ scheduler: EngineOptions.Scheduler) {
      self.scheduler = scheduler
      var random = SeededRandom(UInt64(number))
      func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
      let requests = draw(1...120)
      let prompts = draw(1...40)
      let outputs = draw(1...60)
      let arrivals: Workload.Arrivals
      switch number % 3 {
      case 0: arrivals = .poisson(requestsPerSecond: Double(draw(20...4000)) * 1000)
      case 1:
        // A step takes 50 ns or more: pauses of none, of a few steps, and drawn ones.
        let pauses: [Workload.ThinkTime] = [
          .none, .fixed(ns: 150), .none, .exponential(meanNs: 200),
        ]
        arrivals = .closedLoop(concurrency: draw(1...20), thinkTime: pauses[number / 3 % 4])
      default:
        var now: Int64 = 0
        let rows = (0..<requests).map { _ in
          // Ties and step boundaries on purpose: gaps are often 0 or a multiple of 50.
          now += Int64(draw(0...3)) * 50
          return (now, Int32(draw(1...40)), Int32(draw(1...60)))
        }
        // Some are as urgent as others, some want nothing, and some objectives cannot be met.
        let urgencies = rows.map { _ in
          RequestUrgency(
            priority: draw(-1...2), ttftObjectiveNs: draw(0...3) == 0 ? nil : Int64(draw(0...5000)))
        }
        arrivals = .replay(trace(rows, urgencies: urgencies), timeScale: 1)
      }
      let isReplay = number % 3 == 2
      workload = Workload(
        arrivals: arrivals,
        promptTokens: isReplay ? .fromTrace : .uniform(1...prompts),
        outputTokens: isReplay ? .fromTrace : .uniform(1...outputs), requests: requests)
      seed = random.next()
      maxNumSeqs = draw(1...12)
      maxNumBatchedTokens = max(maxNumSeqs, draw(1...64))
      blockSize = [1, 2, 5, 16][draw(0...3)]
      poolBlocks = draw(8...200) / blockSize + draw(1...8)
      pricer = SyntheticPricer(
        perStepNs: 50, perPromptTokenNs: Int64(draw(0...3)), perDecodeNs: Int64(draw(0...2)),
        perContextTokenNs: Int64(draw(0...3)), spanSteps: draw(1...50))
      enablePrefixCaching = number % 4 < 2
      // Half the worlds have steps as long as real ones, whose gaps fill several buckets of the
      // histogram; the others meet arrivals at step boundaries often.
      if number % 2 == 1 {
        pricer.perStepNs = Int64(draw(1_000_000...50_000_000))
        pricer.perContextTokenNs = Int64(draw(0...60_000))
      }
      if number % 5 < 2 {
        // A task takes up to a step.
        let longest = Int(pricer.perStepNs)
        workload = workload.with(
          Workload.Client(
            prepareNs: Int64(draw(0...longest)), sendNs: Int64(draw(0...longest))))
      }
      pricer.perUnevenTokenNs = Int64(draw(0...2)) * (number % 2 == 1 ? 10_000 : 1)
      longPrefillTokenThreshold = scheduler.mixesChunks ? [0, 0, draw(1...20)][draw(0...2)] : 0
      watermark = [nil, nil, 0.1, 0.5][draw(0...3)]
      maxQueuedRequests = draw(0...7) == 0 ? draw(0...10) : nil
      if scheduler.swaps, number % 7 < 4 {
        hostBlocks = draw(1...poolBlocks)
        hostBlockNs = draw(1...Int(pricer.perStepNs))
      }
    }

    func play(exact: Bool, checks: Bool = false, tokenTimes: Bool = false) -> Played {
      Played(
        workload, seed: seed, maxNumSeqs: maxNumSeqs, maxNumBatchedTokens: maxNumBatchedTokens,
        blockSize: blockSize, poolBlocks: poolBlocks, enablePrefixCaching: enablePrefixCaching,
        scheduler: scheduler, longPrefillTokenThreshold: longPrefillTokenThreshold,
        watermark: watermark, maxQueuedRequests: maxQueuedRequests, exact: exact, checks: checks,
        tokenTimes: tokenTimes, hostMemory: hostMemory(blocks: hostBlocks, blockNs: hostBlockNs),
        pricer: pricer)
    }
  }

  @Test(
    "Jumping over decode steps and walking them give the same requests, to the nanosecond",
    arguments: schedulers)
  func jumpsEqualSteps(scheduler: EngineOptions.Scheduler) {
    var (preemptions, swaps, jumps, rejections) = (0, 0, 0, 0)
    for number in 0..<(200 * testDepth) {
      let world = World(number, scheduler)
      let jumped = world.play(exact: false)
      let walked = world.play(exact: true)
      #expect(jumped.requests == walked.requests, "world \(number)")
      #expect(jumped.summary == walked.summary, "world \(number)")
      #expect(jumped.events == walked.events, "world \(number)")
      #expect(walked.runs.allSatisfy { $0.steps == 1 })
      preemptions += jumped.summary.preemptions
      swaps += jumped.summary.swaps
      rejections += jumped.summary.rejectedRequests
      jumps += walked.runs.count - jumped.runs.count
    }
    // The worlds are worth their name: all of it happens, but for a batch that has its room.
    #expect(scheduler == .staticBatching ? preemptions == 0 : preemptions > 50)
    #expect(jumps > 400 && rejections > 10)
    #expect(!scheduler.swaps || swaps > 50 && preemptions - swaps > 50)
  }

  @Test("Sums agree with a recount after every event", arguments: schedulers)
  func invariants(scheduler: EngineOptions.Scheduler) {
    for number in 0..<(60 * testDepth) {
      _ = World(number, scheduler).play(exact: number % 2 == 0, checks: true)
    }
  }

  @Test(
    "Little's law is exact: the sum of sojourns is the integral of the number in system",
    arguments: schedulers)
  func littlesLaw(scheduler: EngineOptions.Scheduler) {
    for number in 0..<(60 * testDepth) {
      let played = World(number, scheduler).play(exact: false)
      let sojourns = played.requests.reduce(Int64(0)) { $0 + $1.finishNs - $1.arrivalNs }
      var changes = played.requests.flatMap { [($0.arrivalNs, 1), ($0.finishNs, -1)] }
      changes.sort { $0.0 < $1.0 }
      var (integral, present, last) = (Int64(0), Int64(0), Int64(0))
      for (time, change) in changes {
        integral += present * (time - last)
        present += Int64(change)
        last = time
      }
      #expect(present == 0 && integral == sojourns, "world \(number)")
    }
  }

  @Test(
    "Every request leaves once, its times in order, and tokens computed add up",
    arguments: schedulers)
  func conservation(scheduler: EngineOptions.Scheduler) {
    for number in 0..<(60 * testDepth) {
      let world = World(number, scheduler)
      let played = world.play(exact: false)
      #expect(played.requests.map(\.id).sorted() == Array(0..<Int64(world.workload.requests)))
      for request in played.requests where request.outcome == .finished {
        #expect(request.arrivalNs <= request.scheduledNs)
        #expect(request.scheduledNs < request.firstTokenNs)
        #expect(request.firstTokenNs <= request.finishNs)
      }
      played.expectTokensConserved()
      // Stalls and preemptions included, a request's gaps reach from its first token to its last.
      let finished = played.requests.filter { $0.outcome == .finished }
      let producing = finished.reduce(0.0) { $0 + Double($1.finishNs - $1.firstTokenNs) }
      let gapSum = played.summary.itl.meanNs * Double(played.summary.itl.count)
      #expect(abs(gapSum - producing) <= 1e-9 * producing, "world \(number)")
    }
  }

  @Test(
    "Steps follow one another; time, tokens and sequences stay within their limits",
    arguments: schedulers)
  func stepsWithinLimits(scheduler: EngineOptions.Scheduler) {
    for number in 0..<(60 * testDepth) {
      let world = World(number, scheduler)
      let played = world.play(exact: false)
      for (run, next) in zip(played.runs, played.runs.dropFirst()) {
        #expect(run.endNs <= next.startNs)
      }
      for run in played.runs {
        #expect(run.endNs - run.startNs == run.cost.totalNs)
        #expect(run.decodeSequences + run.prefillSequences <= Int64(world.maxNumSeqs))
        #expect(run.decodeSequences + run.prefillTokens <= Int64(world.maxNumBatchedTokens))
        #expect(run.usedBlocks <= Int64(world.poolBlocks))
        #expect(scheduler.mixesChunks || run.decodeSequences == 0 || run.prefillTokens == 0)
      }
      #expect(played.summary.busyNs <= played.summary.durationNs)
    }
  }

  @Test("All times k-fold, all latencies k-fold", arguments: schedulers)
  func scaling(scheduler: EngineOptions.Scheduler) {
    for number in stride(from: 2, to: 200, by: 3) {
      var world = World(number, scheduler)
      let played = world.play(exact: false)
      guard case .replay(let trace, _) = world.workload.arrivals else { continue }
      world.workload = Workload(
        arrivals: .replay(trace.withObjectives(times: 7), timeScale: 7), promptTokens: .fromTrace,
        outputTokens: .fromTrace, requests: trace.count,
        client: Workload.Client(
          prepareNs: world.workload.client.prepareNs * 7,
          sendNs: world.workload.client.sendNs * 7))
      world.hostBlockNs *= 7
      world.pricer.perStepNs *= 7
      world.pricer.perPromptTokenNs *= 7
      world.pricer.perDecodeNs *= 7
      world.pricer.perContextTokenNs *= 7
      world.pricer.perUnevenTokenNs *= 7
      let slowed = world.play(exact: false)
      #expect(played.requests.map { $0.finishNs * 7 } == slowed.requests.map(\.finishNs))
    }
  }

  @Test("The same seed gives the same records; another seed gives others")
  func determinism() {
    var world = World(0, .vllm)
    let first = world.play(exact: false)
    #expect(first.requests == world.play(exact: false).requests)
    world.seed += 1
    #expect(first.requests != world.play(exact: false).requests)
  }
}

extension RequestTrace {
  /// The same requests, that want their first tokens so many times as late.
  fileprivate func withObjectives(times factor: Int64) -> RequestTrace {
    RequestTrace(
      arrivalNs: arrivalNs, promptTokens: promptTokens, outputTokens: outputTokens,
      urgencies: urgencies?.map {
        RequestUrgency(
          priority: $0.priority, ttftObjectiveNs: $0.ttftObjectiveNs.map { $0 * factor })
      })
  }
}

extension Workload {
  /// The same requests, sent by another client.
  fileprivate func with(_ client: Client) -> Workload {
    Workload(
      arrivals: arrivals, promptTokens: promptTokens, outputTokens: outputTokens,
      requests: requests, client: client)
  }
}
