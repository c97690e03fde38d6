import Simulator

/// The requests of a run, gone through once: how their latencies are distributed.
struct RequestScan {
  private(set) var queueing = TimeHistogram()
  private(set) var ttft = TimeHistogram()
  private(set) var tpot = TimeHistogram()
  private(set) var e2e = TimeHistogram()

  /// Takes a row; false where no request can have such times.
  fileprivate mutating func add(_ row: Statement) -> Bool {
    RequestScan.record(row.optionalInteger(0), in: &queueing)
      && RequestScan.record(row.optionalInteger(1), in: &ttft)
      && RequestScan.record(row.optionalInteger(2), in: &tpot)
      && RequestScan.record(row.optionalInteger(3), in: &e2e)
  }

  private static func record(_ ns: Int64?, in histogram: inout TimeHistogram) -> Bool {
    guard let ns else { return true }
    guard ns >= 0 else { return false }
    histogram.record(ns)
    return true
  }
}

extension OverviewRows {
  /// Goes through the requests of a run.
  func requests(of run: StoredRun) throws(TraceError) -> RequestScan {
    let row = try prepare(
      """
      SELECT queue_ns, ttft_ns, tpot_ns, e2e_ns
      FROM request WHERE seq BETWEEN ?1 AND ?2 AND run_id = ?3
      """, of: run)
    var scan = RequestScan()
    while try row.step() {
      guard scan.add(row) else {
        throw damaged("a request of run \(run.id) has a time before its arrival")
      }
    }
    return scan
  }

  /// Goes through the tokens of a run, if it kept their times: how long samples waited from one
  /// step that gave them some to the next.
  func gaps(of run: StoredRun) throws(TraceError) -> TimeHistogram {
    let row = try prepare(
      """
      SELECT request_seq, sample, time_ns FROM request_token_times
      WHERE request_seq BETWEEN ?1 AND ?2 AND ?3 IS NOT NULL ORDER BY request_seq, sample, token
      """, of: run)
    var histogram = TimeHistogram()
    var last: (seq: Int64, sample: Int64, ns: Int64) = (0, 0, 0)
    while try row.step() {
      let next = (seq: row.integer(0), sample: row.integer(1), ns: row.integer(2))
      let isSame = next.seq == last.seq && next.sample == last.sample
      guard next.ns >= (isSame ? last.ns : 0) else {
        throw damaged("a token of run \(run.id) comes before the one before it")
      }
      if isSame, next.ns > last.ns { histogram.record(next.ns - last.ns) }
      last = next
    }
    return histogram
  }

  /// The requests of a run that were there at some time of a window, thinned out by number so that
  /// the same ones are shown of runs with the same requests.
  func timeline(of run: StoredRun, in window: Range<Int64>) throws(TraceError) -> Timeline {
    let row = try prepare(
      """
      SELECT id, arrival_ns, scheduled_ns, first_token_ns, finish_ns, prompt_tokens, output_tokens,
        preemptions, samples
      FROM request
      WHERE seq BETWEEN ?1 AND ?2 AND run_id = ?3 AND arrival_ns < ?5 AND finish_ns >= ?4
      """, of: run)
    try row.bind(4, window.lowerBound)
    try row.bind(5, window.upperBound)
    var timeline = Timeline()
    while try row.step() {
      timeline.add(
        TimelineRequest(
          id: row.integer(0), arrivalNs: row.integer(1), scheduledNs: row.optionalInteger(2),
          firstTokenNs: row.optionalInteger(3), finishNs: row.integer(4),
          promptTokens: row.integer(5), outputTokens: row.integer(6), preemptions: row.integer(7),
          samples: row.integer(8)))
    }
    timeline.requests.sort { ($0.arrivalNs, $0.id) < ($1.arrivalNs, $1.id) }
    return timeline
  }
}

extension Timeline {
  mutating func add(_ request: TimelineRequest) {
    requestsInWindow += 1
    guard request.id % stride == 0 else { return }
    requests.append(request)
    // Numbers differ in a sound trace; in a forged one the stride must not grow without end.
    while requests.count > TraceOverview.timelineRequests {
      guard stride < 1 << 40 else {
        requests.removeLast()
        return
      }
      stride *= 2
      requests.removeAll { $0.id % stride != 0 }
    }
  }
}

extension TimeHistogram {
  /// Its percentiles.
  var curve: LatencyCurve {
    LatencyCurve(
      count: count, percentilesNs: count == 0 ? [] : (0...100).map { percentile(Double($0)) })
  }
}
