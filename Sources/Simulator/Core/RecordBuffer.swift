/// Keeps records in their order, to be passed on later to a recorder of the same kinds.
struct RecordBuffer: Recorder, Hashable, Sendable {
  private let kinds: RecordedKinds
  private var requests: [RequestRecord] = []
  private var runs: [StepRecord] = []
  /// Which kind came when.
  private var isRequest: [Bool] = []
  private var passed = 0
  private var passedRequests = 0

  init(_ kinds: RecordedKinds) {
    self.kinds = kinds
  }

  /// Whether it keeps records of steps.
  var keepsSteps: Bool { kinds == .all }

  mutating func record(_ request: RequestRecord) throws(Never) {
    guard kinds != .none else { return }
    requests.append(request)
    isRequest.append(true)
  }

  mutating func record(_ run: StepRecord) throws(Never) {
    guard keepsSteps else { return }
    runs.append(run)
    isRequest.append(false)
  }

  /// Records that it holds, passed on or not.
  var count: Int { isRequest.count }

  /// When what the first record tells of was over; nil where all were passed on.
  var headNs: Int64? {
    guard passed < isRequest.count else { return nil }
    return isRequest[passed]
      ? requests[passedRequests].finishNs : runs[passed - passedRequests].endNs
  }

  /// - Precondition: there is a first record.
  mutating func passHead<Records: Recorder>(to recorder: inout Records) throws(Records.Failure) {
    if isRequest[passed] {
      try recorder.record(requests[passedRequests])
      passedRequests += 1
    } else {
      try recorder.record(runs[passed - passedRequests])
    }
    passed += 1
  }

  /// Forgets all of them.
  mutating func removeAll() {
    requests.removeAll(keepingCapacity: true)
    runs.removeAll(keepingCapacity: true)
    isRequest.removeAll(keepingCapacity: true)
    (passed, passedRequests) = (0, 0)
  }
}
