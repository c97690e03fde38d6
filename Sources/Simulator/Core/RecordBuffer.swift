/// Keeps records in their order, to be passed on later to a recorder of the same kinds.
struct RecordBuffer: Recorder, Hashable, Sendable {
  /// Where a record stands: its kind, and its place among those.
  private enum Kind: UInt8, Hashable, Sendable {
    case request, run, event, tokens
  }

  private let kinds: RecordedKinds
  private var requests: [RequestRecord] = []
  private var runs: [StepRecord] = []
  private var events: [EventRecord] = []
  private var tokens: [TokenRecord] = []
  /// Which kind came when.
  private var order: [Kind] = []
  /// How many were passed on, all together and of each kind.
  private var passed = 0
  private var (passedRequests, passedRuns, passedEvents, passedTokens) = (0, 0, 0, 0)

  init(_ kinds: RecordedKinds) {
    self.kinds = kinds
  }

  /// Whether it keeps records of steps, of events and of tokens.
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
    guard keepsSteps || kinds == .requests && event.kind == .rejected else { return }
    events.append(event)
    order.append(.event)
  }

  mutating func record(_ tokens: TokenRecord) throws(Never) {
    guard keepsSteps else { return }
    self.tokens.append(tokens)
    order.append(.tokens)
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
    case .tokens: return (tokens[passedTokens].timesNs.last!, false)
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
    case .tokens:
      try recorder.record(tokens[passedTokens])
      passedTokens += 1
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
    tokens.clear()
    order.clear()
    passed = 0
    (passedRequests, passedRuns, passedEvents, passedTokens) = (0, 0, 0, 0)
  }
}
