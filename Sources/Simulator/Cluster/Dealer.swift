/// A request and when it comes to a replica.
struct Arrival: Sendable {
  let ns: Int64
  let request: ArrivingRequest
}

/// A request that no replica can hold.
struct Refusal: Sendable {
  let event: EventRecord
  let record: RequestRecord
}

/// Makes the requests of an open loop in windows, and gives each to the replica whose turn it is of
/// those that can hold it, whatever they do.
struct Dealer: Sendable {
  /// Requests of a window. More cost memory, fewer waits of one core for another.
  static var windowRequests: Int { 1 << 14 }

  /// A window dealt out.
  struct Window: Sendable {
    /// By replica.
    var arrivals: [[Arrival]]
    /// Requests that no replica can hold.
    var refusals: [Refusal] = []
    /// When the request is due that comes next; where none does, when the last one was.
    var endNs: Int64 = 0
    /// Whether no request comes after it.
    var isLast = false
  }

  private var source: RequestSource
  /// By replica.
  private let limits: [RequestLimits]
  private let timeLimitNs: Int64
  private var turn = 0
  private var nextDueNs: Int64
  /// The window that was dealt last.
  var window: Window

  init(_ workload: Workload, seed: UInt64, limits: [RequestLimits]) {
    source = RequestSource(workload: workload, seed: seed)
    self.limits = limits
    timeLimitNs = workload.timeLimitNs
    nextDueNs = source.nextDueNs(now: 0)
    window = Window(arrivals: Array(repeating: [], count: limits.count))
    deal()
  }

  /// Fills ``window``, which has been emptied. One that meets the workload's time limit ends there,
  /// and so do all that follow.
  mutating func deal() {
    for _ in 0..<Dealer.windowRequests where !source.isExhausted {
      guard nextDueNs <= timeLimitNs else { break }
      let arrival = Arrival(ns: nextDueNs, request: source.next())
      if source.hasUnscheduled { nextDueNs = source.nextDueNs(now: arrival.ns) }
      if let replica = replicaInTurn(for: arrival.request) {
        window.arrivals[replica].append(arrival)
      } else {
        window.refusals.append(refusal(of: arrival))
      }
    }
    window.endNs = nextDueNs
    window.isLast = source.isExhausted
  }

  private func refusal(of arrival: Arrival) -> Refusal {
    let (request, now) = (arrival.request, arrival.ns)
    // It is asked for where none allows the request.
    let cause = RequestLimits.refusal(of: request, by: limits)!
    return Refusal(
      event: limits[0].rejection(of: request, for: cause, now: now),
      record: RequestRecord(rejected: request, arrivalNs: now, now: now))
  }

  private mutating func replicaInTurn(for request: ArrivingRequest) -> Int? {
    for _ in limits.indices {
      let replica = turn
      turn = turn + 1 == limits.count ? 0 : turn + 1
      if limits[replica].allow(request) { return replica }
    }
    return nil
  }
}
