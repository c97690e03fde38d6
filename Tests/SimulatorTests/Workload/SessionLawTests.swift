import CostModel
import Foundation
import TestSupport
import Testing

@testable import Simulator

/// What holds of every run with sessions, over random worlds.
@Suite("Laws of sessions")
struct SessionLawTests {
  /// Sessions, the limits of an engine or a cluster, and prices.
  private struct World {
    var workload: Workload
    var seed: UInt64
    var seats: Int
    var budget: Int
    var blockSize: Int
    var poolBlocks: Int
    var maxPositions: Int
    var maxQueuedRequests: Int?
    var caching = true
    var replicas = 1
    var routing = RoutingPolicy.roundRobin
    var scheduler: EngineOptions.Scheduler
    var pricer: SyntheticPricer
    var hostBlocks = 0

    /// Sessions of one class or of two, one of which may have none, in an open or a closed loop.
    init(_ number: Int, _ scheduler: EngineOptions.Scheduler = .vllm) {
      self.scheduler = scheduler
      var random = SeededRandom(UInt64(number))
      func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
      let classes = (0..<draw(1...2)).map { place in
        let thinks: [Workload.ThinkTime] = [
          .none, .fixed(ns: Int64(draw(1...3000))), .exponential(meanNs: Int64(draw(1...9000))),
        ]
        let sessions = Sessions(turns: .uniform(1...draw(1...9)), thinkTime: thinks[draw(0...2)])
        return RequestClass(
          name: "c\(place)", promptTokens: .uniform(1...draw(1...30)),
          outputTokens: .uniform(1...draw(1...20)), priority: draw(0...1),
          systemPromptTokens: [0, 0, draw(1...40)][draw(0...2)],
          sessions: place == 1 && draw(0...1) == 0 ? nil : sessions)
      }
      let rate = Double(draw(20...2000)) * 1000
      let arrivals: Workload.Arrivals =
        switch number % 3 {
        case 0: .poisson(requestsPerSecond: rate)
        case 1: .closedLoop(concurrency: draw(1...15), thinkTime: .fixed(ns: Int64(draw(0...900))))
        default:
          .superposed(
            classes.enumerated().map {
              .init(
                name: $1.name, arrivals: .gamma(requestsPerSecond: rate, burstiness: 0.5),
                requestClass: $0)
            })
        }
      let client =
        number % 5 == 0 ? Workload.Client(prepareNs: 40, sendNs: Int64(draw(0...40))) : .instant
      workload = Workload(
        arrivals: arrivals, classes: classes, requests: draw(1...120), client: client)
      seed = random.next()
      seats = draw(1...12)
      budget = max(seats, draw(8...64))
      blockSize = [1, 2, 5, 16][draw(0...3)]
      poolBlocks = draw(100...700) / blockSize + 1
      maxPositions = draw(60...600)
      maxQueuedRequests = draw(0...7) == 0 ? draw(0...10) : nil
      pricer = SyntheticPricer(
        perStepNs: 50, perPromptTokenNs: Int64(draw(0...3)), perDecodeNs: Int64(draw(0...2)),
        perContextTokenNs: Int64(draw(0...3)), spanSteps: draw(1...50))
      if scheduler.swaps, number % 7 < 3 { hostBlocks = draw(1...poolBlocks) }
    }

    func play(exact: Bool = false, checks: Bool = false) -> Played {
      Played(
        workload, seed: seed, maxNumSeqs: seats, maxNumBatchedTokens: budget,
        blockSize: blockSize, poolBlocks: poolBlocks, maxPositions: maxPositions,
        enablePrefixCaching: caching, scheduler: scheduler, replicas: replicas, routing: routing,
        maxQueuedRequests: maxQueuedRequests, exact: exact, checks: checks,
        hostMemory: hostMemory(blocks: hostBlocks, blockNs: 7), pricer: pricer)
    }
  }

  @Test(
    "Jumps and steps give the same requests, sums agree with recounts, and each leaves once",
    arguments: EngineOptions.Scheduler.allCases)
  func jumpsEqualSteps(scheduler: EngineOptions.Scheduler) {
    var (jumps, preemptions, found, rejections, finished) = (0, 0, 0, 0, 0)
    for number in 0..<(90 * testDepth) {
      let world = World(number, scheduler)
      let jumped = world.play(checks: number % 3 < 2)
      let walked = world.play(exact: true)
      #expect(jumped.requests == walked.requests, "world \(number)")
      #expect(jumped.summary == walked.summary, "world \(number)")
      #expect(jumped.events == walked.events, "world \(number)")
      #expect(jumped.requests.map(\.id).sorted() == Array(0..<Int64(world.workload.requests)))
      jumps += walked.runs.count - jumped.runs.count
      preemptions += jumped.summary.preemptions
      found += jumped.summary.cachedTokens
      rejections += jumped.summary.rejectedRequests
      finished += jumped.summary.finishedRequests
    }
    #expect(jumps > 100 && found > 2500 && rejections > 25 && finished > 1000)
    // Those that do not mix prompts and decodes seldom run so many that blocks lack.
    #expect(!scheduler.mixesChunks || preemptions > 10, "\(preemptions)")
  }

  @Test("The same on clusters behind every router", arguments: RoutingPolicy.allCases)
  func clusters(routing: RoutingPolicy) {
    var found = 0
    for number in 0..<(60 * testDepth) {
      var world = World(number)
      world.replicas = 2 + number % 3
      world.routing = routing
      let jumped = world.play(checks: true)
      #expect(jumped.requests == world.play(exact: true).requests, "world \(number)")
      #expect(jumped.requests.count == world.workload.requests)
      found += jumped.summary.cachedTokens
    }
    #expect(found > 1000)
  }

  @Test("Pools, prices, caches and schedulers change no turn: all have the same lengths")
  func sameTurns() {
    for number in 0..<(100 * testDepth) {
      // In a closed loop without sessions' ends that depend on them, a client's next session is the
      // next in number whoever opens it.
      var world = World(number)
      func turns(_ played: Played) -> [[Int64]] {
        played.requests.map { request in
          // Of a rejected request no output is recorded.
          [request.requestClass, request.promptTokens]
        }.sorted { $0.lexicographicallyPrecedes($1) }
      }
      let first = turns(world.play())
      world.poolBlocks *= 3
      world.pricer.perStepNs = 777
      world.caching = false
      world.scheduler = .sglang
      world.hostBlocks = 0
      world.maxPositions = 1 << 20
      #expect(turns(world.play()) == first, "world \(number)")
    }
  }

  @Test("Sessions of one turn are requests by themselves")
  func oneTurn() {
    for number in 0..<(150 * testDepth) {
      var world = World(number)
      func play(_ sessions: Sessions?) -> Played {
        let classes = world.workload.classes.map { $0.with(sessions) }
        world.workload = Workload(
          arrivals: world.workload.arrivals, classes: classes, requests: world.workload.requests,
          client: world.workload.client)
        return world.play()
      }
      let turns = play(Sessions(turns: .fixed(1), thinkTime: .fixed(ns: 5)))
      let alone = play(nil)
      #expect(turns.requests == alone.requests && turns.runs == alone.runs, "world \(number)")
    }
  }

  /// One session a class, so that records tell which one they are of: its turns in the order of
  /// their arrival. All begin within the first gap of any.
  private func oneSessionEach(
    _ classes: [RequestClass], turns: Int
  ) -> Workload {
    Workload(
      arrivals: .superposed(
        classes.enumerated().map { place, requestClass in
          .init(
            name: requestClass.name,
            arrivals: .deterministic(requestsPerSecond: 1e9 / Double(1_000_000 + 37 * place)),
            requestClass: place)
        }),
      classes: classes, requests: turns)
  }

  private func sessions(_ played: Played) -> [[RequestRecord]] {
    Dictionary(grouping: played.requestsById, by: \.requestClass).values.map { $0 }
  }

  @Test(
    "Each turn comes behind a pause with all before it, and unlimited caches have its whole blocks",
    arguments: [1, 3, 4, 16], [0, 21])
  func unlimitedPool(blockSize: Int, system: Int) {
    let (new, think) = (7, Int64(450))
    let counts = [1, 4, 9, 2, 30, 6]
    let classes = counts.enumerated().map { place, turns in
      RequestClass(
        name: "c\(place)", promptTokens: .fixed(new), outputTokens: .uniform(1...40),
        systemPromptTokens: system,
        sessions: Sessions(turns: .fixed(turns), thinkTime: .fixed(ns: think)))
    }
    let played = Played(
      oneSessionEach(classes, turns: counts.reduce(0, +)), blockSize: blockSize,
      enablePrefixCaching: true, checks: true,
      pricer: SyntheticPricer(perStepNs: 50, perPromptTokenNs: 1, perContextTokenNs: 1))
    var promptTokens = 0
    for turns in sessions(played) {
      #expect(turns.count == counts[Int(turns[0].requestClass)])
      #expect(turns[0].promptTokens == Int64(system + new) && turns[0].cachedTokens == 0)
      for (turn, next) in zip(turns, turns.dropFirst()) {
        #expect(next.arrivalNs == turn.finishNs + think)
        let context = turn.promptTokens + turn.outputTokens
        #expect(next.promptTokens == context + Int64(new))
        // The last token of an output is never written to the cache.
        #expect(next.cachedTokens == (context - 1) / Int64(blockSize) * Int64(blockSize))
      }
      // Each turn's new tokens stand in its own prompt and in all behind it, as its outputs do in
      // those.
      for (index, turn) in turns.enumerated() {
        let later = turns.count - 1 - index
        promptTokens += (later + 1) * new + later * Int(turn.outputTokens)
      }
      promptTokens += turns.count * system
    }
    #expect(played.summary.promptTokens == promptTokens)
  }

  @Test("Sessions of one class share its system prompt and nothing else, and places are used again")
  func manySessions() {
    let (system, new, output, blockSize) = (21, 5, 6, 4)
    let workload = Workload(
      arrivals: .poisson(requestsPerSecond: 1e6),
      classes: [
        RequestClass(
          promptTokens: .fixed(new), outputTokens: .fixed(output), systemPromptTokens: system,
          sessions: Sessions(turns: .uniform(1...6), thinkTime: .exponential(meanNs: 900)))
      ], requests: 3000)
    let played = Played(
      workload, blockSize: blockSize, enablePrefixCaching: true, checks: true,
      pricer: SyntheticPricer(perStepNs: 50, perPromptTokenNs: 1))
    var unfound = 0
    for turn in played.requests {
      let context = Int(turn.promptTokens) - new
      // Of a first turn the system prompt is the context, and all of it was written.
      let whole = (context == system ? system : context - 1) / blockSize * blockSize
      // Those that compute the system prompt at the same time find less of it.
      let isFound = Int(turn.cachedTokens) == whole
      #expect(isFound || context == system)
      unfound += isFound ? 0 : 1
    }
    #expect((1..<20).contains(unfound), "\(unfound)")
  }

  @Test("Where nothing but prompts is kept, a session is what a trace is that names its blocks")
  func agreesWithTrace() {
    var (found, lost) = (0, 0)
    for number in 0..<(150 * testDepth) {
      var random = SeededRandom(UInt64(number))
      func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
      let counts = (0..<draw(1...12)).map { _ in draw(1...8) }
      let classes = counts.enumerated().map { place, turns in
        RequestClass(
          name: "c\(place)", promptTokens: .uniform(1...40), outputTokens: .fixed(1),
          sessions: Sessions(turns: .fixed(turns), thinkTime: .exponential(meanNs: 2000)))
      }
      let blockSize = [1, 2, 5, 16][draw(0...3)]
      let seats = draw(1...12)
      let (budget, pool) = (max(seats, draw(20...64)), draw(350...900) / blockSize + 1)
      let schedulers = EngineOptions.Scheduler.allCases.filter { $0 != .vllmV0 }
      func play(_ workload: Workload) -> Played {
        Played(
          workload, maxNumSeqs: seats, maxNumBatchedTokens: budget, blockSize: blockSize,
          poolBlocks: pool, enablePrefixCaching: true,
          scheduler: schedulers[number % schedulers.count], checks: true,
          pricer: SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1))
      }
      let played = play(oneSessionEach(classes, turns: counts.reduce(0, +)))
      let traced = play(replay(Self.naming(played.requestsById, blockSize: blockSize)))
      func alike(_ requests: [RequestRecord]) -> [RequestRecord] {
        requests.map { request in
          var record = request
          record.requestClass = 0
          return record
        }
      }
      #expect(alike(played.requestsById) == traced.requestsById, "world \(number)")
      found += played.summary.cachedTokens
      lost += played.summary.promptTokens - played.summary.cachedTokens
    }
    #expect(found > 10_000 && lost > 10_000)
  }

  /// The same requests as a trace in which whole blocks of a class's prompts have the same names.
  private static func naming(_ requests: [RequestRecord], blockSize: Int) -> RequestTrace {
    var (ids, starts, next): ([Int32], [Int], Int32) = ([], [0], 0)
    var named: [Int64: [Int32]] = [:]
    for request in requests {
      let tokens = Int(request.promptTokens)
      for index in 0..<(tokens + blockSize - 1) / blockSize {
        let known = named[request.requestClass, default: []]
        if index < known.count {
          ids.append(known[index])
          continue
        }
        if (index + 1) * blockSize <= tokens {
          named[request.requestClass, default: []].append(next)
        }
        ids.append(next)
        next += 1
      }
      starts.append(ids.count)
    }
    return RequestTrace(
      arrivalNs: requests.map(\.arrivalNs), promptTokens: requests.map { Int32($0.promptTokens) },
      outputTokens: requests.map { Int32($0.outputTokens) },
      promptBlocks: PromptBlocks(blockTokens: blockSize, ids: ids, starts: starts))
  }

  private func replay(_ trace: RequestTrace) -> Workload {
    Workload(
      arrivals: .replay(trace, timeScale: 1), promptTokens: .fromTrace, outputTokens: .fromTrace,
      requests: trace.count)
  }

  @Test("First turns are drawn as requests without sessions are; pauses are exponential")
  func draws() {
    func workload(_ sessions: Sessions?) -> Workload {
      Workload(
        arrivals: .poisson(requestsPerSecond: 1),
        classes: [
          RequestClass(
            promptTokens: .uniform(1...1000), outputTokens: .uniform(1...1000), sessions: sessions)
        ], requests: 500)
    }
    var plain = RequestSource(workload: workload(nil), seed: 3)
    let mean = 1e6
    let thinking = Sessions(turns: .fixed(9), thinkTime: .exponential(meanNs: Int64(mean)))
    // So many turns that sessions have begun: the first ones are handed out alone.
    var source = RequestSource(workload: workload(thinking), seed: 3)
    var pauses: [Double] = []
    while !source.isExhausted {
      _ = source.nextDueNs(now: 0)
      var turn = source.next()
      let request = (plain.nextDueNs(now: 0), plain.next()).1
      #expect(turn.promptTokens == request.promptTokens)
      #expect(turn.outputTokens == request.outputTokens)
      while case .due(let ns) = source.follower(of: turn.finished, now: 0) {
        pauses.append(Double(ns))
        let context = turn.promptTokens + turn.outputTokens
        turn = source.next()
        #expect(turn.session?.contextTokens == context && turn.isLaterTurn)
      }
    }
    // 55 sessions of nine turns, and one of five.
    #expect(pauses.count == 55 * 8 + 4)
    let distance = KolmogorovSmirnov.statistic(pauses) { 1 - exp(-$0 / mean) }
    #expect(distance < 1.95, "\(distance)")
  }
}

extension ArrivingRequest {
  /// What is recorded when it ends at the start of the run.
  fileprivate var finished: RequestRecord {
    RequestRecord(
      id: id, arrivalNs: 0, scheduledNs: 0, firstTokenNs: 0, finishNs: 0,
      promptTokens: Int64(promptTokens), cachedTokens: 0, outputTokens: Int64(outputTokens),
      preemptions: 0, outcome: .finished)
  }
}

extension RequestClass {
  fileprivate func with(_ sessions: Sessions?) -> RequestClass {
    RequestClass(
      name: name, share: share, promptTokens: promptTokens, outputTokens: outputTokens,
      priority: priority, objectives: objectives, systemPromptTokens: systemPromptTokens,
      sessions: sessions)
  }
}
