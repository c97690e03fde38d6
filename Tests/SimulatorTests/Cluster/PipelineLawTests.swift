import CostModel
import TestSupport
import Testing

@testable import Simulator

/// What holds of every pipeline, over random worlds.
@Suite("Laws of pipelines")
struct PipelineLawTests {
  /// A random world, its engine in up to four stages with random shares of a step's time.
  struct World {
    let world: EngineLawTests.World
    let stages: Int
    let pricer: SyntheticPricer

    init(_ number: Int, _ scheduler: EngineOptions.Scheduler, stages: Int) {
      world = EngineLawTests.World(number, scheduler)
      self.stages = stages
      var random = SeededRandom(UInt64(number) ^ 0xBEEF)
      func draw(_ range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &random) }
      var pricer = world.pricer
      pricer.stageShares = (0..<stages).map { _ in draw(0...9) }
      pricer.stageShares[0] += 1
      pricer.sendNs = number % 2 == 0 ? draw(0...40) : 0
      pricer.hostNs = number % 3 == 0 ? draw(0...60) : 0
      self.pricer = pricer
    }

    func play(
      replicas: Int = 1, routing: RoutingPolicy = .roundRobin, exact: Bool = false,
      tokenTimes: Bool = false
    ) -> Played {
      let options = EngineOptions(
        scheduler: world.scheduler, maxNumSeqs: world.maxNumSeqs,
        maxNumBatchedTokens: world.maxNumBatchedTokens, blockSize: world.blockSize,
        enablePrefixCaching: world.enablePrefixCaching, pipelineParallelSize: stages,
        kvCacheMemory: .bytes(0), longPrefillTokenThreshold: world.longPrefillTokenThreshold,
        watermark: world.watermark, maxQueuedRequests: world.maxQueuedRequests)
      let member = Cluster.Member(
        configuration: EngineConfiguration(
          options: options, poolBlocks: world.poolBlocks * stages, maxPositions: 1 << 20,
          usesExactSteps: exact, checksInvariants: true),
        pricer: pricer)
      return Played(
        world.workload, seed: world.seed,
        cluster: Cluster(
          members: Array(repeating: member, count: replicas), routing: routing),
        tokenTimes: tokenTimes)
    }
  }

  @Test(
    "Every request leaves once, tokens add up, and steps stay within their lanes",
    arguments: EngineOptions.Scheduler.allCases)
  func conservation(scheduler: EngineOptions.Scheduler) {
    var (waitNs, preemptions): (Int64, Int) = (0, 0)
    for number in 0..<(32 * testDepth) {
      let world = World(number, scheduler, stages: 2 + number % 3)
      let played = world.play()
      #expect(
        played.requests.map(\.id).sorted() == Array(0..<Int64(world.world.workload.requests)))
      played.expectTokensConserved()
      for run in played.runs {
        #expect(run.steps == 1 && run.endNs - run.startNs >= run.cost.totalNs)
        #expect(run.decodeSequences + run.prefillSequences <= Int64(world.world.maxNumSeqs))
        #expect(run.usedBlocks <= Int64(world.world.poolBlocks * world.stages))
      }
      #expect(mostAtOnce(played.runs) <= world.stages, "a lane has one step under way")
      checkTimes(played)
      waitNs += played.summary.replicas[0].stageWaitNs
      preemptions += played.summary.preemptions
    }
    #expect(waitNs > 0)
    #expect(scheduler == .staticBatching ? preemptions == 0 : preemptions > 0)
  }

  /// The most steps under way at one time.
  private func mostAtOnce(_ runs: [StepRecord]) -> Int {
    // Of one instant ends come first.
    let starts: [Int64] = runs.map(\.startNs).sorted()
    let ends: [Int64] = runs.map(\.endNs).sorted()
    var (ended, most) = (0, 0)
    for (index, startNs) in starts.enumerated() {
      while ended < ends.count, ends[ended] <= startNs { ended += 1 }
      most = max(most, index + 1 - ended)
    }
    return most
  }

  /// What steps take beyond their cost is what they wait; no stage is busier than the run is long.
  private func checkTimes(_ played: Played) {
    let replica = played.summary.replicas[0]
    let spans = played.runs.reduce(Int64(0)) { $0 + $1.endNs - $1.startNs }
    #expect(spans == played.summary.cost.totalNs + replica.stageWaitNs)
    #expect(replica.stageBusyNs.allSatisfy { $0 <= replica.busyNs })
    #expect(replica.busyNs <= played.summary.durationNs && replica.busyNs <= spans)
    #expect(replica.stageBusyNs.reduce(0, +) <= played.summary.cost.totalNs)
    #expect(replica.steps == played.summary.steps)
  }

  @Test("Steps walked one by one are the same", arguments: RoutingPolicy.allCases)
  func exactSteps(routing: RoutingPolicy) {
    for number in 0..<(15 * testDepth) {
      let world = World(number, .vllm, stages: 1 + number % 4)
      let (walked, usual) = (
        world.play(replicas: 2, routing: routing, exact: true),
        world.play(replicas: 2, routing: routing)
      )
      #expect(walked.requests == usual.requests && walked.summary == usual.summary)
    }
  }

  @Test("One client at a time meets no other step: stages change nothing")
  func alone() {
    for number in stride(from: 1, to: 60, by: 3) {
      let world = World(number, .vllm, stages: 2 + number % 3)
      let rows: [(Int64, Int32, Int32)] = [(0, Int32(1 + number % 40), Int32(1 + number % 50))]
      let (own, whole) = (
        Played(
          replay(rows), cluster: Cluster(members: [PipelineTests.member(world.pricer)])),
        Played(
          replay(rows),
          cluster: Cluster(members: [PipelineTests.member(world.pricer, isPipeline: false)]))
      )
      #expect(own.requests == whole.requests)
      #expect(own.summary.cost == whole.summary.cost)
    }
  }

  @Test("Full lanes give steps as fast as the slowest stage, or as lanes follow themselves")
  func saturated() {
    var random = SeededRandom(11)
    for _ in 0..<(40 * testDepth) {
      let stages = Int.random(in: 2...4, using: &random)
      let pricer = SyntheticPricer(
        perStepNs: 1000,
        stageShares: (0..<stages).map { _ in Int64.random(in: 1...9, using: &random) },
        sendNs: Int64.random(in: 0...300, using: &random),
        hostNs: Int64.random(in: 0...300, using: &random))
      let played = Played(
        replay((0..<stages).map { _ in (0, 1, 300) }),
        cluster: Cluster(members: [PipelineTests.member(pricer)]))
      var times = StageTimes(stages: stages)
      let batch = BatchShape(decodeSequences: 1, contextTokens: 2, longestContext: 2)
      pricer.spread(pricer.cost(of: batch), of: batch, over: &times)
      let slowest = max(times.hostNs, times.stageNs.max()!)
      let ends = played.runs.map(\.endNs).sorted()
      let periods = Set((100..<250 * stages).map { ends[$0 + stages] - ends[$0] })
      #expect(periods == [max(Int64(stages) * slowest, times.totalNs)], "\(pricer)")
    }
  }
}
