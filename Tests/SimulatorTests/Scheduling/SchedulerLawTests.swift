import TestSupport
import Testing

@testable import Simulator

/// What holds between schedulers, and of those that preempt, over random worlds.
@Suite("Laws of schedulers")
struct SchedulerLawTests {
  private typealias World = EngineLawTests.World

  /// Those that put whom they preempt before all that came later, or in its place of an order.
  private static let orderly = EngineOptions.Scheduler.allCases.filter { $0 != .sglang }

  /// Whether each further preemption of a request came behind the end of another.
  private func isBounded(_ played: Played) -> Bool {
    played.requests.allSatisfy { request in
      let ends = played.requests.count {
        $0.id != request.id && $0.finishNs >= request.scheduledNs
          && $0.finishNs <= request.finishNs && $0.outcome == .finished
      }
      return request.preemptions <= ends + 1
    }
  }

  @Test("No request is preempted again before another has ended", arguments: orderly)
  func boundedPreemptions(scheduler: EngineOptions.Scheduler) {
    for number in 0..<(100 * testDepth) {
      #expect(isBounded(World(number, scheduler).play(exact: false)), "world \(number)")
    }
  }

  @Test("With the pool far too small for its seats, no request is evicted hundreds of times")
  func exhaustedPool() {
    // 48 blocks, 64 seats, and requests of 5 to 25 blocks: a crowd that evicts at nearly each step.
    var rows: [(Int64, Int32, Int32)] = []
    var urgencies: [RequestUrgency] = []
    for number in 0..<64 {
      let (prompt, output) = (4 + number * 5 % 13, 14 + number * 11 % 77)
      rows.append((Int64(number * 10), Int32(prompt), Int32(output)))
      let objective = Int64(number * 37 % 50) * 1000
      urgencies.append(RequestUrgency(priority: number * 7 % 5, ttftObjectiveNs: objective))
    }
    for scheduler in EngineOptions.Scheduler.allCases {
      let played = SmallRun(scheduler: scheduler, maxNumSeqs: 64, poolBlocks: 48)
        .play(rows, urgencies: urgencies)
      #expect(played.summary.finishedRequests == 64)
      #expect(scheduler == .sglang || isBounded(played), "\(scheduler)")
      #expect(played.requests.allSatisfy { $0.preemptions <= 30 }, "\(scheduler)")
      // A batch has its room, and SGLang keeps room for the outputs to come.
      let preempts = scheduler != .staticBatching && scheduler != .sglang
      #expect(!preempts || played.summary.preemptions > 10, "\(scheduler)")
    }
  }

  @Test(
    "The most urgent of all is never preempted",
    arguments: [.priority, .edf] as [EngineOptions.Scheduler])
  func mostUrgent(scheduler: EngineOptions.Scheduler) {
    for number in stride(from: 2, to: 600 * testDepth, by: 3) {
      let world = World(number, scheduler)
      guard case .replay(let trace, _) = world.workload.arrivals else { continue }
      let urgencies = trace.urgencies!
      let keys = trace.arrivalNs.indices.map { index -> Int64 in
        if scheduler == .priority { return Int64(urgencies[index].priority) }
        guard let wanted = urgencies[index].ttftObjectiveNs else { return .max }
        return trace.arrivalNs[index] + wanted
      }
      // A client that takes time moves deadlines.
      guard world.workload.client == .instant || scheduler == .priority else { continue }
      let urgent = keys.firstIndex(of: keys.min()!)!
      let played = world.play(exact: false)
      #expect(played.requestsById[urgent].preemptions == 0, "world \(number)")
    }
  }

  @Test("What nothing tells apart, every order of vLLM's policy schedules as vLLM does")
  func sameOrder() {
    for number in 0..<(100 * testDepth) {
      var world = World(number, .vllm)
      // Whoever is admitted before decodes have their blocks may find more of its own again.
      world.enablePrefixCaching = false
      if case .replay(let trace, _) = world.workload.arrivals {
        world.workload = Workload(
          arrivals: .replay(
            RequestTrace(
              arrivalNs: trace.arrivalNs,
              promptTokens: trace.promptTokens.map { _ in 7 }, outputTokens: trace.outputTokens),
            timeScale: 1),
          promptTokens: .fromTrace, outputTokens: .fromTrace, requests: trace.count,
          client: world.workload.client)
      } else {
        world.workload = Workload(
          arrivals: world.workload.arrivals, promptTokens: .fixed(7),
          outputTokens: world.workload.outputTokens, requests: world.workload.requests,
          client: world.workload.client)
      }
      if world.watermark == nil { world.watermark = 0 }
      // Not all of them swap.
      world.hostBlocks = 0
      let expected = world.play(exact: false)
      for scheduler in [EngineOptions.Scheduler.sarathi, .priority, .edf, .shortestPromptFirst] {
        world.scheduler = scheduler
        #expect(world.play(exact: false).requests == expected.requests, "\(scheduler) \(number)")
      }
    }
  }
}
