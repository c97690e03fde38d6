import CostModel
import DequeModule

/// The event loop of a cluster.
struct Engine<Pricer: StepPricing, Policy: Scheduler>: Playing {
  /// What can happen. The raw value ranks ties: all requests due at an instant come before its
  /// client's task ends, copies end, replicas fail, recover and start, and rules look at them, and
  /// all that before steps end, whichever was scheduled first. Steps that end together do so in the
  /// order of their replicas.
  private enum EventKind: UInt64 {
    case due
    case clientTaskEnd
    case transferEnd
    case outage
    case recovery
    case startEnd
    case look
    case runEnd
  }

  /// A request for which no replica was there.
  private enum Stranded {
    /// It waits for one that takes it from the start, as far as it has come.
    case displaced(Sequence, of: ArrivingRequest)
    /// It is computed, and waits for one that decodes it.
    case parked(ParkingPlace)
  }

  /// Events after which records are passed on.
  private static var eventsAtOnce: Int { 1 << 12 }
  private static var kindShift: UInt64 { 60 }

  private let checksInvariants: Bool
  private let limitNs: Int64
  private let outages: [Outage]
  private let rules: [Autoscaling]
  /// By server.
  private let decodesAlone: [Bool]
  private var source: RequestSource
  private var client: ClientThread
  /// Sends requests to those that compute prompts, and computed ones to those that decode alone.
  private var (entry, decoders): (Router, Router)
  private var fleet: Fleet
  private var transfers: Transfers
  private(set) var servers: [Server<Pricer, Policy>]
  private var pipelines: Pipelines
  private(set) var metrics: RunMetrics
  /// Requests that have not left, those that have not come included.
  private var toLeave: Int
  private var events = EventQueue()
  private var clock: Int64 = 0
  /// Servers to which something has happened at this instant.
  private var touched: [Int] = []
  private var stranded = Deque<Stranded>()
  /// Looks at rules that are scheduled.
  private var looks = 0
  /// Ends of runs that are scheduled and will not be.
  private var supersededEnds = 0
  private var reachedHorizon = false

  init(_ workload: Workload, seed: UInt64, cluster: Cluster<Pricer>, scheduler: Policy) {
    checksInvariants = cluster.members.contains(where: \.configuration.checksInvariants)
    limitNs = workload.timeLimitNs
    outages = cluster.outages
    rules = cluster.scaling
    let lanes = Lanes(cluster.members.map(\.configuration.options.pipelineParallelSize))
    pipelines = Pipelines(lanes)
    decodesAlone = lanes.replica.map { cluster.members[$0].role == .decode }
    source = RequestSource(workload: workload, seed: seed)
    client = ClientThread(workload.client)
    toLeave = workload.requests
    metrics = RunMetrics(classes: workload.classes)
    let (numbers, prompts) = (cluster.members.indices, workload.prompts?.blocks)
    entry = Router(
      cluster.routing, among: numbers.filter { cluster.members[$0].role != .decode },
      lanes: lanes, seed: seed, prompts: prompts)
    decoders = Router(
      cluster.routing, among: numbers.filter { cluster.members[$0].role == .decode },
      lanes: lanes, seed: seed, firstDraw: 2, prompts: prompts)
    // Where servers are lanes, none comes or goes.
    fleet = Fleet(replicas: lanes.replica.count, rules: cluster.scaling)
    transfers = Transfers(cluster.transfer, replicas: lanes.replica.count)
    servers = lanes.replica.map { index in
      Server(
        index: index, member: cluster.members[index], scheduler: scheduler, workload: workload,
        seed: seed)
    }
    for index in servers.indices { servers[index].isOpen = fleet.phases[index] == .on }
    for _ in 0..<source.initialRequests { scheduleNextRequest() }
    for (index, outage) in outages.enumerated() {
      schedule(.outage, at: outage.atNs, for: index)
    }
    for index in rules.indices { scheduleLook(at: index) }
  }

  mutating func playOn(_ records: inout RecordBuffer) -> Bool {
    for _ in 0..<Engine.eventsAtOnce {
      if toLeave == 0 { return false }
      guard let event = events.pop() else {
        // Nothing will happen any more, so nobody comes for those that wait.
        guard !stranded.isEmpty else { return false }
        rejectStranded(&records)
        startRuns(&records)
        continue
      }
      if isSuperseded(event) {
        supersededEnds -= 1
      } else {
        guard event.time <= limitNs else {
          reachedHorizon = true
          return false
        }
        clock = event.time
        handle(event, &records)
      }
      // A step is planned when all that happens at its start has happened.
      if events.first?.time != clock { startRuns(&records) }
      if reachedHorizon { return false }
      if checksInvariants { servers.forEach { $0.replica.checkInvariants() } }
    }
    return true
  }

  /// Whether the run whose end was planned for then ended, or ends, at another time.
  private func isSuperseded(_ event: Event) -> Bool {
    EventKind(rawValue: event.order >> Engine.kindShift) == .runEnd
      && servers[Int(event.payload)].runEndNs != event.time
  }

  private mutating func handle(_ event: Event, _ records: inout RecordBuffer) {
    let index = Int(event.payload)
    switch EventKind(rawValue: event.order >> Engine.kindShift)! {
    case .due: requestIsDue(&records)
    case .clientTaskEnd: endClientTask(&records)
    case .transferEnd: endTransfer(index, &records)
    case .outage: fail(outages[index], &records)
    case .recovery: recover(index, &records)
    case .startEnd: endStart(index, &records)
    case .look: look(at: index, &records)
    case .runEnd: completeRun(of: index, &records)
    }
  }

  func summary() -> RunSummary {
    if !reachedHorizon {
      precondition(toLeave == 0 && servers.allSatisfy(\.replica.isDrained), "all have left")
      metrics.checkLittlesLaw()
    }
    let changes = !outages.isEmpty || !rules.isEmpty
    var replicas = pipelines.summaries(of: servers)
    if changes {
      for index in replicas.indices {
        replicas[index].presentNs = fleet.presentNs(index, now: clock)
      }
    }
    return metrics.summary(
      replicas: replicas, slots: servers.reduce(into: SlotUse()) { $0 += $1.slots },
      transfers: transfers.summary, reachedHorizon: reachedHorizon)
  }

  private mutating func schedule(_ kind: EventKind, at time: Int64, for index: Int = 0) {
    events.push(
      Event(
        time: time, order: kind.rawValue << Engine.kindShift | UInt64(index),
        payload: UInt64(index)))
  }

  // MARK: Arrivals

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
      metrics.arrived(at: clock)
      receive(request, arrivalNs: clock, &records)
    } else if client.append(request) {
      scheduleClientTask()
    }
  }

  private mutating func scheduleClientTask() {
    if let ns = client.taskNs { schedule(.clientTaskEnd, at: clock + ns) }
  }

  private mutating func endClientTask(_ records: inout RecordBuffer) {
    switch client.endTask(now: clock) {
    case .prepared: metrics.arrived(at: clock)
    case .sent(let request, let arrivalNs):
      receive(request, arrivalNs: arrivalNs, &records)
    }
    scheduleClientTask()
  }

  /// The cluster has a request. It is rejected where no replica could ever play it, or those that
  /// are there have full queues; while none of those that could is there it waits for one.
  private mutating func receive(
    _ request: ArrivingRequest, arrivalNs: Int64, _ records: inout RecordBuffer
  ) {
    let undecodable = RequestLimits.refusal(of: request, by: decoders.members, of: servers)
    if undecodable == nil, let index = entry.choose(for: request, among: servers, now: clock) {
      send(Sequence(request, arrivalNs: arrivalNs), of: request, to: index)
      return
    }
    let refusal =
      undecodable ?? RequestLimits.refusal(of: request, by: entry.members, of: servers)
    let isFull = entry.members.contains {
      servers[$0].isOpen && servers[$0].limits.allow(request)
    }
    if let cause = refusal ?? (isFull ? .queue : nil) {
      reject(request, for: cause, arrivalNs: arrivalNs, &records)
    } else {
      stranded.append(.displaced(Sequence(request, arrivalNs: arrivalNs), of: request))
    }
  }

  private mutating func reject(
    _ request: ArrivingRequest, for cause: EventRecord.Cause, arrivalNs: Int64,
    _ records: inout RecordBuffer
  ) {
    records.record(servers[0].limits.rejection(of: request, for: cause, now: clock))
    leave(RequestRecord(rejected: request, arrivalNs: arrivalNs, now: clock), &records)
  }

  private mutating func send(
    _ sequence: Sequence, of request: ArrivingRequest, to index: Int
  ) {
    touched.append(index)
    scheduleRunEnd(of: index, servers[index].receive(sequence, of: request, now: clock))
  }

  /// The run under way ends at another time than was planned, if one is given.
  private mutating func scheduleRunEnd(of index: Int, _ endNs: Int64?) {
    guard let endNs else { return }
    schedule(.runEnd, at: endNs, for: index)
    supersededEnds += 1
  }

  private mutating func leave(_ record: RequestRecord, _ records: inout RecordBuffer) {
    var record = record
    while true {
      toLeave -= 1
      metrics.left(record)
      records.record(record)
      switch source.follower(of: record, now: clock) {
      case .nobody: return
      case .due(let ns): return schedule(.due, at: ns)
      case .unsent(let turn):
        metrics.arrived(at: clock)
        records.record(servers[0].limits.rejection(of: turn, for: .turn, now: clock))
        record = RequestRecord(rejected: turn, arrivalNs: clock, now: clock)
      }
    }
  }

  // MARK: Steps

  private mutating func startRuns(_ records: inout RecordBuffer) {
    for index in touched where servers[index].isIdleWithWork {
      switch servers[index].startRun(now: clock, &metrics) {
      case .until(var endNs):
        if servers[index].isLane {
          endNs = pipelines.begin(stepOf: index, on: &servers, now: clock)
          if endNs > simulationHorizonNs { reachedHorizon = true }
        }
        schedule(.runEnd, at: endNs, for: index)
      case .noRun: break
      case .beyondHorizon: reachedHorizon = true
      }
      for pull in servers[index].pulls {
        beginTransfer(pull.request, blocks: pull.blocks, to: index)
      }
    }
    if touched.count > 1 { touched.sort() }
    for index in touched { servers[index].passOnEvents(to: &records) }
    touched.clear()
  }

  private mutating func completeRun(of index: Int, _ records: inout RecordBuffer) {
    let besides =
      servers[index].isLane ? pipelines.end(stepOf: index, on: servers, now: clock) : .none
    servers[index].completeRun(now: clock, besides: besides, &metrics, &records)
    touched.append(index)
    for record in servers[index].departures {
      hasLeft(index)
      leave(record, &records)
    }
    for slot in servers[index].replica.handovers.parkedNow {
      handOver(ParkingPlace(server: index, slot: slot))
    }
    switchOffIfDrained(index, &records)
  }

  /// A request has left a replica.
  private mutating func hasLeft(_ index: Int) {
    if decodesAlone[index] { decoders.left(index) } else { entry.left(index) }
  }

  // MARK: Handing over

  /// A computed request gets a replica that decodes it.
  private mutating func handOver(_ place: ParkingPlace) {
    let sequence = servers[place.server].replica.sequences[place.slot]
    guard
      let index = decoders.choose(for: sequence.request, isNew: false, among: servers, now: clock)
    else {
      stranded.append(.parked(place))
      return
    }
    entry.left(place.server)
    touched.append(index)
    scheduleRunEnd(of: index, servers[index].expect(sequence, from: place, now: clock))
  }

  private mutating func beginTransfer(
    _ request: Handovers.Inbound, blocks: Int, to index: Int
  ) {
    let sequence = servers[index].replica.sequences[request.slot]
    let transfer = transfers.begin(
      from: request.from, to: ParkingPlace(server: index, slot: request.slot), blocks: blocks,
      readyNs: sequence.lastTokenNs, now: clock)
    schedule(.transferEnd, at: transfer.endNs, for: transfer.number)
  }

  private mutating func endTransfer(_ number: Int, _ records: inout RecordBuffer) {
    guard let transfer = transfers.end(number, now: clock) else { return }
    let (from, to) = (transfer.from, transfer.to)
    let sequence = servers[to.server].replica.sequences[to.slot]
    records.record(
      EventRecord(
        kind: .handedOver, timeNs: clock, startNs: transfer.startNs, replica: Int64(from.server),
        toReplica: Int64(to.server), request: sequence.id, tokens: Int64(sequence.prefillTarget),
        blocks: Int64(transfer.blocks)))
    unpark(from, &records)
    touched.append(to.server)
    scheduleRunEnd(of: to.server, servers[to.server].land(to.slot, now: clock))
  }

  private mutating func unpark(_ place: ParkingPlace, _ records: inout RecordBuffer) {
    servers[place.server].unpark(place.slot)
    // Its blocks may be another's now.
    touched.append(place.server)
    switchOffIfDrained(place.server, &records)
  }
}

// MARK: - Replicas that come and go

extension Engine {
  /// Something happens to a replica, or has since `startNs`.
  private func note(
    _ kind: EventRecord.Kind, _ index: Int, since startNs: Int64? = nil,
    _ records: inout RecordBuffer
  ) {
    records.record(
      EventRecord(kind: kind, timeNs: clock, startNs: startNs, replica: Int64(index)))
  }

  private mutating func recover(_ index: Int, _ records: inout RecordBuffer) {
    guard fleet.recover(index) else { return }
    note(.replicaRecovered, index, &records)
    open(index)
  }

  /// A replica serves from now on, and those that waited for one are sent again.
  private mutating func open(_ index: Int) {
    servers[index].isOpen = true
    let waiting = stranded
    stranded.removeAll()
    for request in waiting {
      switch request {
      case .displaced(let sequence, let request): resend(sequence, of: request)
      case .parked(let place): handOver(place)
      }
    }
  }

  /// A request that was accepted before is sent to a replica.
  private mutating func resend(_ sequence: Sequence, of request: ArrivingRequest) {
    if let index = entry.choose(for: request, isNew: false, among: servers, now: clock) {
      send(sequence, of: request, to: index)
    } else {
      stranded.append(.displaced(sequence, of: request))
    }
  }

  private mutating func rejectStranded(_ records: inout RecordBuffer) {
    while let next = stranded.popFirst() {
      let sequence: Sequence
      let request: ArrivingRequest
      switch next {
      case .displaced(let displaced, let itsRequest): (sequence, request) = (displaced, itsRequest)
      case .parked(let place):
        sequence = servers[place.server].replica.sequences[place.slot]
        request = sequence.request
        entry.left(place.server)
        unpark(place, &records)
      }
      reject(request, for: .noReplica, arrivalNs: sequence.arrivalNs, &records)
    }
  }

  private mutating func fail(_ outage: Outage, _ records: inout RecordBuffer) {
    let index = outage.replica
    guard fleet.fail(index) else { return }
    note(.replicaFailed, index, &records)
    if let ns = outage.recoversAfterNs { schedule(.recovery, at: clock + ns, for: index) }
    servers[index].isOpen = false
    if decodesAlone[index] {
      for place in placesOfRequestsComing(to: index) { unpark(place, &records) }
    }
    let handedOver = decodesAlone[index] ? 0 : callBack(from: index, &records)
    if servers[index].runEndNs != nil { supersededEnds += 1 }
    let displaced = servers[index].fail(now: clock, &metrics, &records)
    for _ in handedOver..<displaced.count { hasLeft(index) }
    for sequence in displaced { resend(sequence, of: sequence.request) }
  }

  /// Where requests that are to decode on a replica that has failed are parked.
  private mutating func placesOfRequestsComing(to index: Int) -> [ParkingPlace] {
    transfers.callOff(of: index).map(\.from)
      + servers[index].replica.handovers.inbound.map(\.from)
  }

  /// Those to which a replica that has failed was to hand requests over give up their places; how
  /// many.
  private mutating func callBack(from index: Int, _ records: inout RecordBuffer) -> Int {
    stranded.removeAll {
      if case .parked(let place) = $0 { place.server == index } else { false }
    }
    var places = transfers.callOff(of: index).map(\.to)
    for decoder in decoders.members {
      places += servers[decoder].replica.handovers.inbound
        .filter { $0.from.server == index }
        .map { ParkingPlace(server: decoder, slot: $0.slot) }
    }
    for place in places {
      decoders.left(place.server)
      touched.append(place.server)
      scheduleRunEnd(of: place.server, servers[place.server].giveUp(place.slot, now: clock))
      switchOffIfDrained(place.server, &records)
    }
    return places.count
  }

  // MARK: Scaling

  private mutating func scheduleLook(at rule: Int) {
    looks += 1
    schedule(.look, at: clock + rules[rule].intervalNs, for: rule)
  }

  private mutating func look(at rule: Int, _ records: inout RecordBuffer) {
    looks -= 1
    let members = rules[rule].members
    let isOfDecoders = decodesAlone[members.lowerBound]
    let router = isOfDecoders ? decoders : entry
    let waiting = stranded.count {
      if case .parked = $0 { isOfDecoders } else { !isOfDecoders }
    }
    let outstanding = members.reduce(waiting) { $0 + router.outstanding[$1] }
    for change in fleet.look(at: rule, outstanding: outstanding, now: clock) {
      switch change {
      case .reopen(let index):
        note(.replicaReopened, index, &records)
        open(index)
      case .start(let index):
        note(.replicaStarting, index, &records)
        let number = fleet.starts[index] * servers.count + index
        schedule(.startEnd, at: clock + rules[rule].startUpNs, for: number)
      case .callOff(let index): note(.replicaOff, index, &records)
      case .drain(let index):
        note(.replicaDraining, index, &records)
        servers[index].isOpen = false
        switchOffIfDrained(index, &records)
      }
    }
    // Where nothing else will happen, no look changes anything.
    if events.count > looks + supersededEnds { scheduleLook(at: rule) }
  }

  private mutating func endStart(_ number: Int, _ records: inout RecordBuffer) {
    let (starts, index) = number.quotientAndRemainder(dividingBy: servers.count)
    guard fleet.started(index, number: starts) else { return }
    note(.replicaReady, index, since: fleet.switchedOnNs[index], &records)
    open(index)
  }

  private mutating func switchOffIfDrained(_ index: Int, _ records: inout RecordBuffer) {
    guard fleet.phases[index] == .draining, servers[index].replica.isDrained else { return }
    fleet.switchOff(index, now: clock)
    note(.replicaOff, index, &records)
  }
}
