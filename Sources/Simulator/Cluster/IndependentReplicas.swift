import CostModel
import Dispatch

/// Replicas that do not interact, each played by itself on whatever core is free: those of an open
/// loop whose requests go by turns, so that no replica's state decides what comes to another.
///
/// Time goes by windows of so many requests. They are made and dealt out on one core; then every
/// replica plays the window; then what they recorded is passed on in the order in which the event
/// loop of ``Engine`` would have. Which core played what changes nothing.
struct IndependentReplicas<Pricer: StepPricing, Policy: Scheduler>: Playing {
  /// Requests of a window. More cost memory, fewer waits of one core for another.
  private static var windowRequests: Int { 1 << 14 }

  private var source: RequestSource
  private var lanes: [ReplicaLane<Pricer, Policy>]
  /// By lane, apart from it: what is asked or moved for each request must not touch a whole one.
  private let limits: [RequestLimits]
  private var buffers: [RecordBuffer]
  private let checksInvariants: Bool
  private let isUnrecorded: Bool
  private var windowStartNs: Int64 = 0
  /// How long a window behind the last request is: a second, and longer while little happens.
  private var drainNs: Int64 = 1_000_000_000
  private var turn = 0
  private var nextDueNs: Int64
  /// Requests that no replica takes.
  private var refused: RunMetrics
  private var refusals: [RequestRecord] = []

  /// - Precondition: the cluster deals the workload's requests out.
  init(
    _ workload: Workload, seed: UInt64, cluster: Cluster<Pricer>, scheduler: Policy,
    recording kinds: RecordedKinds
  ) {
    precondition(cluster.dealsOut(workload))
    source = RequestSource(workload: workload, seed: seed)
    checksInvariants = cluster.members.contains(where: \.configuration.checksInvariants)
    lanes = cluster.members.enumerated().map { index, member in
      ReplicaLane(
        Server(
          index: index, configuration: member.configuration, pricer: member.pricer,
          scheduler: scheduler, prompts: workload.prompts, seed: seed),
        classes: workload.classes)
    }
    limits = lanes.map(\.server.limits)
    buffers = Array(repeating: RecordBuffer(kinds), count: lanes.count)
    isUnrecorded = kinds == .none
    refused = RunMetrics(classes: workload.classes)
    nextDueNs = source.nextDueNs(now: 0)
  }

  mutating func playOn(_ records: inout RecordBuffer) -> Bool {
    dealOut()
    var endNs = nextDueNs
    if source.isExhausted {
      // Behind the last request, which was due then. Nobody keeps what nobody records.
      endNs = isUnrecorded ? .max : max(windowStartNs, nextDueNs) + drainNs
    }
    playLanes(until: endNs)
    passOn(&records)
    if source.isExhausted, records.count < IndependentReplicas.windowRequests { drainNs *= 2 }
    windowStartNs = endNs
    return !lanes.contains(where: \.reachedHorizon) && windowStartNs <= simulationHorizonNs
      && !(source.isExhausted && lanes.allSatisfy(\.isDone))
  }

  func summary() -> RunSummary {
    let reachedHorizon = lanes.contains { $0.reachedHorizon || !$0.isDone } || !source.isExhausted
    var metrics = refused
    for lane in lanes {
      if !reachedHorizon { lane.population.checkLittlesLaw() }
      metrics += lane.metrics
    }
    return metrics.summary(
      replicas: lanes.map(\.server.summary),
      slots: lanes.reduce(into: SlotUse()) { $0 += $1.server.slots },
      reachedHorizon: reachedHorizon)
  }

  // MARK: A window

  /// Gives the requests of a window to their replicas.
  private mutating func dealOut() {
    for _ in 0..<IndependentReplicas.windowRequests where !source.isExhausted {
      let arrivalNs = nextDueNs
      guard arrivalNs <= simulationHorizonNs else { return }
      let request = source.next()
      if source.hasUnscheduled { nextDueNs = source.nextDueNs(now: arrivalNs) }
      if let lane = laneInTurn(for: request) {
        lanes[lane].arrivals.append((arrivalNs, request))
      } else {
        let record = RequestRecord(
          rejected: request, arrivalNs: arrivalNs, now: arrivalNs)
        refused.arrived(at: arrivalNs)
        refused.left(record)
        refusals.append(record)
      }
    }
  }

  private mutating func laneInTurn(for request: ArrivingRequest) -> Int? {
    for _ in lanes.indices {
      let lane = turn
      turn = (turn + 1) % lanes.count
      if limits[lane].allow(request) { return lane }
    }
    return nil
  }

  private mutating func playLanes(until endNs: Int64) {
    let checks = checksInvariants
    guard lanes.count > 1 else {
      lanes[0].play(until: endNs, checksInvariants: checks, &buffers[0])
      return
    }
    lanes.withUnsafeMutableBufferPointer { lanes in
      buffers.withUnsafeMutableBufferPointer { buffers in
        // Each lane and its buffer are one iteration's alone.
        nonisolated(unsafe) let (lanes, buffers) = (lanes, buffers)
        DispatchQueue.concurrentPerform(iterations: lanes.count) {
          lanes[$0].play(until: endNs, checksInvariants: checks, &buffers[$0])
        }
      }
    }
  }

  /// Records in the order of the event loop: by time, refusals first, then by replica.
  private mutating func passOn(_ records: inout RecordBuffer) {
    defer {
      refusals.removeAll(keepingCapacity: true)
      for lane in buffers.indices { buffers[lane].removeAll() }
    }
    guard !isUnrecorded else { return }
    if lanes.count == 1, refusals.isEmpty, records.count == 0 {
      swap(&records, &buffers[0])
      return
    }
    var heads = EventQueue()
    // A lane's head: its first record that was not passed on. Refusals are lane 0.
    func push(_ lane: Int, _ time: Int64?) {
      guard let time else { return }
      heads.push(Event(time: time, order: UInt64(lane), payload: UInt64(lane)))
    }
    push(0, refusals.first?.finishNs)
    for lane in buffers.indices { push(lane + 1, buffers[lane].headNs) }
    var refusal = 0
    while let head = heads.pop() {
      let lane = Int(head.payload)
      if lane == 0 {
        records.record(refusals[refusal])
        refusal += 1
        push(0, refusal < refusals.count ? refusals[refusal].finishNs : nil)
      } else {
        buffers[lane - 1].passHead(to: &records)
        push(lane, buffers[lane - 1].headNs)
      }
    }
  }
}

/// One replica of ``IndependentReplicas``: its requests to come and what it has gathered.
struct ReplicaLane<Pricer: StepPricing, Policy: Scheduler>: Sendable {
  var server: Server<Pricer, Policy>
  var metrics: RunMetrics
  var population = Population()
  var arrivals: [(ns: Int64, request: ArrivingRequest)] = []
  private(set) var reachedHorizon = false

  init(_ server: Server<Pricer, Policy>, classes: [RequestClass]) {
    self.server = server
    metrics = RunMetrics(classes: classes)
  }

  /// Whether all that came has left.
  var isDone: Bool { arrivals.isEmpty && server.replica.isDrained }

  /// Plays its requests, and all that happens before `endNs`.
  mutating func play(
    until endNs: Int64, checksInvariants: Bool, _ records: inout RecordBuffer
  ) {
    var next = 0
    while !reachedHorizon {
      let arrivalNs = next < arrivals.count ? arrivals[next].ns : endNs
      let runEndNs = server.runEndNs ?? .max
      // At one instant requests come before a run ends.
      let now = min(arrivalNs, runEndNs)
      guard now < endNs else { break }
      guard now <= simulationHorizonNs else {
        reachedHorizon = true
        break
      }
      if arrivalNs <= runEndNs {
        metrics.arrived(at: now)
        population.entered(at: now)
        _ = server.receive(arrivals[next].request, arrivalNs: now, now: now)
        next += 1
      } else {
        server.completeRun(now: now, &metrics, &records)
        for record in server.departures {
          metrics.left(record)
          population.left(at: now, arrivalNs: record.arrivalNs)
          records.record(record)
        }
      }
      let isLast = (next == arrivals.count || arrivals[next].ns > now) && server.runEndNs != now
      if isLast, server.isIdleWithWork, case .beyondHorizon = server.startRun(now: now, &metrics) {
        reachedHorizon = true
      }
      if checksInvariants { server.replica.checkInvariants() }
    }
    // Those of the window's last instant are left where more of it are to come.
    arrivals.removeFirst(next)
  }
}
