import CostModel

/// Replicas that serve one stream of requests.
public struct Cluster<Pricer: StepPricing>: Sendable {
  /// One engine.
  public struct Member: Sendable {
    /// Its options and limits.
    public let configuration: EngineConfiguration
    /// What its steps take.
    public let pricer: Pricer

    /// A member, complete.
    public init(configuration: EngineConfiguration, pricer: Pricer) {
      self.configuration = configuration
      self.pricer = pricer
    }
  }

  /// The replicas, in the order in which they are numbered.
  public let members: [Member]
  /// How requests are spread over them.
  public let routing: RoutingPolicy

  /// - Precondition: there is a member, and all have the same scheduler.
  public init(members: [Member], routing: RoutingPolicy = .roundRobin) {
    precondition(!members.isEmpty)
    let scheduler = members[0].configuration.options.scheduler
    precondition(members.allSatisfy { $0.configuration.options.scheduler == scheduler })
    self.members = members
    self.routing = routing
  }

  /// Whether a workload's requests can be dealt out to the replicas without regard to what these
  /// do: those of an open loop without sessions, by turns, where no queue is ever full.
  func dealsOut(_ workload: Workload) -> Bool {
    if case .closedLoop = workload.arrivals { return false }
    if workload.hasSessions { return false }
    let hasLimit = members.contains { $0.configuration.options.maxQueuedRequests != nil }
    let goesByTurns = routing == .roundRobin || members.count == 1
    return goesByTurns && !hasLimit && workload.client == .instant
  }
}
