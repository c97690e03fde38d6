import CostModel
import TestSupport
import Testing

@testable import Simulator

/// What holds of every cluster, over random worlds.
@Suite("Laws of a cluster")
struct ClusterLawTests {
  /// A random world of up to five replicas, every second one of them with a pool of its own size
  /// and prices of its own.
  struct World {
    let workload: Workload
    let seed: UInt64
    let cluster: Cluster<SyntheticPricer>

    init(
      _ number: Int, _ routing: RoutingPolicy, replicas: Int? = nil, exact: Bool = false,
      checks: Bool = false
    ) {
      var random = SeededRandom(UInt64(7000 + number))
      func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
      let requests = draw(1...150)
      let arrivals: Workload.Arrivals
      switch number % 3 {
      case 0: arrivals = .poisson(requestsPerSecond: Double(draw(20...9000)) * 1000)
      case 1:
        arrivals = .closedLoop(
          concurrency: draw(1...30), thinkTime: number % 2 == 0 ? .none : .fixed(ns: 150))
      default:
        var now: Int64 = 0
        let rows = (0..<requests).map { _ in
          now += Int64(draw(0...3)) * 25
          return (now, Int32(draw(1...40)), Int32(draw(1...60)))
        }
        arrivals = .replay(World.trace(rows, prompts: number % 2 == 0), timeScale: 1)
      }
      let isReplay = number % 3 == 2
      workload = Workload(
        arrivals: arrivals, promptTokens: isReplay ? .fromTrace : .uniform(1...draw(1...40)),
        outputTokens: isReplay ? .fromTrace : .uniform(1...draw(1...60)), requests: requests,
        client: number % 5 == 0 ? Workload.Client(prepareNs: 20, sendNs: 10) : .instant)
      seed = random.next()
      let maxNumSeqs = draw(1...8)
      let options = EngineOptions(
        scheduler: number % 4 == 0 ? .sglang : .vllm, maxNumSeqs: maxNumSeqs,
        maxNumBatchedTokens: max(maxNumSeqs, draw(1...64)), blockSize: [1, 2, 5, 16][draw(0...3)],
        enablePrefixCaching: number % 4 < 3, kvCacheMemory: .bytes(0))
      let blocks = draw(8...200) / options.blockSize + draw(1...8)
      let pricer = SyntheticPricer(
        perStepNs: 50, perPromptTokenNs: Int64(draw(0...3)), perDecodeNs: Int64(draw(0...2)),
        perContextTokenNs: Int64(draw(0...3)), spanSteps: draw(1...50))
      var members: [Cluster<SyntheticPricer>.Member] = []
      for index in 0..<(replicas ?? draw(2...5)) {
        var own = pricer
        own.perStepNs += Int64(index % 2) * 13
        members.append(
          Cluster.Member(
            configuration: EngineConfiguration(
              options: options, poolBlocks: blocks + index % 2, maxPositions: 1 << 20,
              usesExactSteps: exact, checksInvariants: checks),
            pricer: own))
      }
      cluster = Cluster(members: members, routing: routing)
    }

    /// With prompts of blocks of four tokens: each begins as an earlier one does, or anew.
    static func trace(_ rows: [(Int64, Int32, Int32)], prompts: Bool) -> RequestTrace {
      var (ids, starts, next) = ([Int32](), [0], Int32(0))
      for (index, row) in rows.enumerated() {
        let count = (Int(row.1) + 3) / 4
        let shared = index % 3 == 0 ? 0 : min(count / 2, starts[1])
        ids += ids[0..<shared]
        for _ in shared..<count {
          ids.append(next)
          next += 1
        }
        starts.append(ids.count)
      }
      return RequestTrace(
        arrivalNs: rows.map(\.0), promptTokens: rows.map(\.1), outputTokens: rows.map(\.2),
        promptBlocks: prompts ? PromptBlocks(blockTokens: 4, ids: ids, starts: starts) : nil)
    }

    var played: Played { Played(workload, seed: seed, cluster: cluster) }
  }

  @Test(
    "Jumping over decode steps and walking them give the same requests on the same replicas",
    arguments: RoutingPolicy.allCases)
  func jumpsEqualSteps(routing: RoutingPolicy) {
    var (jumps, preemptions, usedReplicas) = (0, 0, Set<Int64>())
    for number in 0..<(150 * testDepth) {
      let jumped = World(number, routing).played
      let walked = World(number, routing, exact: true).played
      #expect(jumped.requests == walked.requests, "world \(number)")
      #expect(jumped.summary == walked.summary, "world \(number)")
      #expect(jumped.events == walked.events, "world \(number)")
      jumps += walked.runs.count - jumped.runs.count
      preemptions += jumped.summary.preemptions
      usedReplicas.formUnion(jumped.requests.map(\.replica))
    }
    #expect(jumps > 500 && preemptions > 25)
    #expect(usedReplicas.isSuperset(of: 0..<5))
  }

  @Test("Replicas that do not interact leave the same rows on cores of their own as on one clock")
  func independentReplicasEqualTheEventLoop() {
    var played = 0
    for number in 0..<(300 * testDepth) {
      let world = World(number, .roundRobin)
      guard world.cluster.dealsOut(world.workload) else { continue }
      played += 1
      var (apart, together) = (RecordBuffer(.all), RecordBuffer(.all))
      let scheduler = ContinuousBatching()
      var replicas = IndependentReplicas(
        world.workload, seed: world.seed, cluster: world.cluster, scheduler: scheduler,
        recording: .all)
      var engine = Engine(
        world.workload, seed: world.seed, cluster: world.cluster, scheduler: scheduler)
      while replicas.playOn(&apart) {}
      while engine.playOn(&together) {}
      #expect(replicas.summary() == engine.summary(), "world \(number)")
      #expect(apart == together)
    }
    #expect(played > 100)
  }

  @Test("A run that waits for years, or takes them, is over at once")
  func slowWorlds() {
    let year: Int64 = 31_557_600_000_000_000
    for (arrivalNs, stepNs) in [(50 * year, 1000), (0, year / 4), (20 * year, year / 4)] {
      let played = Played(
        replay([(arrivalNs, 10, 40)]), replicas: 2, pricer: SyntheticPricer(perStepNs: stepNs))
      #expect(played.requests.map(\.finishNs) == [arrivalNs + 40 * stepNs])
    }
    // Beyond the horizon it ends without an end.
    let endless = Played(
      replay([(0, 10, 500)]), replicas: 2, pricer: SyntheticPricer(perStepNs: year))
    #expect(endless.summary.reachedHorizon)
  }

  @Test("Sums of every replica agree with a recount", arguments: RoutingPolicy.allCases)
  func invariants(routing: RoutingPolicy) {
    for number in 0..<(60 * testDepth) {
      _ = World(number, routing, exact: number % 2 == 0, checks: true).played
    }
  }

  @Test("A cluster of one replica is that replica", arguments: RoutingPolicy.allCases)
  func oneReplica(routing: RoutingPolicy) {
    for number in 0..<(60 * testDepth) {
      let alone = World(number, .roundRobin, replicas: 1).played
      let routed = World(number, routing, replicas: 1).played
      #expect(alone.requests == routed.requests && alone.runs == routed.runs)
    }
  }

  @Test("Every request leaves once, and what replicas did adds up to what the cluster did")
  func conservation() {
    for routing in RoutingPolicy.allCases {
      for number in 0..<(60 * testDepth) {
        let world = World(number, routing)
        let played = world.played
        #expect(played.requestsById.map(\.id) == Array(0..<Int64(world.workload.requests)))
        let summary = played.summary
        #expect(
          summary.replicas.reduce(0) { $0 + $1.requests } + summary.rejectedRequests
            == world.workload.requests)
        #expect(summary.replicas.reduce(0) { $0 + $1.busyNs } == summary.busyNs)
        #expect(summary.replicas.reduce(0) { $0 + $1.steps } == summary.steps)
        for (index, replica) in summary.replicas.enumerated() {
          let own = played.requests.filter { $0.replica == Int64(index) }
          #expect(replica.requests == own.count)
          #expect(replica.outputTokens == own.reduce(0) { $0 + Int($1.outputTokens) })
          #expect(replica.busyNs <= summary.durationNs, "utilisation is at most 1")
        }
      }
    }
  }

  @Test("By turns, each replica does what it does alone with every n-th request of an open loop")
  func independence() {
    for number in stride(from: 2, to: 60 * testDepth, by: 3) {
      let world = World(number, .roundRobin)
      guard case .replay(let trace, _) = world.workload.arrivals,
        world.workload.client == .instant
      else { continue }
      let played = world.played
      // A replica that refuses a request gives its turn away.
      guard played.summary.rejectedRequests == 0,
        played.requests.allSatisfy({ Int($0.id) % world.cluster.members.count == Int($0.replica) })
      else { continue }
      for (index, member) in world.cluster.members.enumerated() {
        let own = stride(from: index, to: trace.count, by: world.cluster.members.count)
        guard index < trace.count else { continue }
        let alone = Played(
          Workload(
            arrivals: .replay(
              RequestTrace(
                arrivalNs: own.map { trace.arrivalNs[$0] },
                promptTokens: own.map { trace.promptTokens[$0] },
                outputTokens: own.map { trace.outputTokens[$0] },
                promptBlocks: trace.promptBlocks?.picking(Array(own))), timeScale: 1),
            promptTokens: .fromTrace, outputTokens: .fromTrace, requests: own.map { $0 }.count),
          seed: world.seed, cluster: Cluster(members: [member]))
        let inCluster = played.requestsById.filter { $0.replica == Int64(index) }
        #expect(alone.requestsById.map(\.finishNs) == inCluster.map(\.finishNs))
        #expect(alone.requestsById.map(\.firstTokenNs) == inCluster.map(\.firstTokenNs))
        #expect(alone.requestsById.map(\.cachedTokens) == inCluster.map(\.cachedTokens))
      }
    }
  }
}
