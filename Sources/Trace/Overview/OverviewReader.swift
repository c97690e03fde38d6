extension TraceReader {
  /// What a report shows of the trace: two scans of the requests of each run, one of its steps, and
  /// up to four of its events, in memory that does not grow with them.
  ///
  /// - Parameters:
  ///   - window: what the timelines are to show, in nanoseconds since the starts of the runs; nil
  ///     for some time around the longest queue or, without one, around the most sequences running.
  ///   - timeLimit: how long it may take; nil for as long as it does.
  /// - Throws: `damaged` where rows contradict themselves; `queryTimeLimit`.
  public func overview(
    window: Range<Int64>? = nil, timeLimit: Duration? = nil
  ) throws(TraceError) -> TraceOverview {
    let all = try runs()
    let rows = OverviewRows(connection: try queryConnection(), timeLimit: timeLimit)
    var runs: [RunOverview] = []
    for run in all.prefix(TraceOverview.mostRuns) {
      runs.append(try overview(of: run, rows))
    }
    let shown = window ?? TraceOverview.tellingWindow(of: runs)
    if let shown {
      for index in runs.indices {
        let run = runs[index].run
        runs[index].timeline = try rows.timeline(of: run, in: shown)
        try rows.addPauses(to: &runs[index].timeline, of: run, in: shown)
      }
    }
    return TraceOverview(runs: runs, runsInFile: all.count, window: shown)
  }

  private func overview(
    of run: StoredRun, _ rows: OverviewRows
  ) throws(TraceError) -> RunOverview {
    guard var scenario = try scenario(run.description.scenarioID) else {
      throw rows.damaged("run \(run.id) has no scenario")
    }
    // A report shows neither.
    scenario.modelJSON = ""
    scenario.linkJSON = nil
    var profiles: [ProfileDescription] = []
    for group in run.description.groups {
      guard var profile = try profile(group.profileID) else {
        throw rows.damaged("run \(run.id) has no profile")
      }
      profile.text = ""
      profiles.append(profile)
    }
    let lastEventNs: Int64
    if let end = run.end {
      lastEventNs = end.lastEventNs
    } else {
      lastEventNs = try rows.lastEventNs(of: run)
    }
    guard lastEventNs >= 0 else { throw rows.damaged("run \(run.id) ends before its start") }
    let requests = try rows.requests(of: run)
    let gaps = try rows.gaps(of: run)
    let steps = try rows.steps(of: run, untilNs: lastEventNs)
    let events = try rows.events(of: run, untilNs: lastEventNs)
    var slices = steps.slices
    try rows.addEvents(events, of: run, to: &slices)
    return RunOverview(
      run: run, scenario: scenario, profiles: profiles, metrics: try metrics(run: run.id),
      lastEventNs: lastEventNs, queueing: requests.queueing.curve, ttft: requests.ttft.curve,
      tpot: requests.tpot.curve, e2e: requests.e2e.curve, itl: gaps.curve, slices: slices,
      events: events, stepTimes: steps.times, concurrency: steps.concurrency,
      pointsHavePrompts: steps.pointsHavePrompts, lanes: steps.lanes, timeline: Timeline())
  }
}

extension TraceOverview {
  /// Twice the longest median of the requests' times around the middle of the slice in which most
  /// requests waited on the mean, whichever run that is of; where none did, in which most sequences
  /// ran.
  static func tellingWindow(of runs: [RunOverview]) -> Range<Int64>? {
    let last = runs.map(\.lastEventNs).max() ?? 0
    guard last > 0 else { return nil }
    let slices = runs.flatMap(\.slices)
    let longest = slices.max { ($0.waiting, $0.running) < ($1.waiting, $1.running) }
    let middle = longest.map { ($0.startNs + $0.endNs) / 2 } ?? 0
    let medians = runs.compactMap { $0.e2e[50] }
    let width = max(2 * Double(medians.max() ?? last), Double(last) / Double(TraceOverview.slices))
    let start = max(0, min(middle - width / 2, Double(last) - width))
    let end = min(Double(last), start + width)
    // Doubles that are no smaller than 2^63 are no Int64.
    guard start < end, let lower = Int64(exactly: start.rounded(.down)),
      let upper = Int64(exactly: end.rounded(.down)), lower < upper
    else { return 0..<last }
    return lower..<upper
  }
}

/// The rows that an overview is made of, read on a connection that does nothing else and until a
/// deadline.
struct OverviewRows {
  private let connection: Connection
  private let clock = ContinuousClock()
  private let end: ContinuousClock.Instant?

  init(connection: Connection, timeLimit: Duration?) {
    self.connection = connection
    let now = clock.now
    end = timeLimit.map { now + $0 }
  }

  func damaged(_ reason: String) -> TraceError {
    .damaged(path: connection.path, reason: reason)
  }

  /// Compiles a query whose first three parameters are the first and last `seq` of a run and its
  /// number.
  func prepare(_ sql: String, of run: StoredRun) throws(TraceError) -> Statement {
    let left = end.map { max(.zero, $0 - clock.now) }
    let statement = try connection.prepareQuery(sql, timeLimit: left)
    try statement.bind(1, run.sequence.lowerBound)
    try statement.bind(2, run.sequence.upperBound - 1)
    try statement.bind(3, run.id)
    return statement
  }

  /// The time of the last event that was recorded, of a run that has not ended; 0 if none was.
  func lastEventNs(of run: StoredRun) throws(TraceError) -> Int64 {
    let statement = try prepare(
      """
      SELECT max(
        ifnull((SELECT max(finish_ns) FROM request WHERE seq BETWEEN ?1 AND ?2 AND run_id = ?3), 0),
        ifnull((SELECT max(end_ns) FROM step WHERE seq BETWEEN ?1 AND ?2 AND run_id = ?3), 0),
        ifnull((SELECT max(time_ns) FROM event WHERE seq BETWEEN ?1 AND ?2 AND run_id = ?3), 0))
      """, of: run)
    return try statement.step() ? statement.integer(0) : 0
  }
}
