import CostModel
import TestSupport
import Testing

@testable import Simulator

/// When tokens are ready, worked out by hand. A step takes 100 ns.
@Suite("Times of tokens")
struct TokenTimeTests {
  private let pricer = SyntheticPricer(perStepNs: 100)

  @Test("A jump tells each of its steps, of all that decode in it", arguments: [false, true])
  func jump(exact: Bool) {
    let played = Played(
      replay([(0, 4, 5), (150, 4, 2)]), exact: exact, tokenTimes: true,
      pricer: SyntheticPricer(perStepNs: 100, perContextTokenNs: 1))
    // A alone attends to 5 tokens from 100 on; from 205 on it waits 206 with B's prompt.
    #expect(played.tokenTimes[0] == [[100, 205, 311, 417, 525]])
    #expect(played.tokenTimes[1] == [[311, 417]])
    // Of A its first token, and all others at once.
    #expect(played.tokens.filter { $0.request == 0 }.map(\.firstToken) == [0, 1])
  }

  @Test("What is computed again is not told twice", arguments: [false, true])
  func outage(exact: Bool) {
    let played = Played(
      replay([(0, 4, 5)]),
      cluster: Cluster(
        members: [smallMember(exact: exact)],
        outages: [Outage(replica: 0, atNs: 250, recoversAfterNs: 100)]), tokenTimes: true)
    #expect(played.tokenTimes == [0: [[100, 200, 450, 550, 650]]])
  }

  @Test("Drafted tokens come with the step that verifies them, as far as the output goes")
  func drafts() {
    let played = Played(
      replay([(0, 4, 6), (0, 4, 1)]),
      tokenTimes: true, speculation: SpeculativeDecoding(draftTokens: 2, acceptanceRate: 1),
      pricer: pricer)
    #expect(played.tokenTimes == [0: [[100, 200, 200, 200, 300, 300]], 1: [[100]]])
  }

  @Test("Each sample has its own tokens, the first of which all have at once")
  func samples() {
    let request = RequestClass(
      name: "a", promptTokens: .fixed(6), outputTokens: .fixed(3), samples: 2)
    let played = Played(
      Workload(arrivals: .deterministic(requestsPerSecond: 1e9), classes: [request], requests: 1),
      tokenTimes: true, pricer: pricer)
    #expect(played.tokenTimes == [0: [[101, 201, 301], [101, 201, 301]]])
  }

  @Test(
    "Steps are forgotten when nobody decodes that had a part in them", arguments: [false, true])
  func manySteps(exact: Bool) {
    let rows = (0..<400).map { number -> (Int64, Int32, Int32) in
      (Int64(number) * 2_500, 4, Int32(1 + number * 37 % 90))
    }
    let played = Played(
      replay([(0, 4, 9_000)] + rows + [(1_200_000, 4, 5_000)]), exact: exact, tokenTimes: true,
      pricer: pricer)
    played.expectTokenTimes("many steps")
    #expect(played.summary.steps > 12_000)
  }

  @Test("Nobody who does not ask for times gets any, and nothing else differs")
  func unasked() {
    for number in 0..<20 {
      let world = EngineLawTests.World(number, .vllm)
      let (asked, unasked) = (
        world.play(exact: false, tokenTimes: true), world.play(exact: false)
      )
      #expect(unasked.tokens.isEmpty && !asked.tokens.isEmpty)
      #expect(asked.requests == unasked.requests && asked.runs == unasked.runs)
      #expect(asked.events == unasked.events && asked.summary == unasked.summary)
    }
  }
}

/// What holds of the times of tokens in every run, over random worlds.
@Suite("Laws of the times of tokens")
struct TokenTimeLawTests {
  private func expectLaws(_ jumped: Played, _ walked: Played, _ what: Comment) {
    jumped.expectTokenTimes(what)
    #expect(jumped.tokenTimes == walked.tokenTimes, what)
  }

  @Test(
    "They lead from the first token to the last, in jumps as in steps",
    arguments: EngineOptions.Scheduler.allCases)
  func engines(scheduler: EngineOptions.Scheduler) {
    for number in 0..<(60 * testDepth) {
      var world = EngineLawTests.World(number, scheduler)
      if number % 3 == 0 {
        world.workload = world.workload.sampled(number, most: min(4, world.maxNumSeqs))
      }
      expectLaws(
        world.play(exact: false, tokenTimes: true), world.play(exact: true, tokenTimes: true),
        "world \(number)")
    }
  }

  @Test("The same with drafted tokens", arguments: EngineOptions.Scheduler.allCases)
  func drafts(scheduler: EngineOptions.Scheduler) {
    for number in 0..<(40 * testDepth) {
      let world = SpeculationTests.World(number, scheduler)
      expectLaws(
        world.play(tokenTimes: true), world.play(exact: true, tokenTimes: true),
        "world \(number)")
    }
  }

  @Test(
    "The same where prompts are handed over, replicas fail, come and go",
    arguments: FleetLawTests.Kind.allCases)
  func fleets(kind: FleetLawTests.Kind) {
    for number in 0..<(40 * testDepth) {
      func play(exact: Bool) -> Played {
        let world = FleetLawTests.World(number, kind, exact: exact)
        return Played(world.workload, seed: world.seed, cluster: world.cluster, tokenTimes: true)
      }
      expectLaws(play(exact: false), play(exact: true), "world \(number)")
    }
  }

  @Test("The same on several replicas side by side", arguments: RoutingPolicy.allCases)
  func clusters(routing: RoutingPolicy) {
    for number in 0..<(20 * testDepth) {
      func play(exact: Bool) -> Played {
        let world = ClusterLawTests.World(
          number, routing, replicas: 2 + number % 3, exact: exact)
        return Played(world.workload, seed: world.seed, cluster: world.cluster, tokenTimes: true)
      }
      expectLaws(play(exact: false), play(exact: true), "world \(number)")
    }
  }

  @Test("The same in pipelines", arguments: EngineOptions.Scheduler.allCases)
  func pipelines(scheduler: EngineOptions.Scheduler) {
    for number in 0..<(20 * testDepth) {
      let world = PipelineLawTests.World(number, scheduler, stages: 2 + number % 3)
      world.play(tokenTimes: true).expectTokenTimes("world \(number)")
    }
  }
}

extension Played {
  /// The times of all tokens of each request, by its number and its samples.
  var tokenTimes: [Int64: [[Int64]]] {
    var times: [Int64: [[Int64]]] = [:]
    let inOrder = tokens.sorted {
      ($0.request, $0.sample, $0.firstToken) < ($1.request, $1.sample, $1.firstToken)
    }
    for tokens in inOrder {
      var own = times[tokens.request] ?? []
      while own.count <= tokens.sample { own.append([]) }
      #expect(own[Int(tokens.sample)].count == tokens.firstToken, "each token is told once")
      own[Int(tokens.sample)] += tokens.timesNs
      times[tokens.request] = own
    }
    return times
  }

  /// Expects that the times of tokens are those of their requests, and that gaps between them are
  /// those of which the figures of the run are.
  func expectTokenTimes(_ what: Comment) {
    let times = tokenTimes
    for request in requests where request.outcome == .finished {
      let own = times[request.id] ?? []
      #expect(own.count == request.samples, what)
      #expect(own.reduce(0) { $0 + Int64($1.count) } == request.outputTokens, what)
      #expect(own.allSatisfy { $0.first == request.firstTokenNs }, what)
      #expect(own.compactMap(\.last).max() == request.finishNs, what)
      let last = own.filter { $0.last == request.finishNs }.map(\.count).min() ?? 0
      #expect(Int64(last) == request.lastSampleTokens, what)
    }
    var (gaps, sumNs, longestNs) = (0, 0.0, Int64(0))
    for sample in times.values.flatMap({ $0 }) {
      for (before, next) in zip(sample, sample.dropFirst()) {
        #expect(before <= next, what)
        guard before < next else { continue }
        gaps += 1
        sumNs += Double(next - before)
        longestNs = max(longestNs, next - before)
      }
    }
    #expect(gaps == summary.itl.count, what)
    let ofFigures = summary.itl.meanNs * Double(summary.itl.count)
    #expect(abs(sumNs - ofFigures) <= 1e-9 * sumNs, what)
    #expect(Double(summary.itl.maxNs) <= 1.001 * Double(longestNs), what)
    #expect(1.001 * Double(summary.itl.maxNs) >= Double(longestNs), what)
  }
}

extension Cluster<SyntheticPricer> {
  /// The same replicas, which keep the times of tokens.
  var keepingTokenTimes: Cluster {
    Cluster(
      members: members.map { member in
        let own = member.configuration
        return Member(
          configuration: EngineConfiguration(
            options: own.options, poolBlocks: own.poolBlocks, hostMemory: own.hostMemory,
            maxPositions: own.maxPositions, usesExactSteps: own.usesExactSteps,
            keepsTokenTimes: true, checksInvariants: own.checksInvariants),
          pricer: member.pricer, role: member.role)
      }, routing: routing, transfer: transfer, outages: outages, scaling: scaling)
  }
}
