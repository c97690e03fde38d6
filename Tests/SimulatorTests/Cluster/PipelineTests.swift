import CostModel
import Testing

@testable import Simulator

/// Layers spread over stages, worked out by hand. A step takes 100 ns and 1 ns a prompt token,
/// three fifths in the first of two stages and the rest in the second. Before it the host takes
/// 5 ns, and between the stages a send takes 10.
@Suite("Pipelines")
struct PipelineTests {
  static let pricer = SyntheticPricer(
    perStepNs: 100, perPromptTokenNs: 1, stageShares: [3, 2], sendNs: 10, hostNs: 5)

  /// A replica of as many stages as the prices have, unless it is to have one.
  static func member(
    _ pricer: SyntheticPricer = pricer, isPipeline: Bool = true,
    scheduler: EngineOptions.Scheduler = .vllm, maxNumSeqs: Int = 16, poolBlocks: Int = 1 << 20,
    maxQueuedRequests: Int? = nil
  ) -> Cluster<SyntheticPricer>.Member {
    Cluster.Member(
      configuration: EngineConfiguration(
        options: EngineOptions(
          scheduler: scheduler, maxNumSeqs: maxNumSeqs, maxNumBatchedTokens: 2048, blockSize: 4,
          enablePrefixCaching: false,
          pipelineParallelSize: isPipeline ? pricer.stageShares.count : 1,
          kvCacheMemory: .bytes(0), maxQueuedRequests: maxQueuedRequests),
        poolBlocks: poolBlocks, maxPositions: 1 << 20, checksInvariants: true),
      pricer: pricer)
  }

  @Test("Two lanes in two stages: every entry and every end of a stage")
  func handWorked() {
    // At 0 both prompts are planned, A's of 20 tokens on lane 0 and B's of 50 on lane 1.
    //          host      stage 1    on the way  stage 2    takes  waits
    //   A, 20  0–5       5–77       –87         87–135     135    0
    //   B, 50  5–10      77–167     –177        177–237    165    72
    //   A, 2nd 135–140   167–227    –237        237–277    115    27
    //   B, 2nd 237–242   242–302    –312        312–352    115    0     B ends
    //   A, 3rd 277–282   302–362    –372        372–412    115    20    A ends
    let steps: [(plannedNs: Int64, workNs: Int64, entries: [Int64], ends: [Int64])] = [
      (0, 120, [5, 87], [77, 135]), (0, 150, [77, 177], [167, 237]),
      (135, 100, [167, 237], [227, 277]), (237, 100, [242, 312], [302, 352]),
      (277, 100, [302, 372], [362, 412]),
    ]
    var queue = StageQueue(stages: 2)
    for step in steps {
      var times = StageTimes(stages: 2)
      times.hostNs = 5
      times.sendNs = 10
      times.stageNs = [step.workNs * 3 / 5, step.workNs * 2 / 5]
      #expect(queue.pass(times, from: step.plannedNs) == step.ends[1])
      #expect(queue.freeNs == step.ends)
      #expect(zip(queue.freeNs, times.stageNs).map { $0 - $1 } == step.entries)
    }

    let played = Played(
      replay([(0, 20, 3), (0, 50, 2)]), cluster: Cluster(members: [PipelineTests.member()]))
    #expect(played.runs.map(\.startNs) == [0, 0, 135, 237, 277])
    #expect(played.runs.map(\.endNs) == steps.map { $0.ends[1] })
    #expect(played.runs.map(\.cost.totalNs) == [135, 165, 115, 115, 115])
    #expect(played.runs.allSatisfy { $0.steps == 1 && $0.replica == 0 })
    let (a, b) = (played.requestsById[0], played.requestsById[1])
    #expect(a.firstTokenNs == 135 && a.finishNs == 412)
    #expect(b.firstTokenNs == 237 && b.finishNs == 352)
    // A's gaps are 142 and 135, B's is 115.
    #expect(played.summary.itl.count == 3 && played.summary.itl.maxNs == 142)
    // A's prompt and B's are five and thirteen blocks, of both lanes together.
    #expect(played.runs.map(\.usedBlocks) == [18, 19, 19, 19, 6])
    #expect(played.summary.peakUsedBlocks == 19 && played.summary.peakRunning == 2)
    let replica = played.summary.replicas[0]
    #expect(played.summary.replicas.count == 1 && replica.requests == 2 && replica.steps == 5)
    // Three steps of decodes beside both prompts.
    #expect(replica.stageBusyNs == [342, 228])
    #expect(replica.stageWaitNs == 72 + 27 + 20)
    #expect(replica.busyNs == 412 && played.summary.busyNs == 412)
    #expect(played.summary.cost.totalNs == 135 + 165 + 3 * 115)
  }

  @Test("A request goes to the lane with the fewest, whatever router chose the pipeline")
  func lanes() {
    // Pipelines of two lanes and single engines by turns: each gets every third request, and each
    // lane every second of its pipeline's.
    let members = [
      PipelineTests.member(), PipelineTests.member(isPipeline: false), PipelineTests.member(),
    ]
    for routing in RoutingPolicy.allCases where routing != .powerOfTwoChoices {
      let played = Played(
        replay((0..<12).map { _ in (0, 20, 2) }),
        cluster: Cluster(members: members, routing: routing))
      #expect(played.requestsById.map(\.replica) == (0..<12).map { $0 % 3 }, "\(routing)")
      for replica in [0, 2] as [Int64] {
        let first = played.runs.filter { $0.replica == replica && $0.startNs == 0 }
        #expect(first.map(\.prefillSequences) == [2, 2])
      }
    }
  }

  @Test("A lane has its part of the pool, rounded down")
  func pool() {
    // 11 blocks of 4 tokens for two lanes: each holds 20 tokens, and a request needs one less than
    // prompt and output.
    let played = Played(
      replay([(0, 20, 1), (0, 20, 2), (0, 5, 16), (0, 5, 17)]),
      cluster: Cluster(members: [PipelineTests.member(poolBlocks: 11)]))
    #expect(
      played.requestsById.map(\.outcome) == [.finished, .rejected, .finished, .rejected])
    // Five of the first, and two of the third while they last.
    #expect(played.summary.peakUsedBlocks == 7)
  }

  @Test("Seats and the length of the queue are of each lane")
  func seats() {
    let played = Played(
      replay((0..<7).map { _ in (0, 20, 2) }),
      cluster: Cluster(
        members: [PipelineTests.member(maxNumSeqs: 1, maxQueuedRequests: 2)]))
    // Of each lane one runs and two wait.
    #expect(
      played.requestsById.map(\.outcome) == Array(repeating: .finished, count: 6) + [.rejected])
    #expect(played.summary.peakRunning == 2)
  }

  @Test("A request alone takes what its steps cost through all stages", arguments: 1...4)
  func alone(stages: Int) {
    var pricer = PipelineTests.pricer
    pricer.stageShares = Array([5, 1, 3, 2].prefix(stages))
    pricer.perContextTokenNs = 1
    let rows: [(Int64, Int32, Int32)] = [(7, 5000, 40)]
    let (own, whole) = (
      Played(replay(rows), cluster: Cluster(members: [PipelineTests.member(pricer)])),
      Played(
        replay(rows),
        cluster: Cluster(members: [PipelineTests.member(pricer, isPipeline: false)]))
    )
    #expect(own.requests == whole.requests)
    #expect(own.summary.cost == whole.summary.cost)
    #expect(own.summary.busyNs == whole.summary.busyNs)
    #expect(own.summary.replicas[0].stageWaitNs == 0)
  }

  @Test("Full lanes give a step for each time of the slowest stage, or of the host")
  func saturated() {
    // Stages of 25, 50 and 25 ns; between them 10, before them 5: a step takes 125, and with three
    // lanes three steps could end in that time, but for the stage in the middle.
    var pricer = SyntheticPricer(perStepNs: 100, stageShares: [1, 2, 1], sendNs: 10, hostNs: 5)
    #expect(PipelineTests.period(pricer) == [150])
    // A host that takes longer than any stage.
    pricer.hostNs = 60
    #expect(PipelineTests.period(pricer) == [180])
    pricer.hostNs = 90
    #expect(PipelineTests.period(pricer) == [270])
    // Sends so long that all lanes together do not fill a stage: a lane's steps follow each other.
    pricer.sendNs = 300
    #expect(PipelineTests.period(pricer) == [790])
  }

  /// How long three steps take, one of each lane, once all are decoding.
  static func period(_ pricer: SyntheticPricer) -> Set<Int64> {
    let played = Played(
      replay((0..<3).map { _ in (0, 1, 200) }), cluster: Cluster(members: [member(pricer)]))
    let ends = played.runs.map(\.endNs).sorted()
    return Set((60..<500).map { ends[$0 + 3] - ends[$0] })
  }

  @Test("Steps that would end beyond the horizon end the run")
  func horizon() {
    let year: Int64 = 31_557_600_000_000_000
    let played = Played(
      replay((0..<2).map { _ in (0, 10, 500) }),
      cluster: Cluster(
        members: [
          PipelineTests.member(
            SyntheticPricer(perStepNs: year, stageShares: [1, 1]))
        ]))
    #expect(played.summary.reachedHorizon)
  }
}
