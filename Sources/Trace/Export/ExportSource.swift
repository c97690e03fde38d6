import Simulator

/// What exports read of a trace: a connection of their own, on which time is limited.
struct ExportSource {
  let reader: TraceReader
  let connection: Connection
  private var path: String { connection.path }

  init(_ reader: TraceReader, on connection: Connection) {
    self.reader = reader
    self.connection = connection
  }

  /// The tables, in the order of the schema.
  func tables() throws(TraceError) -> [String] {
    let row = try connection.prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")
    var names: [String] = []
    while try row.step() { names.append(row.text(0)) }
    return names
  }

  /// Goes through the rows of a run once, so that what sorts and sums them by SQL comes to an end:
  /// in a forged file, pages can lead back to themselves.
  /// - Throws: `damaged` for a row that is out of place.
  func checkRows(of run: StoredRun) throws(TraceError) {
    for table in ["request", "step", "event"] {
      let row = try connection.prepare(
        "SELECT seq, run_id FROM \(table) WHERE seq >= ?1 AND seq < ?2 ORDER BY seq")
      try row.bind(1, run.sequence.lowerBound)
      try row.bind(2, run.sequence.upperBound)
      var last: Int64 = 0
      while try row.step() {
        guard row.integer(0) > last, row.integer(1) == run.id else {
          throw damage("row \(row.integer(0)) of \(table) is out of place")
        }
        last = row.integer(0)
      }
    }
  }

  /// Goes through the requests of a run in the order in which they left.
  func forEachRequest(
    of run: StoredRun, _ body: (RequestRecord) throws(TraceError) -> Void
  ) throws(TraceError) {
    try forEach(RequestRecord.self, of: run, order: "seq", body)
  }

  /// Goes through the requests of a run in the order in which they arrived.
  func forEachRequestByArrival(
    of run: StoredRun, _ body: (RequestRecord) throws(TraceError) -> Void
  ) throws(TraceError) {
    try forEach(RequestRecord.self, of: run, order: "arrival_ns, id", body)
  }

  /// Goes through the requests of a run in the order in which their first steps began, those
  /// without one in between by their arrival.
  /// - Parameter window: takes those alone that were there meanwhile.
  func forEachRequestByStart(
    of run: StoredRun, within window: Range<Int64>?,
    _ body: (RequestRecord) throws(TraceError) -> Void
  ) throws(TraceError) {
    try forEach(
      RequestRecord.self, of: run, within: window, since: "finish_ns", until: "arrival_ns",
      order: "ifnull(scheduled_ns, arrival_ns), seq", body)
  }

  /// Goes through the rows of steps of a run in the order in which they ended.
  func forEachStep(
    of run: StoredRun, _ body: (StepRecord) throws(TraceError) -> Void
  ) throws(TraceError) {
    try forEach(StepRecord.self, of: run, order: "seq", body)
  }

  /// Goes through the rows of steps of a run in the order of their starts.
  /// - Parameter window: takes those alone that were under way meanwhile.
  func forEachStepByStart(
    of run: StoredRun, within window: Range<Int64>?,
    _ body: (StepRecord) throws(TraceError) -> Void
  ) throws(TraceError) {
    try forEach(
      StepRecord.self, of: run, within: window, since: "end_ns", until: "start_ns",
      order: "start_ns, seq", body)
  }

  /// Goes through the events of a run in the order in which they happened.
  /// - Parameter window: takes those alone that happened meanwhile.
  func forEachEvent(
    of run: StoredRun, within window: Range<Int64>?,
    _ body: (EventRecord) throws(TraceError) -> Void
  ) throws(TraceError) {
    try forEach(
      EventRecord.self, of: run, within: window, since: "time_ns", until: "time_ns",
      order: "time_ns, seq", body)
  }

  /// Goes through the rows of a kind, those alone that had not ended before a window by the column
  /// `since` and had begun before its end by the column `until`.
  private func forEach<Record: OrderedRecord>(
    _ kind: Record.Type, of run: StoredRun, within window: Range<Int64>? = nil,
    since: String = "", until: String = "", order: String,
    _ body: (Record) throws(TraceError) -> Void
  ) throws(TraceError) {
    let condition = window == nil ? "" : "AND \(since) >= ?3 AND \(until) < ?4"
    let row = try connection.prepare(
      """
      SELECT \(Record.columns) FROM \(Record.table)
      WHERE seq >= ?1 AND seq < ?2 \(condition) ORDER BY \(order)
      """)
    try row.bind(1, run.sequence.lowerBound)
    try row.bind(2, run.sequence.upperBound)
    if let window {
      try row.bind(3, window.lowerBound)
      try row.bind(4, window.upperBound)
    }
    while try row.step() {
      let record = try Record(row, path: path)
      guard record.isInOrder else {
        throw damage("the times of \(record.name) of run \(run.id) contradict one another")
      }
      try body(record)
    }
  }

  private func damage(_ reason: String) -> TraceError { .damaged(path: path, reason: reason) }
}

/// A record whose times can be judged.
private protocol OrderedRecord: StoredRecord {
  /// What an error calls it.
  var name: String { get }
  var isInOrder: Bool { get }
}

extension RequestRecord: OrderedRecord {
  fileprivate var name: String { "request \(id)" }

  /// Whether what happened to it did so in the one order that makes sense, and no sum of its
  /// numbers overflows.
  fileprivate var isInOrder: Bool {
    let start = scheduledNs < 0 ? arrivalNs : scheduledNs
    let token = firstTokenNs < 0 ? start : firstTokenNs
    let hasWhatItNeeds =
      scheduledNs >= 0
      ? firstTokenNs >= 0 || outcome == .rejected
      : firstTokenNs < 0 && outcome == .rejected
    return hasWhatItNeeds && arrivalNs >= 0 && start >= arrivalNs && token >= start
      && finishNs >= token && finishNs <= RequestRecord.lastNs
      && RequestRecord.isCount(promptTokens) && RequestRecord.isCount(cachedTokens)
      && RequestRecord.isCount(outputTokens) && RequestRecord.isCount(preemptions)
      && RequestRecord.isCount(samples) && RequestRecord.isCount(lastSampleTokens)
  }

  /// A hundred years, the longest that a simulation goes on.
  fileprivate static let lastNs: Int64 = 3_155_760_000_000_000_000

  /// No request has more tokens than 2^40, and no trace more requests than fit 64 bits with that.
  fileprivate static func isCount(_ number: Int64) -> Bool { number >= 0 && number <= 1 << 40 }
}

extension EventRecord: OrderedRecord {
  fileprivate var name: String { "an event" }

  fileprivate var isInOrder: Bool {
    startNs >= 0 && timeNs >= startNs && timeNs <= RequestRecord.lastNs
      && RequestRecord.isCount(tokens) && RequestRecord.isCount(blocks)
  }
}

extension StepRecord: OrderedRecord {
  fileprivate var name: String { "a step" }

  fileprivate var isInOrder: Bool {
    startNs >= 0 && endNs >= startNs && endNs <= RequestRecord.lastNs
      && RequestRecord.isCount(steps) && RequestRecord.isCount(decodeSequences)
      && RequestRecord.isCount(prefillSequences) && RequestRecord.isCount(preemptedRequests)
  }
}
