/// Keeps records in their order, to be passed on later to a recorder of the same kinds.
struct RecordBuffer: Recorder, Hashable, Sendable {
  /// Where a record stands: its kind, and its place among those.
  private enum Kind: UInt8, Hashable, Sendable {
    case request, run, event
  }

  private let kinds: RecordedKinds
  private var requests: [RequestRecord] = []
  private var runs: [StepRecord] = []
  private var events: [EventRecord] = []
  /// Which kind came when.
  private var order: [Kind] = []
  /// How many were passed on, all together and of each kind.
  private var passed = 0
  private var (passedRequests, passedRuns, passedEvents) = (0, 0, 0)

  init(_ kinds: RecordedKinds) {
    self.kinds = kinds
  }

  /// Whether it keeps records of steps, and of events.
  var keepsSteps: Bool { kinds == .all }

  mutating func record(_ request: RequestRecord) throws(Never) {
    guard kinds != .none else { return }
    requests.append(request)
    order.append(.request)
  }

  mutating func record(_ run: StepRecord) throws(Never) {
    guard keepsSteps else { return }
    runs.append(run)
    order.append(.run)
  }

  mutating func record(_ event: EventRecord) throws(Never) {
    guard keepsSteps else { return }
    events.append(event)
    order.append(.event)
  }

  /// Records that it holds, passed on or not.
  var count: Int { order.count }

  /// When what the first record tells of was over, and whether that was planned then, behind all
  /// else of the instant; nil where all were passed on.
  var head: (ns: Int64, isPlanned: Bool)? {
    guard passed < order.count else { return nil }
    switch order[passed] {
    case .request: return (requests[passedRequests].finishNs, false)
    case .run: return (runs[passedRuns].endNs, false)
    case .event: return (events[passedEvents].timeNs, events[passedEvents].kind.isPlanned)
    }
  }

  /// - Precondition: there is a first record.
  mutating func passHead<Records: Recorder>(to recorder: inout Records) throws(Records.Failure) {
    switch order[passed] {
    case .request:
      try recorder.record(requests[passedRequests])
      passedRequests += 1
    case .run:
      try recorder.record(runs[passedRuns])
      passedRuns += 1
    case .event:
      try recorder.record(events[passedEvents])
      passedEvents += 1
    }
    passed += 1
  }

  /// Passes all on that were not, and forgets them.
  mutating func passAll<Records: Recorder>(to recorder: inout Records) throws(Records.Failure) {
    while passed < order.count { try passHead(to: &recorder) }
    removeAll()
  }

  /// Forgets all of them.
  mutating func removeAll() {
    requests.clear()
    runs.clear()
    events.clear()
    order.clear()
    passed = 0
    (passedRequests, passedRuns, passedEvents) = (0, 0, 0)
  }
}
