import CostModel
import Dispatch

/// Replicas that do not interact, each played by itself on whatever core is free: those of an open
/// loop whose requests go by turns, so that no replica's state decides what comes to another.
///
/// Time goes by windows of so many requests. Every replica plays the window, and meanwhile the next
/// one is made and dealt out; then what they recorded is passed on in the order in which the event
/// loop of ``Engine`` would have. Which core played what changes nothing.
struct IndependentReplicas<Pricer: StepPricing, Policy: Scheduler>: Playing {
  private var dealer: Dealer
  private var lanes: [ReplicaLane<Pricer, Policy>]
  private var buffers: [RecordBuffer]
  private let checksInvariants: Bool
  private let isUnrecorded: Bool
  private let timeLimitNs: Int64
  private var windowStartNs: Int64 = 0
  /// How long a window behind the last request is: a second, and longer while little happens.
  private var drainNs: Int64 = 1_000_000_000
  /// Whether every request was given to its replica.
  private var hasGivenAll = false
  /// Of this window's requests that no replica can hold, and the figures of all such.
  private var refusals: [Refusal] = []
  private var refused: RunMetrics

  /// - Precondition: the cluster deals the workload's requests out.
  init(
    _ workload: Workload, seed: UInt64, cluster: Cluster<Pricer>, scheduler: Policy,
    recording kinds: RecordedKinds
  ) {
    precondition(cluster.dealsOut(workload))
    checksInvariants = cluster.members.contains(where: \.configuration.checksInvariants)
    lanes = cluster.members.enumerated().map { index, member in
      ReplicaLane(
        Server(
          index: index, member: member, scheduler: scheduler, workload: workload, seed: seed),
        workload)
    }
    buffers = Array(repeating: RecordBuffer(kinds), count: lanes.count)
    isUnrecorded = kinds == .none
    timeLimitNs = workload.timeLimitNs
    refused = RunMetrics(classes: workload.classes)
    dealer = Dealer(workload, seed: seed, limits: lanes.map(\.server.limits))
  }

  mutating func playOn(_ records: inout RecordBuffer) -> Bool {
    playWindow(&records, beside: nil)
  }

  mutating func playOn(
    _ records: inout RecordBuffer, beside work: @escaping @Sendable () -> Void
  ) -> Bool {
    playWindow(&records, beside: work)
  }

  private mutating func playWindow(
    _ records: inout RecordBuffer, beside work: (@Sendable () -> Void)?
  ) -> Bool {
    takeWindow()
    var endNs = dealer.window.endNs
    if hasGivenAll {
      // Behind the last request, which was due then. Nobody keeps what nobody records.
      endNs = isUnrecorded ? .max : max(windowStartNs, endNs) + drainNs
    }
    playLanes(until: endNs, beside: work)
    passOn(&records)
    if hasGivenAll, records.count < Dealer.windowRequests { drainNs *= 2 }
    windowStartNs = endNs
    return !lanes.contains(where: \.reachedHorizon) && windowStartNs <= timeLimitNs
      && !(hasGivenAll && lanes.allSatisfy(\.isDone))
  }

  func summary() -> RunSummary {
    let reachedHorizon = lanes.contains { $0.reachedHorizon || !$0.isDone } || !hasGivenAll
    var metrics = refused
    if !reachedHorizon { metrics.checkLittlesLaw() }
    for lane in lanes {
      if !reachedHorizon { lane.metrics.checkLittlesLaw() }
      metrics += lane.metrics
    }
    return metrics.summary(
      replicas: lanes.map(\.server.summary),
      slots: lanes.reduce(into: SlotUse()) { $0 += $1.server.slots },
      reachedHorizon: reachedHorizon)
  }

  // MARK: A window

  /// Gives the requests of the window that was dealt last to their replicas.
  private mutating func takeWindow() {
    for lane in lanes.indices { lanes[lane].take(&dealer.window.arrivals[lane]) }
    swap(&refusals, &dealer.window.refusals)
    for refusal in refusals {
      refused.arrived(at: refusal.record.arrivalNs)
      refused.left(refusal.record)
    }
    hasGivenAll = dealer.window.isLast
  }

  /// Plays the window on all cores, and deals the next one out and does the work on some of them.
  private mutating func playLanes(until endNs: Int64, beside work: (@Sendable () -> Void)?) {
    let checks = checksInvariants
    guard lanes.count > 1 || !hasGivenAll || work != nil else {
      lanes[0].play(until: endNs, checksInvariants: checks, &buffers[0])
      return
    }
    lanes.withUnsafeMutableBufferPointer { lanes in
      buffers.withUnsafeMutableBufferPointer { buffers in
        withUnsafeMutablePointer(to: &dealer) { dealer in
          // Each lane and its buffer are one iteration's alone, and so is the dealer.
          nonisolated(unsafe) let (lanes, buffers, dealer) = (lanes, buffers, dealer)
          // What takes longest goes first. It is one call for all: within one of its iterations,
          // another would have one core.
          DispatchQueue.concurrentPerform(iterations: 2 + lanes.count) {
            switch $0 {
            case 0: work?()
            case 2: dealer.pointee.deal()
            default:
              let lane = max(0, $0 - 2)
              lanes[lane].play(until: endNs, checksInvariants: checks, &buffers[lane])
            }
          }
        }
      }
    }
  }

  /// Records in the order of the event loop: by time, refusals first, then by replica.
  private mutating func passOn(_ records: inout RecordBuffer) {
    defer {
      refusals.clear()
      for lane in buffers.indices { buffers[lane].removeAll() }
    }
    guard !isUnrecorded else { return }
    if lanes.count == 1, refusals.isEmpty, records.count == 0 {
      swap(&records, &buffers[0])
      return
    }
    var heads = EventQueue()
    // A lane's head: its first record that was not passed on. Refusals are lane 0. What is planned
    // at an instant comes behind all else of it.
    func push(_ lane: Int, _ time: Int64?, isPlanned: Bool = false) {
      guard let time else { return }
      let rank = UInt64(lane) + (isPlanned ? 1 << 32 : 0)
      heads.push(Event(time: time, order: rank, payload: UInt64(lane)))
    }
    func pushHead(of lane: Int) {
      guard let head = buffers[lane].head else { return }
      push(lane + 1, head.ns, isPlanned: head.isPlanned)
    }
    push(0, refusals.first?.record.finishNs)
    for lane in buffers.indices { pushHead(of: lane) }
    var refusal = 0
    while let head = heads.pop() {
      let lane = Int(head.payload)
      if lane == 0 {
        records.record(refusals[refusal].event)
        records.record(refusals[refusal].record)
        refusal += 1
        push(0, refusal < refusals.count ? refusals[refusal].record.finishNs : nil)
      } else {
        buffers[lane - 1].passHead(to: &records)
        pushHead(of: lane - 1)
      }
    }
  }
}

/// One replica of ``IndependentReplicas``: its requests to come and what it has gathered.
struct ReplicaLane<Pricer: StepPricing, Policy: Scheduler>: Sendable {
  var server: Server<Pricer, Policy>
  private let timeLimitNs: Int64
  var metrics: RunMetrics
  private var arrivals: [Arrival] = []
  private(set) var reachedHorizon = false

  init(_ server: Server<Pricer, Policy>, _ workload: Workload) {
    self.server = server
    timeLimitNs = workload.timeLimitNs
    metrics = RunMetrics(classes: workload.classes)
  }

  /// Whether all that came has left.
  var isDone: Bool { arrivals.isEmpty && server.replica.isDrained }

  /// Takes requests over, leaving none: they come after all that it was given before.
  mutating func take(_ window: inout [Arrival]) {
    if arrivals.isEmpty {
      swap(&arrivals, &window)
    } else {
      arrivals += window
      window.clear()
    }
  }

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
      guard now <= timeLimitNs else {
        reachedHorizon = true
        break
      }
      if arrivalNs <= runEndNs {
        metrics.arrived(at: now)
        let request = arrivals[next].request
        _ = server.receive(Sequence(request, arrivalNs: now), of: request, now: now)
        next += 1
      } else {
        server.completeRun(now: now, &metrics, &records)
        for record in server.departures {
          metrics.left(record)
          records.record(record)
        }
      }
      let isLast = (next == arrivals.count || arrivals[next].ns > now) && server.runEndNs != now
      if isLast, server.isIdleWithWork {
        if case .beyondHorizon = server.startRun(now: now, &metrics) { reachedHorizon = true }
        server.passOnEvents(to: &records)
      }
      if checksInvariants { server.replica.checkInvariants() }
    }
    // Those of the window's last instant are left where more of it are to come.
    arrivals.removeFirst(next)
  }
}
