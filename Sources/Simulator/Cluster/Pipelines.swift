import CostModel

/// Which servers are the lanes of which replica.
///
/// A replica whose layers are spread over P stages works on up to P batches at once, each from a
/// lane of its own: vLLM V0's *virtual engines*. A lane is a server, with requests, a queue and
/// seats of its own and an equal part of the pool. Servers are numbered through all replicas.
struct Lanes: Sendable {
  /// By replica, its servers.
  let ofReplica: [Range<Int>]
  /// By server, the replica.
  let replica: [Int]

  /// - Parameter lanes: how many each replica has.
  init(_ lanes: [Int]) {
    var ranges: [Range<Int>] = []
    for count in lanes {
      let first = ranges.last?.upperBound ?? 0
      ranges.append(first..<first + count)
    }
    ofReplica = ranges
    replica = lanes.indices.flatMap { Array(repeating: $0, count: lanes[$0]) }
  }

  /// All lanes of the replica that a server is of.
  func beside(_ server: Int) -> Range<Int> { ofReplica[replica[server]] }
}

/// When the stages of one pipeline are free.
///
/// Stages work on one step at a time, in the order in which steps were planned. So does the host,
/// one process for all lanes, which a step passes first. What is sent from one stage to the next
/// keeps neither from working on.
struct StageQueue: Sendable {
  /// When the host has done what it has to do so far.
  private(set) var hostFreeNs: Int64 = 0
  /// When each stage has.
  private(set) var freeNs: [Int64]

  init(stages: Int) {
    freeNs = Array(repeating: 0, count: stages)
  }

  /// A step that was planned at `now` passes all stages; when it is out of the last. O(stages).
  mutating func pass(_ times: StageTimes, from now: Int64) -> Int64 {
    hostFreeNs = max(now, hostFreeNs) + times.hostNs
    var readyNs = hostFreeNs
    for stage in freeNs.indices {
      freeNs[stage] = max(readyNs, freeNs[stage]) + times.stageNs[stage]
      readyNs = freeNs[stage] + times.sendNs
    }
    return readyNs - times.sendNs
  }
}

/// The replicas of a cluster whose layers are spread over stages, and what they come to.
struct Pipelines: Sendable {
  /// What the lanes of one replica share. A replica of one lane has no use for it.
  private struct Pipeline: Sendable {
    var queue: StageQueue
    /// Lanes with a step under way.
    var lanesAtWork = 0
    /// Since when there has been one that `busyNs` does not count yet.
    var sinceNs: Int64 = 0
    /// Time with a step under way.
    var busyNs: Int64 = 0
    /// Time for which each stage had a step.
    var stageBusyNs: [Int64]
    /// The most sequences with blocks of all lanes together.
    var peakRunning = 0
    /// The most blocks that all lanes owned together behind the plan of a step.
    var peakUsedBlocks = 0

    init(stages: Int) {
      queue = StageQueue(stages: stages)
      stageBusyNs = Array(repeating: 0, count: stages)
    }
  }

  let lanes: Lanes
  /// By replica.
  private var pipelines: [Pipeline]

  init(_ lanes: Lanes) {
    self.lanes = lanes
    pipelines = lanes.ofReplica.map { Pipeline(stages: $0.count) }
  }

  /// The step that a lane has planned passes through the stages of its pipeline; when it ends.
  /// O(stages).
  mutating func begin<Pricer, Policy>(
    stepOf lane: Int, on servers: inout [Server<Pricer, Policy>], now: Int64
  ) -> Int64 {
    let replica = lanes.replica[lane]
    var (running, used) = (0, 0)
    for lane in lanes.ofReplica[replica] {
      running += servers[lane].replica.runningCount
      used += servers[lane].replica.pool.used
    }
    pipelines[replica].peakRunning = max(pipelines[replica].peakRunning, running)
    pipelines[replica].peakUsedBlocks = max(pipelines[replica].peakUsedBlocks, used)
    if pipelines[replica].lanesAtWork == 0 { pipelines[replica].sinceNs = now }
    pipelines[replica].lanesAtWork += 1
    let endNs = pipelines[replica].queue.pass(servers[lane].stageTimes, from: now)
    servers[lane].endStep(at: endNs)
    return endNs
  }

  /// A lane's step ends; the slots of the other lanes of its pipeline, with what their steps have
  /// computed so far. O(stages and prompts under way).
  mutating func end<Pricer, Policy>(
    stepOf lane: Int, on servers: [Server<Pricer, Policy>], now: Int64
  ) -> SlotCount {
    let replica = lanes.replica[lane]
    pipelines[replica].lanesAtWork -= 1
    pipelines[replica].busyNs += now - pipelines[replica].sinceNs
    pipelines[replica].sinceNs = now
    for (stage, ns) in servers[lane].stageTimes.stageNs.enumerated() {
      pipelines[replica].stageBusyNs[stage] += ns
    }
    var others = SlotCount.none
    for other in lanes.ofReplica[replica] where other != lane {
      others += servers[other].replica.slots()
    }
    return others
  }

  /// What each replica did, its lanes together.
  func summaries<Pricer, Policy>(of servers: [Server<Pricer, Policy>]) -> [ReplicaSummary] {
    lanes.ofReplica.enumerated().map { replica, own in
      guard own.count > 1 else { return servers[own.lowerBound].summary }
      var sum = ReplicaSummary()
      for lane in servers[own].map(\.summary) {
        sum.requests += lane.requests
        sum.steps += lane.steps
        sum.outputTokens += lane.outputTokens
        sum.stageWaitNs += lane.stageWaitNs
      }
      sum.busyNs = pipelines[replica].busyNs
      sum.stageBusyNs = pipelines[replica].stageBusyNs
      sum.peakRunning = pipelines[replica].peakRunning
      sum.peakUsedBlocks = pipelines[replica].peakUsedBlocks
      return sum
    }
  }
}
