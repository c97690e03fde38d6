import CostModel
import Planning
import Scenario
import Simulator
import Trace

/// The comparison of formats as JSON: keys in order, times in nanoseconds, and nothing that differs
/// between two runs of the same scenario, seed and profile.
public struct ComparisonJSON: Encodable {
  private let scenario: String
  private let seed: UInt64
  private let model: String
  private let requests: Int
  private let profile: ProfileSection
  /// Absent of one device.
  private let link: LinkSection?
  private let formats: [FormatSection]

  /// The JSON of a comparison.
  public init(_ comparison: FormatComparison) {
    let given = comparison.scenario
    scenario = given.name
    seed = given.seed
    model = given.model.name
    requests = given.workload.requests
    profile = ProfileSection(given.profile, checksum: given.setup.profileChecksum)
    link = given.parallelism.devices > 1 ? given.parallelism.link.map(LinkSection.init) : nil
    formats = comparison.outcomes.map { FormatSection($0, of: given) }
  }

  /// The text, ended by a newline.
  public func rendered() throws -> String { try snakeCaseJSON() }

  private struct ProfileSection: Encodable {
    let device: String
    let kernelPath: String
    let threads: Int
    let provenance: String
    /// Absent of a profile that is not derived.
    let derivedFrom: String?
    let measuredAtUtc: String
    let checksum: String

    init(_ profile: Profile, checksum: String) {
      device = profile.device.name
      kernelPath = profile.device.kernelPath
      threads = profile.device.threads
      provenance = profile.provenance.rawValue
      derivedFrom = profile.derivation?.from
      measuredAtUtc = profile.measuredAtUTC
      self.checksum = checksum
    }
  }

  private struct LinkSection: Encodable {
    /// Of a measured link those from which is derived what was not measured.
    let bytesPerS: Int
    let latencyNs: Int64
    /// The rest is absent of a link that the scenario states.
    let device: String?
    let software: String?
    let measuredAtUtc: String?

    init(_ link: Link) {
      bytesPerS = link.bytesPerSecond
      latencyNs = link.latencyNs
      device = link.measurements?.device
      software = link.measurements?.software
      measuredAtUtc = link.measurements?.measuredAtUTC
    }
  }

  private struct Latency: Encodable {
    let count: Int
    let meanNs: Double
    let p50Ns: Int64
    let p90Ns: Int64
    let p95Ns: Int64
    let p99Ns: Int64
    let maxNs: Int64

    /// Nothing without a value: a latency of zero would be a lie.
    init?(_ statistics: LatencyStatistics) {
      guard statistics.count > 0 else { return nil }
      count = statistics.count
      meanNs = statistics.meanNs
      p50Ns = statistics.p50Ns
      p90Ns = statistics.p90Ns
      p95Ns = statistics.p95Ns
      p99Ns = statistics.p99Ns
      maxNs = statistics.maxNs
    }
  }

  private struct StepTime: Encodable {
    let linearNs: Int64
    let appendNs: Int64
    let decodeAttentionNs: Int64
    let prefillAttentionNs: Int64
    let elementwiseNs: Int64
    let collectiveNs: Int64
    let hostNs: Int64
    let swapNs: Int64
    let extrapolatedNs: Int64
    let derivedNs: Int64

    init(_ cost: StepCost) {
      linearNs = cost.linearNs
      appendNs = cost.appendNs
      decodeAttentionNs = cost.decodeAttentionNs
      prefillAttentionNs = cost.prefillAttentionNs
      elementwiseNs = cost.elementwiseNs
      collectiveNs = cost.collectiveNs
      hostNs = cost.hostNs
      swapNs = cost.swapNs
      extrapolatedNs = cost.extrapolatedNs
      derivedNs = cost.derivedNs
    }
  }

  private struct ReplicaSection: Encodable {
    let requests: Int
    let outputTokens: Int
    let steps: Int
    let busyNs: Int64
    let peakUsedBlocks: Int
    /// Absent where the layers are in one stage, as what follows.
    let stageBusyNs: [Int64]?
    let stageWaitNs: Int64?
    /// Absent where replicas neither fail nor are switched off.
    let presentNs: Int64?
    /// Absent where replicas are alike.
    let group: String?

    init(_ replica: ReplicaSummary, group: String?) {
      presentNs = replica.presentNs
      self.group = group
      let hasStages = !replica.stageBusyNs.isEmpty
      stageBusyNs = hasStages ? replica.stageBusyNs : nil
      stageWaitNs = hasStages ? replica.stageWaitNs : nil
      requests = replica.requests
      outputTokens = replica.outputTokens
      steps = replica.steps
      busyNs = replica.busyNs
      peakUsedBlocks = replica.peakUsedBlocks
    }
  }

  private struct TransferSection: Encodable {
    let transfers: Int
    let bytes: Int
    let waiting: Latency?
    let copying: Latency?

    init(_ summary: TransferSummary) {
      transfers = summary.transfers
      bytes = summary.bytes
      waiting = Latency(summary.waiting)
      copying = Latency(summary.copying)
    }
  }

  private struct GroupSection: Encodable {
    let name: String
    let role: String
    let replicas: Int
    let device: String
    let profileChecksum: String
    let format: String
    let kvBytesPerToken: Int
    let poolTokens: Int
    let poolBlocks: Int
    let poolBytes: Int
    let weightBytes: Int
    let activationBytes: Int

    init(_ own: GroupPool) {
      name = own.group.name
      role = own.group.role.rawValue
      replicas = own.group.most
      device = own.group.setup.profile.device.name
      profileChecksum = own.group.setup.profileChecksum
      format = own.format.name
      kvBytesPerToken = own.pool.kvBytesPerToken
      poolTokens = own.pool.tokens
      poolBlocks = own.pool.blocks
      poolBytes = own.pool.poolBytes
      weightBytes = own.pool.weightBytes
      activationBytes = own.pool.activationBytes
    }
  }

  private struct SwapSection: Encodable {
    let preemptions: Int
    let blocksOut: Int
    let blocksIn: Int
    let peakHostBlocks: Int
    let hostBlocks: Int

    /// Nothing where the host's memory holds no block.
    init?(_ outcome: FormatOutcome) {
      let (summary, memory) = (outcome.summary, outcome.pool.hostMemory)
      guard memory.blocks > 0 else { return nil }
      preemptions = summary.swaps
      blocksOut = summary.blocksSwappedOut
      blocksIn = summary.blocksSwappedIn
      peakHostBlocks = summary.peakHostBlocks
      hostBlocks = memory.blocks
    }
  }

  private struct DraftSection: Encodable {
    let drafts: Int
    let acceptedTokens: Int
    let meanAcceptanceLength: Double?

    init(_ drafting: DraftSummary) {
      drafts = drafting.drafts
      acceptedTokens = drafting.acceptedTokens
      meanAcceptanceLength = drafting.meanAcceptanceLength
    }
  }

  private struct SampleSection: Encodable {
    let samples: Int
    let blocksCopiedOnWrite: Int

    init(_ sampling: SampleSummary) {
      samples = sampling.samples
      blocksCopiedOnWrite = sampling.blocksCopied
    }
  }

  private struct FormatSection: Encodable {
    let format: String
    let kvBytesPerToken: Int
    let poolTokens: Int
    let poolBlocks: Int
    /// Of each lane of a pipeline; absent without stages.
    let laneTokens: Int?
    let poolBytes: Int
    let pageCodeBytes: Int
    let pageMetadataBytes: Int
    let deviceBytes: Int
    let weightBytes: Int
    let activationBytes: Int
    let peakRunningRequests: Int
    let peakUsedBlocks: Int
    let emptySlotShare: Double
    let emptySlotShareWhenFullest: Double
    let finishedRequests: Int
    let rejectedRequests: Int
    let preemptions: Int
    let swap: SwapSection?
    let recomputedTokens: Int
    let promptTokens: Int
    let cachedTokens: Int
    let outputTokens: Int
    let outputTokensPerS: Double
    let requestsPerS: Double
    let durationNs: Int64
    let busyNs: Int64
    let steps: Int
    /// Absent where no drafted token was verified.
    let drafting: DraftSection?
    /// Absent where no request has several samples.
    let sampling: SampleSection?
    let ttft: Latency?
    let tpot: Latency?
    let itl: Latency?
    let e2e: Latency?
    let queueing: Latency?
    /// Absent where no class states objectives.
    let goodput: GoodputJSON?
    /// Absent of one class.
    let classes: [ClassJSON]?
    let stepTime: StepTime
    /// Absent of one replica without stages.
    let replicas: [ReplicaSection]?
    /// Absent where replicas are alike; what stands above of the pool is then the first group's.
    let groups: [GroupSection]?
    /// Absent where prompts stay on the replica that computed them.
    let transfer: TransferSection?
    /// Absent where no replica fails.
    let displacedRequests: Int?
    /// Absent where no rows were kept.
    let rowDigest: String?
    /// The same under the names of another tool.
    let vllmBenchServe: VLLMBenchJSON

    init(_ outcome: FormatOutcome, of scenario: ServingScenario) {
      let hasFailures = !scenario.cluster.outages.isEmpty
      let (pool, summary) = (outcome.pool, outcome.summary)
      format = outcome.format.name
      kvBytesPerToken = pool.kvBytesPerToken
      poolTokens = pool.tokens
      poolBlocks = pool.blocks
      laneTokens = pool.stages > 1 ? pool.laneTokens : nil
      poolBytes = pool.poolBytes
      pageCodeBytes = pool.pageCodeBytes
      pageMetadataBytes = pool.pageMetadataBytes
      deviceBytes = pool.deviceBytes
      weightBytes = pool.weightBytes
      activationBytes = pool.activationBytes
      peakRunningRequests = summary.peakRunning
      peakUsedBlocks = summary.peakUsedBlocks
      emptySlotShare = summary.emptySlotShare
      emptySlotShareWhenFullest = summary.emptySlotShareWhenFullest
      finishedRequests = summary.finishedRequests
      rejectedRequests = summary.rejectedRequests
      preemptions = summary.preemptions
      swap = SwapSection(outcome)
      recomputedTokens = summary.recomputedTokens
      promptTokens = summary.promptTokens
      cachedTokens = summary.cachedTokens
      outputTokens = summary.outputTokens
      outputTokensPerS = summary.outputTokensPerSecond
      requestsPerS = summary.requestsPerSecond
      durationNs = summary.durationNs
      busyNs = summary.busyNs
      steps = summary.steps
      drafting = summary.drafting.map(DraftSection.init)
      sampling = summary.sampling.map(SampleSection.init)
      ttft = Latency(summary.ttft)
      tpot = Latency(summary.tpot)
      itl = Latency(summary.itl)
      e2e = Latency(summary.e2e)
      queueing = Latency(summary.queueing)
      goodput = summary.goodput.map(GoodputJSON.init)
      classes = ClassJSON.classes(scenario.workload.classes, of: summary)
      stepTime = StepTime(summary.cost)
      let hasGroups = outcome.groups.count > 1
      replicas =
        summary.replicas.count > 1 || outcome.groups.contains { $0.group.stages > 1 }
        ? summary.replicas.enumerated().map { index, replica in
          let own = outcome.groups.first { $0.replicas.contains(index) }
          return ReplicaSection(replica, group: hasGroups ? own?.group.name : nil)
        } : nil
      groups = hasGroups ? outcome.groups.map(GroupSection.init) : nil
      transfer = summary.transfers.map(TransferSection.init)
      displacedRequests = hasFailures ? summary.displacedRequests : nil
      rowDigest = outcome.rowDigest
      vllmBenchServe = VLLMBenchJSON(VLLMBenchResult(outcome, of: scenario))
    }
  }
}
