import CostModel
import TestSupport
import Testing

@testable import Simulator

/// What holds of requests of several samples, over random worlds.
@Suite("Laws of samples")
struct SampleLawTests {
  private static let schedulers = EngineOptions.Scheduler.allCases

  /// The world of a number, with as many samples of each prompt as its seats allow, five at most.
  private static func world(
    _ number: Int, _ scheduler: EngineOptions.Scheduler
  ) -> EngineLawTests.World {
    var world = EngineLawTests.World(number, scheduler)
    world.workload = world.workload.sampled(number, most: min(5, world.maxNumSeqs))
    return world
  }

  /// The outputs of each request's samples, by its number.
  private static func outputs(_ workload: Workload, seed: UInt64) -> [[Int]] {
    var source = RequestSource(workload: workload, seed: seed)
    let samples = SampleOutputs(workload.classes)
    return (0..<workload.requests).map { _ in
      _ = source.nextDueNs(now: 0)
      let request = source.next()
      return [request.outputTokens] + samples.furtherOutputs(of: request).map(Int.init)
    }
  }

  @Test(
    "Jumping over decode steps and walking them give the same requests, to the nanosecond",
    arguments: schedulers)
  func jumpsEqualSteps(scheduler: EngineOptions.Scheduler) {
    var (preemptions, swaps, jumps, copies) = (0, 0, 0, 0)
    for number in 0..<(80 * testDepth) {
      let world = SampleLawTests.world(number, scheduler)
      let jumped = world.play(exact: false)
      let walked = world.play(exact: true)
      #expect(jumped.requests == walked.requests, "world \(number)")
      #expect(jumped.summary == walked.summary, "world \(number)")
      #expect(jumped.events == walked.events, "world \(number)")
      preemptions += jumped.summary.preemptions
      swaps += jumped.summary.swaps
      jumps += walked.runs.count - jumped.runs.count
      copies += jumped.summary.sampling?.blocksCopied ?? 0
    }
    #expect(scheduler == .staticBatching ? preemptions == 0 : preemptions > 30)
    #expect(jumps > 100 && copies > 250)
    #expect(!scheduler.swaps || swaps > 20 && preemptions - swaps > 20)
  }

  @Test("Sums agree with a recount after every event", arguments: schedulers)
  func invariants(scheduler: EngineOptions.Scheduler) {
    for number in 0..<(30 * testDepth) {
      _ = SampleLawTests.world(number, scheduler).play(exact: number % 2 == 0, checks: true)
    }
  }

  @Test(
    "Each request leaves once, with the tokens of all its samples; prompts are computed once",
    arguments: schedulers)
  func conservation(scheduler: EngineOptions.Scheduler) {
    var undisturbed = 0
    for number in 0..<(40 * testDepth) {
      let world = SampleLawTests.world(number, scheduler)
      let played = world.play(exact: false)
      let summary = played.summary
      #expect(played.requestsById.map(\.id) == Array(0..<Int64(world.workload.requests)))
      let outputs = SampleLawTests.outputs(world.workload, seed: world.seed)
      let finished = played.requests.filter { $0.outcome == .finished }
      for request in finished {
        let own = outputs[Int(request.id)]
        let tokens: Int = own.reduce(0, +)
        #expect(Int(request.outputTokens) == tokens)
        #expect(Int(request.samples) == own.count)
        #expect(own.contains(Int(request.lastSampleTokens)))
        if request.preemptions == 0, scheduler.mixesChunks {
          #expect(
            Int(request.lastSampleTokens) == own.max(), "a token a step: the longest ends last")
        }
        #expect(request.scheduledNs < request.firstTokenNs)
        #expect(request.firstTokenNs <= request.finishNs)
      }
      let output = finished.reduce(0) { $0 + Int($1.outputTokens) }
      let samples = finished.reduce(0) { $0 + Int($1.samples) }
      let preemptions = finished.reduce(0) { $0 + Int($1.preemptions) }
      #expect(summary.outputTokens == output)
      if let sampling = summary.sampling { #expect(sampling.samples == samples) }
      #expect(summary.preemptions == preemptions)
      // A prompt's end gives each sample a token, its repetition one; the rest come from decodes.
      let decoded = played.runs.reduce(0) { $0 + Int($1.steps * $1.decodeSequences) }
      #expect(decoded + samples <= output)
      #expect(decoded + samples + preemptions >= output)
      #expect(summary.itl.count == output - samples)
      for run in played.runs {
        #expect(run.decodeSequences + run.prefillSequences <= Int64(world.maxNumSeqs))
        #expect(run.decodeSequences + run.prefillTokens <= Int64(world.maxNumBatchedTokens))
      }
      guard summary.preemptions == 0 else { continue }
      undisturbed += 1
      #expect(summary.recomputedTokens == 0, "n samples of a prompt compute it once")
    }
    #expect(undisturbed > 3)
  }

  @Test("Samples of one request own its prompt once, and all of their own that they write")
  func promptBlocksOnce() {
    for number in 0..<(60 * testDepth) {
      var random = SeededRandom(UInt64(40_000 + number))
      func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
      let (prompt, output, samples) = (draw(1...40), draw(1...30), draw(2...9))
      let blockSize = [1, 2, 5, 16][number % 4]
      let workload = Workload(
        arrivals: .closedLoop(concurrency: 1),
        classes: [
          RequestClass(
            promptTokens: .fixed(prompt), outputTokens: .fixed(output), samples: samples)
        ], requests: 3)
      let played = Played(
        workload, blockSize: blockSize, enablePrefixCaching: number % 2 == 0, checks: true,
        pricer: SyntheticPricer(perStepNs: 100))
      // Counted one by one: a block of a sample is its own from the first token behind the prompt.
      let whole = prompt / blockSize
      var owned: Set<[Int]> = []
      for block in 0..<whole { owned.insert([-1, block]) }
      for sample in 0..<samples {
        let last = prompt + output - 1
        let owner = output > 1 ? sample : 0
        for token in 0..<last where token / blockSize >= whole {
          owned.insert([owner, token / blockSize])
        }
      }
      #expect(played.summary.peakUsedBlocks == owned.count, "\(prompt) \(output) \(samples)")
      let copies = prompt % blockSize > 0 && output > 1 ? 3 * (samples - 1) : 0
      #expect(played.summary.sampling?.blocksCopied == copies)
    }
  }

  @Test("With room for all and steps of one length, n samples take as long as one")
  func sameTimes() {
    for number in stride(from: 2, to: 150 * testDepth, by: 3) {
      let base = EngineLawTests.World(number, .vllm)
      func play(_ samples: Int) -> Played {
        Played(
          Workload(
            arrivals: base.workload.arrivals,
            classes: [
              RequestClass(promptTokens: .fromTrace, outputTokens: .fromTrace, samples: samples)
            ], requests: base.workload.requests),
          maxNumSeqs: 4096, maxNumBatchedTokens: 1 << 16,
          pricer: SyntheticPricer(perStepNs: base.pricer.perStepNs, perPromptTokenNs: 2))
      }
      let (one, several) = (play(1), play(6))
      #expect(one.times == several.times)
      #expect(one.requests.map { $0.outputTokens * 6 } == several.requests.map(\.outputTokens))
      #expect(one.requests.map(\.tpotNs) == several.requests.map(\.tpotNs))
      #expect(one.summary.ttft == several.summary.ttft && one.summary.tpot == several.summary.tpot)
      #expect(one.summary.itl.count * 6 == several.summary.itl.count)
      #expect(one.summary.itl.maxNs == several.summary.itl.maxNs)
    }
  }

  @Test("The first sample is the only one's; more samples leave the lengths of others alone")
  func draws() {
    func outputs(_ samples: Int) -> [[Int]] {
      SampleLawTests.outputs(
        Workload(
          arrivals: .poisson(requestsPerSecond: 1),
          classes: [
            RequestClass(
              promptTokens: .uniform(1...9), outputTokens: .uniform(1...1_000_000),
              samples: samples)
          ], requests: 50), seed: 3)
    }
    let (one, four, most) = (outputs(1), outputs(4), outputs(128))
    #expect(one.map { $0[0] } == four.map { $0[0] })
    #expect(four == most.map { Array($0[..<4]) })
    // Of 6,400 draws from a million some 20 pairs are alike by chance.
    #expect(Set(most.joined()).count > 6_300)
    let sum: Int = most.joined().reduce(0, +)
    let mean = Double(sum) / 6_400
    // Four standard deviations of the mean of a uniform law: 4 · 10⁶ / √(12 · 6400).
    #expect(abs(mean - 500_000.5) < 14_434)
  }

  @Test("On replicas behind every router, jumps equal steps, and recounts agree")
  func clusters() {
    var (rejected, copies) = (0, 0)
    for routing in RoutingPolicy.allCases {
      for number in 0..<(40 * testDepth) {
        func play(exact: Bool, checks: Bool = false) -> Played {
          let world = ClusterLawTests.World(number, routing, exact: exact, checks: checks)
          return Played(
            world.workload.sampled(number, most: 4), seed: world.seed, cluster: world.cluster)
        }
        let (jumped, walked) = (play(exact: false), play(exact: true, checks: number % 3 == 0))
        #expect(jumped.requests == walked.requests, "world \(number)")
        #expect(jumped.summary == walked.summary, "world \(number)")
        #expect(jumped.events == walked.events, "world \(number)")
        let served = jumped.summary.replicas.reduce(0) { $0 + $1.requests }
        #expect(served + jumped.summary.rejectedRequests == jumped.requests.count)
        #expect(
          jumped.summary.replicas.reduce(0) { $0 + $1.outputTokens } == jumped.summary.outputTokens)
        rejected += jumped.summary.rejectedRequests
        copies += jumped.summary.sampling?.blocksCopied ?? 0
      }
    }
    #expect(rejected > 10 && copies > 300)
  }

  @Test("Replicas that are played apart leave the same rows as on one clock")
  func independentReplicas() {
    var played = 0
    for number in 0..<(80 * testDepth) {
      let world = ClusterLawTests.World(number, .roundRobin)
      let workload = world.workload.sampled(number, most: 4)
      guard workload.hasSamples, world.cluster.dealsOut(workload) else { continue }
      played += 1
      var (apart, together) = (RecordBuffer(.all), RecordBuffer(.all))
      var replicas = IndependentReplicas(
        workload, seed: world.seed, cluster: world.cluster, scheduler: ContinuousBatching(),
        recording: .all)
      var engine = Engine(
        workload, seed: world.seed, cluster: world.cluster, scheduler: ContinuousBatching())
      while replicas.playOn(&apart) {}
      while engine.playOn(&together) {}
      #expect(replicas.summary() == engine.summary(), "world \(number)")
      #expect(apart == together)
    }
    #expect(played > 20)
  }

  @Test("Where replicas come and go, jumps equal steps, and each request leaves once")
  func autoscaling() {
    var played = 0
    for number in 0..<(40 * testDepth) {
      let world = FleetLawTests.World(number, .scales)
      guard world.cluster.playsSamples, !world.workload.hasSessions else { continue }
      played += 1
      let workload = world.workload.sampled(number, most: 4)
      let jumped = Played(workload, seed: world.seed, cluster: world.cluster)
      let exact = FleetLawTests.World(number, .scales, exact: true, checks: number % 3 == 0)
      let walked = Played(workload, seed: world.seed, cluster: exact.cluster)
      #expect(jumped.requests == walked.requests && jumped.summary == walked.summary)
      #expect(jumped.requestsById.map(\.id) == Array(0..<Int64(workload.requests)))
    }
    #expect(played > 20)
  }

  @Test("A run that its time limit cuts is the whole one up to there")
  func timeLimit() {
    let workload = Workload(
      arrivals: .closedLoop(concurrency: 3),
      classes: [
        RequestClass(promptTokens: .uniform(1...9), outputTokens: .uniform(1...20), samples: 3)
      ], requests: 40, timeLimitNs: 3_000)
    let pricer = SyntheticPricer(perStepNs: 100)
    let cut = Played(workload, maxNumSeqs: 8, checks: true, pricer: pricer)
    let whole = Played(
      Workload(
        arrivals: workload.arrivals, classes: workload.classes, requests: workload.requests),
      maxNumSeqs: 8, pricer: pricer)
    #expect(cut.summary.reachedHorizon && !whole.summary.reachedHorizon)
    #expect(cut.requests.count > 3)
    #expect(cut.requests == Array(whole.requests[..<cut.requests.count]))
  }
}

extension Workload {
  /// The same requests, each of one of two classes by a draw; each class wants a number of samples,
  /// `most` at most, and in half the worlds has a system prompt.
  func sampled(_ number: Int, most: Int) -> Workload {
    var random = SeededRandom(UInt64(31_000 + number))
    func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    let knowsPrompts = arrivals.trace?.promptBlocks != nil
    return Workload(
      arrivals: arrivals,
      classes: ["one", "other"].map {
        RequestClass(
          name: $0, promptTokens: promptTokens, outputTokens: outputTokens,
          priority: draw(0...2),
          systemPromptTokens: knowsPrompts || draw(0...1) == 0 ? 0 : draw(1...20),
          samples: draw(1...most))
      }, requests: requests, client: client, timeLimitNs: timeLimitNs)
  }
}
