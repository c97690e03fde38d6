import Simulator

/// The records of a run, summed up as they come.
public struct RecordTotals: Recorder, Sendable {
  /// The digest of all of them.
  public private(set) var digest = RowDigest()
  /// The time of the last event that they tell of, in nanoseconds since the start.
  public private(set) var lastEventNs: Int64 = 0
  /// How many are of requests.
  public private(set) var requests: Int64 = 0
  /// How many are of steps.
  public private(set) var stepRows: Int64 = 0
  /// How many are of events.
  public private(set) var events: Int64 = 0

  /// Of no record.
  public init() {}

  /// Of records of which no more is known.
  init(digest: RowDigest, lastEventNs: Int64) {
    self.digest = digest
    self.lastEventNs = lastEventNs
  }

  /// Takes a request in.
  public mutating func record(_ request: RequestRecord) throws(Never) {
    digest.record(request)
    requests += 1
    lastEventNs = max(lastEventNs, request.finishNs)
  }

  /// Takes a run of steps in.
  public mutating func record(_ steps: StepRecord) throws(Never) {
    digest.record(steps)
    stepRows += 1
    lastEventNs = max(lastEventNs, steps.endNs)
  }

  /// Takes an event in.
  public mutating func record(_ event: EventRecord) throws(Never) {
    digest.record(event)
    events += 1
    lastEventNs = max(lastEventNs, event.timeNs)
  }

  /// The same of a run whose records are not kept.
  var withoutRows: RecordTotals {
    var totals = self
    (totals.requests, totals.stepRows, totals.events) = (0, 0, 0)
    return totals
  }
}
