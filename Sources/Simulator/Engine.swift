import CostModel

/// What a run needs beside its workload and prices.
public struct EngineConfiguration: Sendable {
  /// The engine's options.
  public let options: EngineOptions
  /// Blocks in the KV pool (see ``PoolPlan``).
  public let poolBlocks: Int
  /// The longest prompt and output together, in tokens; longer requests are rejected.
  public let maxPositions: Int
  /// Walks every decode step instead of jumping over runs of them. The timings are the same.
  public let usesExactSteps: Bool
  /// Checks all invariants after every event: slow, for tests.
  public let checksInvariants: Bool

  /// A configuration; jumps and checks nothing unless asked.
  public init(
    options: EngineOptions, poolBlocks: Int, maxPositions: Int, usesExactSteps: Bool = false,
    checksInvariants: Bool = false
  ) {
    self.options = options
    self.poolBlocks = poolBlocks
    self.maxPositions = maxPositions
    self.usesExactSteps = usesExactSteps
    self.checksInvariants = checksInvariants
  }
}

/// The longest time that a run may cover: a hundred years of 365.25 days, in nanoseconds. Slower
/// prices or rarer arrivals than that are mistakes, and clocks beyond it could overflow.
public let simulationHorizonNs: Int64 = 3_155_760_000_000_000_000

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
  /// do: those of an open loop, by turns.
  func dealsOut(_ workload: Workload) -> Bool {
    if case .closedLoop = workload.arrivals { return false }
    return workload.client == .instant && (routing == .roundRobin || members.count == 1)
  }
}

/// Plays a workload against one engine: every request, from its arrival to its last token.
/// - Throws: what the recorder throws.
public func simulate<Pricer: StepPricing, Records: Recorder>(
  _ workload: Workload, seed: UInt64, configuration: EngineConfiguration, pricer: Pricer,
  recorder: inout Records
) throws(Records.Failure) -> RunSummary {
  try simulate(
    workload, seed: seed,
    cluster: Cluster(members: [.init(configuration: configuration, pricer: pricer)]),
    recorder: &recorder)
}

/// Plays a workload against a cluster: every request, from its arrival to its last token.
///
/// Deterministic: the same workload, seed, cluster and prices give the same records.
/// Between two events that can change a batch, decode steps are priced in closed form.
/// - Throws: what the recorder throws.
public func simulate<Pricer: StepPricing, Records: Recorder>(
  _ workload: Workload, seed: UInt64, cluster: Cluster<Pricer>, recorder: inout Records
) throws(Records.Failure) -> RunSummary {
  switch cluster.members[0].configuration.options.scheduler {
  case .vllm: try simulate(workload, seed, cluster, ContinuousBatching(), &recorder)
  case .sglang: try simulate(workload, seed, cluster, PrefillFirst(), &recorder)
  }
}

private func simulate<Pricer: StepPricing, Records: Recorder>(
  _ workload: Workload, _ seed: UInt64, _ cluster: Cluster<Pricer>, _ scheduler: some Scheduler,
  _ recorder: inout Records
) throws(Records.Failure) -> RunSummary {
  if cluster.dealsOut(workload) {
    var replicas = IndependentReplicas(
      workload, seed: seed, cluster: cluster, scheduler: scheduler)
    return try replicas.run(&recorder)
  }
  var engine = Engine(workload, seed: seed, cluster: cluster, scheduler: scheduler)
  return try engine.run(&recorder)
}

/// The event loop of a cluster.
struct Engine<Pricer: StepPricing, Policy: Scheduler> {
  /// What can happen. The raw value ranks ties: all requests due at an instant come before its
  /// client's task ends, and both before steps end, whichever was scheduled first. Steps that end
  /// together do so in the order of their replicas.
  private enum EventKind: UInt64 {
    case due = 0
    case clientTaskEnd = 1
    case runEnd = 2
  }

  private let checksInvariants: Bool
  private var source: RequestSource
  private var client: ClientThread
  private var router: Router
  private(set) var servers: [Server<Pricer, Policy>]
  private(set) var metrics = RunMetrics()
  private var population = Population()
  private var events = EventQueue()
  private var clock: Int64 = 0
  /// Servers to which something has happened at this instant.
  private var touched: [Int] = []
  private var reachedHorizon = false

  init(_ workload: Workload, seed: UInt64, cluster: Cluster<Pricer>, scheduler: Policy) {
    checksInvariants = cluster.members.contains(where: \.configuration.checksInvariants)
    source = RequestSource(workload: workload, seed: seed)
    client = ClientThread(workload.client)
    router = Router(
      cluster.routing, replicas: cluster.members.count, seed: seed, prompts: workload.prompts)
    servers = cluster.members.enumerated().map { index, member in
      Server(
        index: index, configuration: member.configuration, pricer: member.pricer,
        scheduler: scheduler, prompts: workload.prompts)
    }
  }

  mutating func run<Records: Recorder>(
    _ recorder: inout Records
  ) throws(Records.Failure) -> RunSummary {
    for _ in 0..<source.initialRequests { scheduleNextRequest() }
    while let event = events.pop() {
      guard event.time <= simulationHorizonNs else {
        reachedHorizon = true
        break
      }
      clock = event.time
      switch EventKind(rawValue: event.order >> 62)! {
      case .due: try requestIsDue(&recorder)
      case .clientTaskEnd: try endClientTask(&recorder)
      case .runEnd: try completeRun(of: Int(event.payload), &recorder)
      }
      // A step is planned when all that happens at its start has happened.
      if events.first?.time != clock { startRuns() }
      if reachedHorizon { break }
      if checksInvariants { servers.forEach { $0.replica.checkInvariants() } }
    }
    if !reachedHorizon {
      precondition(source.isExhausted && servers.allSatisfy(\.replica.isDrained), "all have left")
      population.checkLittlesLaw()
    }
    return metrics.summary(replicas: servers.map(\.summary), reachedHorizon: reachedHorizon)
  }

  // MARK: Arrivals

  private mutating func schedule(_ kind: EventKind, at time: Int64, for index: Int = 0) {
    events.push(
      Event(
        time: time, order: kind.rawValue << 62 | UInt64(index), payload: UInt64(index)))
  }

  /// In a closed loop, when the client of the request `finished` has thought. Several can be due
  /// there; each event takes the next as it fires.
  private mutating func scheduleNextRequest(after finished: Int64? = nil) {
    guard source.hasUnscheduled else { return }
    schedule(.due, at: source.nextDueNs(after: finished, now: clock))
  }

  private mutating func requestIsDue<Records: Recorder>(
    _ recorder: inout Records
  ) throws(Records.Failure) {
    let request = source.next()
    if !source.isClosedLoop { scheduleNextRequest() }
    if client.isInstant {
      arrive()
      try receive(request, arrivalNs: clock, &recorder)
    } else if client.append(request) {
      scheduleClientTask()
    }
  }

  private mutating func arrive() {
    metrics.arrived(at: clock)
    population.entered(at: clock)
  }

  private mutating func scheduleClientTask() {
    if let ns = client.taskNs { schedule(.clientTaskEnd, at: clock + ns) }
  }

  private mutating func endClientTask<Records: Recorder>(
    _ recorder: inout Records
  ) throws(Records.Failure) {
    switch client.endTask(now: clock) {
    case .prepared: arrive()
    case .sent(let request, let arrivalNs):
      try receive(request, arrivalNs: arrivalNs, &recorder)
    }
    scheduleClientTask()
  }

  /// The cluster has a request.
  private mutating func receive<Records: Recorder>(
    _ request: ArrivingRequest, arrivalNs: Int64, _ recorder: inout Records
  ) throws(Records.Failure) {
    guard let index = router.choose(for: request, among: servers, now: clock) else {
      try leave(
        RequestRecord(rejected: request, arrivalNs: arrivalNs, now: clock), &recorder)
      return
    }
    touched.append(index)
    if let endNs = servers[index].receive(request, arrivalNs: arrivalNs, now: clock) {
      // The event of the end that was planned is passed over when it fires.
      schedule(.runEnd, at: endNs, for: index)
    }
  }

  private mutating func leave<Records: Recorder>(
    _ record: RequestRecord, _ recorder: inout Records
  ) throws(Records.Failure) {
    metrics.left(record)
    population.left(at: clock, arrivalNs: record.arrivalNs)
    try recorder.record(record)
    if source.isClosedLoop { scheduleNextRequest(after: record.id) }
  }

  // MARK: Steps

  private mutating func startRuns() {
    for index in touched where servers[index].isIdleWithWork {
      switch servers[index].startRun(now: clock, &metrics) {
      case .until(let endNs): schedule(.runEnd, at: endNs, for: index)
      case .beyondHorizon: reachedHorizon = true
      }
    }
    touched.removeAll(keepingCapacity: true)
  }

  private mutating func completeRun<Records: Recorder>(
    of index: Int, _ recorder: inout Records
  ) throws(Records.Failure) {
    guard servers[index].runEndNs == clock else { return }
    try servers[index].completeRun(now: clock, &metrics, &recorder)
    touched.append(index)
    for record in servers[index].departures {
      router.left(index)
      try leave(record, &recorder)
    }
  }
}
