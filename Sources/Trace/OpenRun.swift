import Simulator

/// The run that is being recorded, summed up.
struct OpenRun {
  let id: Int64
  var digest = RowDigest()
  var lastEventNs: Int64 = 0
  var requests: Int64 = 0
  var stepRows: Int64 = 0
  var events: Int64 = 0

  mutating func add(_ request: RequestRecord) {
    digest.record(request)
    requests += 1
    lastEventNs = max(lastEventNs, request.finishNs)
  }

  mutating func add(_ steps: StepRecord) {
    digest.record(steps)
    stepRows += 1
    lastEventNs = max(lastEventNs, steps.endNs)
  }

  mutating func add(_ event: EventRecord) {
    digest.record(event)
    events += 1
    lastEventNs = max(lastEventNs, event.timeNs)
  }
}
