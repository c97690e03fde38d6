import CostModel
import TestSupport
import Testing

@testable import Simulator

/// What holds of every cluster whose replicas hand requests over, fail, come and go.
@Suite("Laws of a fleet")
struct FleetLawTests {
  /// What a random fleet does.
  enum Kind: CaseIterable, Sendable {
    case handsOver, fails, scales, all

    var handsOver: Bool { self == .handsOver || self == .all }
    var fails: Bool { self == .fails || self == .all }
    var scales: Bool { self == .scales || self == .all }
  }

  /// A random world of the kind.
  struct World {
    let workload: Workload
    let seed: UInt64
    let cluster: Cluster<SyntheticPricer>

    init(_ number: Int, _ kind: Kind, exact: Bool = false, checks: Bool = false) {
      let base = ClusterLawTests.World(
        number, RoutingPolicy.allCases[number % RoutingPolicy.allCases.count],
        replicas: 4 + number % 3, exact: exact, checks: checks)
      var random = SeededRandom(UInt64(90_000 + number))
      func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
      workload = number % 5 == 2 ? World.conversations(of: base.workload) : base.workload
      seed = base.seed
      let options = World.options(number, base.cluster.members[0].configuration.options)
      let members = base.cluster.members
      let prefills = draw(1...(members.count - 1))
      let longestNs = 12_000
      cluster = Cluster(
        members: members.enumerated().map { index, member in
          Cluster.Member(
            configuration: EngineConfiguration(
              options: options, poolBlocks: member.configuration.poolBlocks,
              maxPositions: member.configuration.maxPositions, usesExactSteps: exact,
              checksInvariants: checks),
            pricer: member.pricer,
            role: !kind.handsOver ? .whole : index < prefills ? .prefill : .decode)
        },
        routing: base.cluster.routing,
        transfer: kind.handsOver
          ? KVTransfer(
            link: CopyLink(
              bytesPerSecond: 1_000_000_000, latencyNs: Int64(draw(0...40))),
            blockBytes: draw(1...60)) : nil,
        outages: (0..<(kind.fails ? draw(1...6) : 0)).map { _ in
          Outage(
            replica: draw(0...(members.count - 1)), atNs: Int64(draw(0...longestNs)),
            recoversAfterNs: draw(0...3) == 0 ? nil : Int64(draw(0...longestNs)))
        },
        scaling: kind.scales
          ? [0..<prefills, prefills..<members.count].map { range in
            let initial = draw(1...range.count)
            return Autoscaling(
              members: range, initial: initial, least: draw(1...initial),
              targetOutstanding: draw(1...4), intervalNs: Int64(draw(50...500)),
              startUpNs: Int64(draw(0...1000)), scaleDownDelayNs: Int64(draw(0...2000)))
          } : [])
    }

    /// As many requests in sessions.
    private static func conversations(of workload: Workload) -> Workload {
      Workload(
        arrivals: .poisson(requestsPerSecond: 5_000_000),
        classes: [
          RequestClass(
            promptTokens: .uniform(1...12), outputTokens: .uniform(1...20),
            systemPromptTokens: 8,
            sessions: Sessions(turns: .uniform(1...4), thinkTime: .fixed(ns: 300)))
        ], requests: workload.requests)
    }

    /// The scheduler by the number, with drafted tokens in a part of the worlds of each.
    private static func options(_ number: Int, _ base: EngineOptions) -> EngineOptions {
      let schedulers: [EngineOptions.Scheduler] = [
        .vllm, .sglang, .priority, .edf, .shortestPromptFirst, .sarathi,
      ]
      let scheduler = schedulers[number % schedulers.count]
      let drafts = number / schedulers.count % 3 == 1
      return EngineOptions(
        scheduler: scheduler, maxNumSeqs: base.maxNumSeqs,
        maxNumBatchedTokens: max(base.maxNumBatchedTokens, 3 * base.maxNumSeqs),
        blockSize: base.blockSize, enablePrefixCaching: base.enablePrefixCaching,
        kvCacheMemory: base.kvCacheMemory,
        speculation: drafts ? SpeculativeDecoding(draftTokens: 2, acceptanceRate: 0.6) : nil)
    }

    var played: Played { Played(workload, seed: seed, cluster: cluster) }
  }

  @Test(
    "Jumping over decode steps and walking them give the same requests on the same replicas",
    arguments: Kind.allCases)
  func jumpsEqualSteps(kind: Kind) {
    var (jumps, displaced, transfers) = (0, 0, 0)
    for number in 0..<(60 * testDepth) {
      let jumped = World(number, kind).played
      let walked = World(number, kind, exact: true).played
      #expect(jumped.requests == walked.requests, "world \(number)")
      #expect(jumped.summary == walked.summary, "world \(number)")
      #expect(jumped.events == walked.events, "world \(number)")
      jumps += walked.runs.count - jumped.runs.count
      displaced += jumped.summary.displacedRequests
      transfers += jumped.summary.transfers?.transfers ?? 0
    }
    #expect(jumps > 200)
    #expect((displaced > 30) == kind.fails && (transfers > 500) == kind.handsOver)
  }

  @Test("Sums of every replica agree with a recount", arguments: Kind.allCases)
  func invariants(kind: Kind) {
    for number in 0..<(30 * testDepth) {
      _ = World(number, kind, exact: number % 2 == 0, checks: true).played
    }
  }

  @Test("Every request leaves once, from where it may", arguments: Kind.allCases)
  func conservation(kind: Kind) {
    for number in 0..<(50 * testDepth) {
      let world = World(number, kind)
      let played = world.played
      let (summary, members) = (played.summary, world.cluster.members)
      #expect(played.requestsById.map(\.id) == Array(0..<Int64(world.workload.requests)))
      #expect(
        summary.replicas.reduce(0) { $0 + $1.requests } + summary.rejectedRequests
          == world.workload.requests)
      #expect(
        summary.preemptions
          == played.requests.reduce(0) {
            $0 + ($1.outcome == .finished ? Int($1.preemptions) : 0)
          } || summary.rejectedRequests > 0)
      for (index, replica) in summary.replicas.enumerated() {
        #expect(replica.busyNs <= summary.durationNs, "utilisation is at most 1")
        if let present = replica.presentNs { #expect(replica.busyNs <= present) }
        if members[index].role == .decode {
          let own = played.requests.filter { $0.replica == Int64(index) }
          #expect(own.allSatisfy { $0.outputTokens > 1 }, "a first token is not decoded")
        }
      }
      for request in played.requests where request.outcome == .finished {
        #expect(request.arrivalNs <= request.scheduledNs)
        #expect(request.scheduledNs < request.firstTokenNs)
        #expect(request.firstTokenNs <= request.finishNs)
        let role = members[Int(request.replica)].role
        #expect(role != .prefill || request.outputTokens == 1 || request.preemptions > 0)
      }
    }
  }

  @Test("Tokens computed as prompts beyond the prompts are those that were lost")
  func nothingIsComputedTwice() {
    for number in 0..<(50 * testDepth) {
      let played = World(number, .handsOver).played
      if played.summary.preemptions == 0 { #expect(played.summary.recomputedTokens == 0) }
    }
  }
}
