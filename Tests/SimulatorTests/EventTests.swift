import CostModel
import TestSupport
import Testing

@testable import Simulator

/// What is recorded of requests and replicas between steps, worked out by hand. A step takes
/// 100 ns.
@Suite("Events")
struct EventTests {
  @Test("A request loses its blocks to those that decode, waits, and is computed again")
  func preemption() {
    let run = SmallRun(scheduler: .vllm, maxNumSeqs: 2, maxNumBatchedTokens: 8, poolBlocks: 6)
    // As in the hand-worked trace of the scheduler: at 616 B has 8 tokens in two blocks and gives
    // them to A; at 716 it begins again, and has its sixth token at 932.
    #expect(
      run.play([(0, 12, 6), (0, 4, 9), (50, 8, 2)]).events == [
        EventRecord(
          kind: .preempted, timeNs: 616, replica: 0, request: 1, cause: .decodes, tokens: 8,
          blocks: 2),
        EventRecord(kind: .resumed, timeNs: 716, startNs: 616, replica: 0, request: 1),
        EventRecord(
          kind: .recomputed, timeNs: 932, startNs: 716, replica: 0, request: 1, tokens: 9),
      ])
  }

  @Test("A request yields to a more urgent one, in the course of its prompt")
  func urgency() {
    let run = SmallRun(scheduler: .priority, maxNumSeqs: 1, maxNumBatchedTokens: 8, poolBlocks: 8)
    let urgencies = [1, 0].map { RequestUrgency(priority: $0, ttftObjectiveNs: nil) }
    // 0–108: 8 of A's 12 tokens, which owns three blocks. B comes at 50 and takes the only seat:
    // 108–212. Then A begins its prompt again.
    let played = run.play([(0, 12, 1), (50, 4, 1)], urgencies: urgencies)
    #expect(
      played.events == [
        EventRecord(
          kind: .preempted, timeNs: 108, replica: 0, request: 0, cause: .urgency, yieldedTo: 1,
          tokens: 8, blocks: 3),
        EventRecord(kind: .resumed, timeNs: 212, startNs: 108, replica: 0, request: 0),
      ])
    #expect(played.requestsById.map(\.finishNs) == [424, 212])
  }

  @Test("A replica fails and recovers, and its request goes on there", arguments: [false, true])
  func outage(exact: Bool) {
    let played = Played(
      replay([(0, 4, 5)]),
      cluster: Cluster(
        members: [smallMember(exact: exact)],
        outages: [Outage(replica: 0, atNs: 250, recoversAfterNs: 100)]))
    // Two tokens at 200, five in the cache; the six known are computed 350–450.
    #expect(
      played.events == [
        EventRecord(kind: .replicaFailed, timeNs: 250, replica: 0),
        EventRecord(
          kind: .displaced, timeNs: 250, replica: 0, request: 0, cause: .failure, tokens: 5,
          blocks: played.events[1].blocks),
        EventRecord(kind: .replicaRecovered, timeNs: 350, replica: 0),
        EventRecord(kind: .resumed, timeNs: 350, startNs: 250, replica: 0, request: 0),
        EventRecord(
          kind: .recomputed, timeNs: 450, startNs: 350, replica: 0, request: 0, tokens: 6),
      ])
    #expect(played.events[1].blocks > 0)
  }

  @Test("A prompt is handed over from when its copy begins to when it is there")
  func handOver() {
    let played = Played(
      replay([(0, 8, 3), (0, 4, 2)]),
      cluster: Cluster(
        members: [smallMember(role: .prefill), smallMember(role: .decode)],
        transfer: KVTransfer(
          link: CopyLink(bytesPerSecond: 1_000_000_000, latencyNs: 5), blockBytes: 10)))
    // Both prompts in one step, 0–100. A's two blocks are copied 100–125, B's one 125–140.
    #expect(
      played.events == [
        EventRecord(
          kind: .handedOver, timeNs: 125, startNs: 100, replica: 0, toReplica: 1, request: 0,
          tokens: 8, blocks: 2),
        EventRecord(
          kind: .handedOver, timeNs: 140, startNs: 125, replica: 0, toReplica: 1, request: 1,
          tokens: 4, blocks: 1),
      ])
  }

  @Test("A fleet that grows and shrinks says when")
  func scaling() {
    let rule = Autoscaling(
      members: 0..<2, initial: 1, least: 1, targetOutstanding: 1, intervalNs: 150, startUpNs: 200,
      scaleDownDelayNs: 0)
    // Looks at 150, 300 and so on. Both requests are there at 150: replica 1 starts, and serves
    // from 350. At 450 nobody is left, so that it is not wanted any more.
    let played = Played(
      replay([(0, 4, 4), (0, 4, 4), (1000, 4, 1)]),
      cluster: Cluster(members: [smallMember(), smallMember()], scaling: [rule]))
    #expect(
      played.events.prefix(4) == [
        EventRecord(kind: .replicaStarting, timeNs: 150, replica: 1),
        EventRecord(kind: .replicaReady, timeNs: 350, startNs: 150, replica: 1),
        EventRecord(kind: .replicaDraining, timeNs: 450, replica: 1),
        EventRecord(kind: .replicaOff, timeNs: 450, replica: 1),
      ])
  }
}

/// What holds of the events of every run, over random worlds.
@Suite("Laws of events")
struct EventLawTests {
  /// What one sample of a request lost, waited for and computed again, in the order of the events.
  private struct Life {
    var losses = 0
    var isLost = false
    var since: Int64 = 0
    var resumed: Int64?
  }

  /// Follows the events of requests. Each comes back from what it lost before it loses anything
  /// again, and what follows names when what it follows happened.
  private func lives(_ played: Played, _ what: Comment) -> [[Int64]: Life] {
    var lives: [[Int64]: Life] = [:]
    for event in played.events where event.request >= 0 && event.kind != .rejected {
      #expect(event.startNs <= event.timeNs && event.replica >= 0, what)
      var life = lives[[event.request, event.sample]] ?? Life()
      switch event.kind {
      case .preempted, .swappedOut:
        #expect(!life.isLost && event.cause != .none && event.cause != .failure, what)
        #expect((event.cause == .urgency) == (event.yieldedTo >= 0), what)
        #expect(event.yieldedTo != event.request && event.startNs == event.timeNs, what)
        (life.losses, life.isLost, life.since) = (life.losses + 1, true, event.timeNs)
      case .resumed, .swappedIn:
        #expect(life.isLost && event.startNs == life.since && event.cause == .none, what)
        (life.isLost, life.resumed) = (false, event.timeNs)
      case .recomputed:
        #expect(!life.isLost && event.startNs == life.resumed, what)
        life.resumed = nil
      default: Issue.record("an event of no such world, \(what)")
      }
      lives[[event.request, event.sample]] = life
    }
    return lives
  }

  @Test(
    "Losses are the preemptions of requests and of steps, and each is made good",
    arguments: EngineOptions.Scheduler.allCases)
  func losses(scheduler: EngineOptions.Scheduler) {
    var (losses, urgent) = (0, 0)
    for number in 0..<(60 * testDepth) {
      var world = EngineLawTests.World(number, scheduler)
      if number % 3 == 0 {
        world.workload = world.workload.sampled(number, most: min(4, world.maxNumSeqs))
      }
      let played = world.play(exact: number % 2 == 0)
      let lives = lives(played, "world \(number)")
      #expect(lives.values.allSatisfy { !$0.isLost }, "world \(number)")
      var byRequest: [Int64: Int64] = [:]
      for (name, life) in lives { byRequest[name[0], default: 0] += Int64(life.losses) }
      for request in played.requests {
        #expect(byRequest[request.id] ?? 0 == request.preemptions, "world \(number)")
      }
      let ofSteps = played.runs.reduce(0) { $0 + Int($1.preemptedRequests) }
      #expect(lives.values.reduce(0) { $0 + $1.losses } == ofSteps, "world \(number)")
      #expect(ofSteps == played.summary.preemptions, "world \(number)")
      losses += ofSteps
      urgent += played.events.count { $0.cause == .urgency }
    }
    #expect(scheduler == .staticBatching ? losses == 0 : losses > 20)
    #expect((urgent > 0) == [.priority, .edf].contains(scheduler))
  }

  @Test("A walked run's steps tell of every empty slot that its fragmentation counts")
  func emptySlots() {
    var shares = 0.0
    for number in 0..<(60 * testDepth) {
      let world = EngineLawTests.World(number, .vllm)
      let played = world.play(exact: true)
      var (owned, empty) = (0.0, 0.0)
      for run in played.runs {
        let ns = Double(run.endNs - run.startNs)
        owned += ns * Double(run.usedBlocks) * Double(world.blockSize)
        empty += ns * Double(run.emptySlots)
      }
      let share = owned == 0 ? 0 : empty / owned
      #expect(abs(share - played.summary.emptySlotShare) < 1e-12, "world \(number)")
      shares += share
    }
    #expect(shares > 1)
  }
}
