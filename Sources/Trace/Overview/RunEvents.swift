import Simulator

/// What happened to requests and replicas of a run between steps, summed up. Its size does not grow
/// with the events.
public struct RunEvents: Hashable, Sendable {
  /// Events of one kind and cause.
  public struct Sum: Hashable, Sendable {
    /// What happened.
    public var kind: EventRecord.Kind
    /// Why.
    public var cause: EventRecord.Cause
    /// How often.
    public var count: Int64
    /// When first, in nanoseconds since the start of the run.
    public var firstNs: Int64
    /// When last.
    public var lastNs: Int64
    /// What they took together, of kinds that take time.
    public var tookNs: Double
    /// Tokens in the cache of all of them.
    public var tokens: Double
  }

  /// Something that happened to a replica.
  public struct OfReplica: Hashable, Sendable {
    /// What happened.
    public var kind: EventRecord.Kind
    /// The replica, from 0.
    public var replica: Int64
    /// When, in nanoseconds since the start of the run.
    public var timeNs: Int64
  }

  /// By kind and cause, in the order in which these are declared.
  public var sums: [Sum] = []
  /// What happened to replicas, in the order in which it did: the first of it, at most
  /// ``mostOfReplicas``.
  public var ofReplicas: [OfReplica] = []

  /// Events of replicas that are kept.
  public static let mostOfReplicas = 10_000

  /// Nothing.
  public init() {}

  /// Events of a kind, all causes together; nil where there was none.
  public subscript(kind: EventRecord.Kind) -> Sum? {
    let own = sums.filter { $0.kind == kind }
    guard var sum = own.first else { return nil }
    for other in own.dropFirst() {
      sum.cause = .none
      sum.count += other.count
      sum.firstNs = min(sum.firstNs, other.firstNs)
      sum.lastNs = max(sum.lastNs, other.lastNs)
      sum.tookNs += other.tookNs
      sum.tokens += other.tokens
    }
    return sum
  }

  /// Whether there is every event of replicas.
  public var hasAllOfReplicas: Bool {
    let all = sums.filter(\.kind.isOfReplica).reduce(0) { $0 + $1.count }
    return all == Int64(ofReplicas.count)
  }
}

extension EventRecord.Kind {
  /// Whether it happens to a replica, and not to a request.
  public var isOfReplica: Bool {
    switch self {
    case .replicaFailed, .replicaRecovered, .replicaStarting, .replicaReady, .replicaDraining,
      .replicaReopened, .replicaOff:
      true
    case .preempted, .swappedOut, .resumed, .recomputed, .swappedIn, .displaced, .handedOver,
      .rejected:
      false
    }
  }

  /// Whether a replica gets requests from then on; nil where nothing changes of that.
  fileprivate var opensReplica: Bool? {
    switch self {
    case .replicaRecovered, .replicaReady, .replicaReopened: true
    case .replicaFailed, .replicaStarting, .replicaDraining, .replicaOff: false
    default: nil
    }
  }
}

extension OverviewRows {
  /// Sums up the events of a run, whose last was at `lastNs`.
  func events(of run: StoredRun, untilNs lastNs: Int64) throws(TraceError) -> RunEvents {
    var events = RunEvents()
    events.sums = try sums(of: run, untilNs: lastNs)
    guard events.sums.contains(where: \.kind.isOfReplica) else { return events }
    let kinds = EventRecord.Kind.allCases.filter(\.isOfReplica)
      .map { "'\($0.stored)'" }.joined(separator: ", ")
    let row = try prepare(
      """
      SELECT kind, replica, time_ns FROM event
      WHERE seq BETWEEN ?1 AND ?2 AND run_id = ?3 AND kind IN (\(kinds))
      ORDER BY seq LIMIT \(RunEvents.mostOfReplicas)
      """, of: run)
    while try row.step() {
      guard let kind = EventRecord.Kind(stored: row.text(0)) else { break }
      events.ofReplicas.append(
        RunEvents.OfReplica(kind: kind, replica: row.integer(1), timeNs: row.integer(2)))
    }
    return events
  }

  private func sums(
    of run: StoredRun, untilNs lastNs: Int64
  ) throws(TraceError) -> [RunEvents.Sum] {
    let row = try prepare(
      """
      SELECT kind, cause, count(*), min(time_ns), max(time_ns), min(time_ns - start_ns),
        total(time_ns - start_ns), total(tokens)
      FROM event WHERE seq BETWEEN ?1 AND ?2 AND run_id = ?3 GROUP BY kind, cause
      """, of: run)
    var sums: [RunEvents.Sum] = []
    while try row.step() {
      guard let kind = EventRecord.Kind(stored: row.text(0)),
        let cause = EventRecord.Cause(stored: row.optionalText(1)), row.integer(3) >= 0,
        row.integer(4) <= lastNs, row.integer(5) >= 0
      else { throw damaged("an event of run \(run.id) is none") }
      sums.append(
        RunEvents.Sum(
          kind: kind, cause: cause, count: row.integer(2), firstNs: row.integer(3),
          lastNs: row.integer(4), tookNs: row.optionalDouble(6) ?? 0,
          tokens: row.optionalDouble(7) ?? 0))
    }
    return sums.sorted {
      ($0.kind.rawValue, $0.cause.rawValue) < ($1.kind.rawValue, $1.cause.rawValue)
    }
  }

  /// Adds to each slice of a run the rejections in it, and how many replicas got requests.
  func addEvents(
    _ events: RunEvents, of run: StoredRun, to slices: inout [TimeSlice]
  ) throws(TraceError) {
    guard let last = slices.last else { return }
    let all = run.description.groups.reduce(0.0) { $0 + Double($1.replicas) }
    for index in slices.indices { slices[index].openReplicas = all }
    if events.hasAllOfReplicas { slices.close(by: events.ofReplicas) }
    guard events[.rejected] != nil else { return }
    let row = try prepare(
      """
      SELECT min(CAST(time_ns / ?4 AS INTEGER), ?5) AS slice, count(*) FROM event
      WHERE seq BETWEEN ?1 AND ?2 AND run_id = ?3 AND kind = 'rejected' GROUP BY slice
      """, of: run)
    try row.bind(4, Optional(last.endNs - last.startNs))
    try row.bind(5, Int64(slices.count - 1))
    while try row.step() {
      // Times are not negative, as was looked at.
      slices[Int(row.integer(0))].rejections = row.integer(1)
    }
  }
}

extension [TimeSlice] {
  /// Takes away the times in which replicas got no requests. Without an event a replica always
  /// does; one that begins to start had been off.
  fileprivate mutating func close(by events: [RunEvents.OfReplica]) {
    var closedSince: [Int64: Int64] = [:]
    var seen: Set<Int64> = []
    for event in events {
      let isFirst = seen.insert(event.replica).inserted
      guard let opens = event.kind.opensReplica else { continue }
      if isFirst, event.kind == .replicaStarting { closedSince[event.replica] = 0 }
      if opens {
        guard let since = closedSince.removeValue(forKey: event.replica) else { continue }
        close(from: Double(since), to: Double(event.timeNs))
      } else if closedSince[event.replica] == nil {
        closedSince[event.replica] = event.timeNs
      }
    }
    for since in closedSince.values { close(from: Double(since), to: self[count - 1].endNs) }
  }

  private mutating func close(from startNs: Double, to endNs: Double) {
    for index in indices {
      let slice = self[index]
      let overlapNs = Swift.min(endNs, slice.endNs) - Swift.max(startNs, slice.startNs)
      guard overlapNs > 0 else { continue }
      self[index].openReplicas -= overlapNs / (slice.endNs - slice.startNs)
    }
  }
}

// MARK: - Timelines

extension OverviewRows {
  /// Tells the requests of a timeline when they were without blocks, and when they computed again
  /// what they had lost. Of a request of several samples, each of which has times of its own,
  /// nothing is told.
  func addPauses(
    to timeline: inout Timeline, of run: StoredRun, in window: Range<Int64>
  ) throws(TraceError) {
    let places = Dictionary(
      timeline.requests.enumerated().filter { $1.preemptions > 0 && $1.samples == 1 }
        .map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    guard !places.isEmpty else { return }
    let row = try prepare(
      """
      SELECT request_id, kind, start_ns, time_ns FROM event
      WHERE seq BETWEEN ?1 AND ?2 AND run_id = ?3 AND start_ns < ?5 AND time_ns >= ?4
        AND kind IN ('resumed', 'swapped_in', 'recomputed')
      """, of: run)
    try row.bind(4, window.lowerBound)
    try row.bind(5, window.upperBound)
    while try row.step() {
      guard let place = places[row.integer(0)],
        timeline.requests[place].pauses.count < TraceOverview.mostPauses
      else { continue }
      timeline.requests[place].pauses.append(
        TimelineRequest.Pause(
          startNs: row.integer(2), endNs: row.integer(3),
          isRecomputing: row.text(1) == "recomputed"))
    }
  }
}
