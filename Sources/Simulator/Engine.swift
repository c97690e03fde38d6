import CostModel

/// What a run needs beside its workload and prices.
public struct EngineConfiguration: Sendable {
  /// The engine's options.
  public let options: EngineOptions
  /// Blocks in the KV pool (see ``PoolPlan``).
  public let poolBlocks: Int
  /// The host's memory for preempted requests.
  public let hostMemory: HostMemory
  /// The longest prompt and output together, in tokens; longer requests are rejected.
  public let maxPositions: Int
  /// Walks every decode step instead of jumping over runs of them. The timings are the same.
  public let usesExactSteps: Bool
  /// Checks all invariants after every event: slow, for tests.
  public let checksInvariants: Bool

  /// A configuration; jumps and checks nothing unless asked.
  public init(
    options: EngineOptions, poolBlocks: Int, hostMemory: HostMemory = .none, maxPositions: Int,
    usesExactSteps: Bool = false, checksInvariants: Bool = false
  ) {
    self.options = options
    self.poolBlocks = poolBlocks
    self.hostMemory = hostMemory
    self.maxPositions = maxPositions
    self.usesExactSteps = usesExactSteps
    self.checksInvariants = checksInvariants
  }
}

/// The longest time that a run may cover: a hundred years of 365.25 days, in nanoseconds. Slower
/// prices or rarer arrivals than that are mistakes, and clocks beyond it could overflow.
public let simulationHorizonNs: Int64 = 3_155_760_000_000_000_000

/// The event loop of a cluster.
struct Engine<Pricer: StepPricing, Policy: Scheduler>: Playing {
  /// What can happen. The raw value ranks ties: all requests due at an instant come before its
  /// client's task ends, and both before steps end, whichever was scheduled first. Steps that end
  /// together do so in the order of their replicas.
  private enum EventKind: UInt64 {
    case due = 0
    case clientTaskEnd = 1
    case runEnd = 2
  }

  /// Events after which records are passed on.
  private static var eventsAtOnce: Int { 1 << 12 }

  private let checksInvariants: Bool
  private var source: RequestSource
  private var client: ClientThread
  private var router: Router
  private(set) var servers: [Server<Pricer, Policy>]
  private(set) var metrics: RunMetrics
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
    metrics = RunMetrics(classes: workload.classes)
    router = Router(
      cluster.routing, replicas: cluster.members.count, seed: seed,
      prompts: workload.prompts?.blocks)
    servers = cluster.members.enumerated().map { index, member in
      Server(
        index: index, configuration: member.configuration, pricer: member.pricer,
        scheduler: scheduler, prompts: workload.prompts)
    }
    for _ in 0..<source.initialRequests { scheduleNextRequest() }
  }

  mutating func playOn(_ records: inout RecordBuffer) -> Bool {
    for _ in 0..<Engine.eventsAtOnce {
      guard let event = events.pop() else { return false }
      guard event.time <= simulationHorizonNs else {
        reachedHorizon = true
        return false
      }
      clock = event.time
      switch EventKind(rawValue: event.order >> 62)! {
      case .due: requestIsDue(&records)
      case .clientTaskEnd: endClientTask(&records)
      case .runEnd: completeRun(of: Int(event.payload), &records)
      }
      // A step is planned when all that happens at its start has happened.
      if events.first?.time != clock { startRuns() }
      if reachedHorizon { return false }
      if checksInvariants { servers.forEach { $0.replica.checkInvariants() } }
    }
    return true
  }

  func summary() -> RunSummary {
    if !reachedHorizon {
      precondition(source.isExhausted && servers.allSatisfy(\.replica.isDrained), "all have left")
      population.checkLittlesLaw()
    }
    return metrics.summary(
      replicas: servers.map(\.summary),
      slots: servers.reduce(into: SlotUse()) { $0 += $1.slots }, reachedHorizon: reachedHorizon)
  }

  // MARK: Arrivals

  private mutating func schedule(_ kind: EventKind, at time: Int64, for index: Int = 0) {
    events.push(
      Event(
        time: time, order: kind.rawValue << 62 | UInt64(index), payload: UInt64(index)))
  }

  /// Several can be due, those of clients in a closed loop and turns of sessions; each event takes
  /// the next as it fires.
  private mutating func scheduleNextRequest() {
    guard source.hasUnscheduled else { return }
    schedule(.due, at: source.nextDueNs(now: clock))
  }

  private mutating func requestIsDue(_ records: inout RecordBuffer) {
    let request = source.next()
    if !source.isClosedLoop, !request.isLaterTurn { scheduleNextRequest() }
    if client.isInstant {
      arrive()
      receive(request, arrivalNs: clock, &records)
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

  private mutating func endClientTask(_ records: inout RecordBuffer) {
    switch client.endTask(now: clock) {
    case .prepared: arrive()
    case .sent(let request, let arrivalNs):
      receive(request, arrivalNs: arrivalNs, &records)
    }
    scheduleClientTask()
  }

  /// The cluster has a request.
  private mutating func receive(
    _ request: ArrivingRequest, arrivalNs: Int64, _ records: inout RecordBuffer
  ) {
    guard let index = router.choose(for: request, among: servers, now: clock) else {
      leave(
        RequestRecord(rejected: request, arrivalNs: arrivalNs, now: clock), &records)
      return
    }
    touched.append(index)
    if let endNs = servers[index].receive(request, arrivalNs: arrivalNs, now: clock) {
      // The event of the end that was planned is passed over when it fires.
      schedule(.runEnd, at: endNs, for: index)
    }
  }

  private mutating func leave(_ record: RequestRecord, _ records: inout RecordBuffer) {
    var record = record
    while true {
      metrics.left(record)
      population.left(at: clock, arrivalNs: record.arrivalNs)
      records.record(record)
      switch source.follower(of: record, now: clock) {
      case .nobody: return
      case .due(let ns): return schedule(.due, at: ns)
      case .unsent(let turn):
        arrive()
        record = RequestRecord(rejected: turn, arrivalNs: clock, now: clock)
      }
    }
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

  private mutating func completeRun(of index: Int, _ records: inout RecordBuffer) {
    guard servers[index].runEndNs == clock else { return }
    servers[index].completeRun(now: clock, &metrics, &records)
    touched.append(index)
    for record in servers[index].departures {
      router.left(index)
      leave(record, &records)
    }
  }
}
