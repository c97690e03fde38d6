import CostModel

/// Replicas that serve one stream of requests.
public struct Cluster<Pricer: StepPricing>: Sendable {
  /// One engine.
  public struct Member: Sendable {
    /// Its options and limits.
    public let configuration: EngineConfiguration
    /// What its steps take.
    public let pricer: Pricer
    /// What it does for requests.
    public let role: ReplicaRole

    /// A member, complete.
    public init(
      configuration: EngineConfiguration, pricer: Pricer, role: ReplicaRole = .whole
    ) {
      self.configuration = configuration
      self.pricer = pricer
      self.role = role
    }
  }

  /// The replicas, in the order in which they are numbered.
  public let members: [Member]
  /// How requests are spread over them.
  public let routing: RoutingPolicy
  /// How computed prompts get from one replica to another; nil where they stay.
  public let transfer: KVTransfer?
  /// When replicas fail.
  public let outages: [Outage]
  /// When replicas are switched on and off; those of no rule always are on.
  public let scaling: [Autoscaling]

  /// - Precondition: there is a member, and all have the same scheduler; there are replicas that
  ///   compute prompts alone and others that decode alone, or neither, and with them a transfer and
  ///   a scheduler that admits while others run; outages and rules name members, each of which is
  ///   of one rule at most, and all of one rule have one role; nothing of this beside pipelines.
  public init(
    members: [Member], routing: RoutingPolicy = .roundRobin, transfer: KVTransfer? = nil,
    outages: [Outage] = [], scaling: [Autoscaling] = []
  ) {
    precondition(!members.isEmpty)
    let scheduler = members[0].configuration.options.scheduler
    precondition(members.allSatisfy { $0.configuration.options.scheduler == scheduler })
    let roles = Set(members.map(\.role))
    precondition(roles.contains(.prefill) == roles.contains(.decode))
    precondition(
      !roles.contains(.prefill) || transfer != nil && scheduler.refillsSeats)
    precondition(outages.allSatisfy { members.indices.contains($0.replica) })
    let hasPipelines = members.contains { $0.configuration.options.pipelineParallelSize > 1 }
    precondition(
      !hasPipelines || outages.isEmpty && scaling.isEmpty && !roles.contains(.prefill))
    var scaled = Set<Int>()
    for rule in scaling {
      precondition(rule.members.clamped(to: members.indices) == rule.members)
      precondition(rule.members.allSatisfy { scaled.insert($0).inserted })
      precondition(Set(members[rule.members].map(\.role)).count == 1)
    }
    self.members = members
    self.routing = routing
    self.transfer = transfer
    self.outages = outages
    self.scaling = scaling
  }

  /// So many times these replicas, behind one router.
  /// - Precondition: none of them fails or is switched off.
  public func repeated(_ times: Int) -> Cluster {
    precondition(times >= 1 && outages.isEmpty && scaling.isEmpty || times == 1)
    guard times > 1 else { return self }
    return Cluster(
      members: (0..<times).flatMap { _ in members }, routing: routing, transfer: transfer)
  }

  /// Whether requests of several samples can be played: where replicas do all of a request, do not
  /// fail, and draft nothing.
  public var playsSamples: Bool {
    outages.isEmpty
      && members.allSatisfy {
        $0.role == .whole && $0.configuration.options.speculation == nil
      }
  }

  /// Whether a workload's requests can be dealt out to the replicas without regard to what these
  /// do: those of an open loop without sessions, by turns, where no queue is ever full and every
  /// replica is there all the time and does all of a request.
  func dealsOut(_ workload: Workload) -> Bool {
    if case .closedLoop = workload.arrivals { return false }
    if workload.hasSessions { return false }
    let hasLimit = members.contains { $0.configuration.options.maxQueuedRequests != nil }
    let goesByTurns = routing == .roundRobin || members.count == 1
    let isConstant = outages.isEmpty && scaling.isEmpty
    let isWhole = members.allSatisfy { $0.role == .whole }
    // Which lane of a pipeline gets a request depends on what its lanes have.
    let hasLanes = members.contains { $0.configuration.options.pipelineParallelSize > 1 }
    return goesByTurns && !hasLimit && isConstant && isWhole && !hasLanes
      && workload.client == .instant
  }
}

/// What a replica does for the requests that it gets.
public enum ReplicaRole: String, Hashable, Sendable, CaseIterable {
  /// All of it.
  case whole = "both"
  /// Computes prompts, and hands requests over with their first token.
  case prefill
  /// Decodes what others have computed.
  case decode
}

/// How the KV cache of a computed prompt gets from the replica that computed it to one that
/// decodes: in whole blocks over the links of both, each of which copies one prompt at a time.
public struct KVTransfer: Hashable, Sendable {
  /// The link of a replica, all its devices together.
  public let link: CopyLink
  /// Bytes of a block, all layers and all KV heads.
  public let blockBytes: Int

  /// A transfer, complete.
  /// - Precondition: a block has bytes.
  public init(link: CopyLink, blockBytes: Int) {
    precondition(blockBytes > 0)
    self.link = link
    self.blockBytes = blockBytes
  }
}

/// A failure of one replica: all that it has in its memory is lost.
public struct Outage: Hashable, Sendable {
  /// The replica, from 0.
  public let replica: Int
  /// When it fails, in nanoseconds since the start of the run.
  public let atNs: Int64
  /// After how many nanoseconds it serves again; nil where it never does.
  public let recoversAfterNs: Int64?

  /// An outage, complete.
  /// - Precondition: times are within ``simulationHorizonNs`` and not negative.
  public init(replica: Int, atNs: Int64, recoversAfterNs: Int64?) {
    precondition((0...simulationHorizonNs).contains(atNs))
    precondition((0...simulationHorizonNs).contains(recoversAfterNs ?? 0))
    self.replica = replica
    self.atNs = atNs
    self.recoversAfterNs = recoversAfterNs
  }
}

/// Switches replicas on and off by the number of requests that have not left, as the Horizontal Pod
/// Autoscaler of Kubernetes does with a target for the mean of a replica: so many are wanted that
/// none has more, and fewer are switched off only when fewer were wanted for a while.
public struct Autoscaling: Hashable, Sendable {
  /// The replicas that can be on, by their numbers.
  public let members: Range<Int>
  /// How many of them are on at the start.
  public let initial: Int
  /// How many are on at least; at most all of them are.
  public let least: Int
  /// Requests that have not left that each replica shall have.
  public let targetOutstanding: Int
  /// How often it is looked at, in nanoseconds.
  public let intervalNs: Int64
  /// What it takes from the decision to the first request, in nanoseconds.
  public let startUpNs: Int64
  /// For how long fewer replicas must have been enough before one is switched off, in nanoseconds.
  public let scaleDownDelayNs: Int64

  /// A rule, complete.
  /// - Precondition: `1 ≤ least ≤ initial ≤ members.count`, the target and the interval are
  ///   positive, no time is negative or beyond ``simulationHorizonNs``.
  public init(
    members: Range<Int>, initial: Int, least: Int, targetOutstanding: Int, intervalNs: Int64,
    startUpNs: Int64, scaleDownDelayNs: Int64
  ) {
    precondition(1 <= least && least <= initial && initial <= members.count)
    precondition(targetOutstanding > 0)
    precondition((1...simulationHorizonNs).contains(intervalNs))
    precondition((0...simulationHorizonNs).contains(startUpNs))
    precondition((0...simulationHorizonNs).contains(scaleDownDelayNs))
    self.members = members
    self.initial = initial
    self.least = least
    self.targetOutstanding = targetOutstanding
    self.intervalNs = intervalNs
    self.startUpNs = startUpNs
    self.scaleDownDelayNs = scaleDownDelayNs
  }

  /// The same rule for members that are numbered from `first` on instead of 0.
  public func shifted(by first: Int) -> Autoscaling {
    Autoscaling(
      members: members.lowerBound + first..<members.upperBound + first, initial: initial,
      least: least, targetOutstanding: targetOutstanding, intervalNs: intervalNs,
      startUpNs: startUpNs, scaleDownDelayNs: scaleDownDelayNs)
  }

  /// How many are wanted for so many requests that have not left.
  func wanted(outstanding: Int) -> Int {
    let enough = (outstanding + targetOutstanding - 1) / targetOutstanding
    return min(max(least, enough), members.count)
  }
}
