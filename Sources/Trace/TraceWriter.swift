import Simulator

/// Writes a trace: scenarios and profiles first, then one run after the other, then `finish()`.
///
/// Until then everything goes to `<path>.partial`. Any failure, `discard()`, or letting go of the
/// writer without finishing removes that file and leaves whatever stood at the path as it was. A
/// killed process leaves a readable partial file with whole batches of rows in it.
///
/// One writer belongs to one thread at a time. Each row is inserted in constant time; memory is
/// bounded by SQLite's page cache.
public final class TraceWriter: Recorder {
  /// SQLite takes as long for the rows as the simulation that makes them.
  public static var takesTime: Bool { true }

  /// Rows of one transaction. Fewer cost commits, and more would be lost to a kill.
  static let batchRows = 50_000

  private let partial: PartialFile
  private var connection: Connection?
  private var inserts: RowInserts?
  private var tokenInserts: TokenInserts?
  private var failure: TraceError?
  private var run: (id: Int64, records: RecordTotals)?
  private var runs = 0
  private var seq: Int64 = 0
  private var rowsInBatch = 0

  /// Throws at once what `init` would throw for a path that may not be written, and touches
  /// nothing: for refusing a command before its work begins.
  /// - Throws: `fileExists`, `notARegularFile`, `noSuchFolder`, `io`.
  public static func check(path: String, overwrite: Bool) throws(TraceError) {
    try PartialFile.check(TracePath(path), overwrites: overwrite)
  }

  /// Begins a trace.
  /// - Throws: what `check` throws; `busy` while another process writes the same trace.
  public convenience init(path: String, overwrite: Bool) throws(TraceError) {
    try self.init(path: path, overwrite: overwrite, maxPages: nil)
  }

  /// - Parameter maxPages: where SQLite is to find the disk full, for tests.
  init(path: String, overwrite: Bool, maxPages: Int?) throws(TraceError) {
    partial = try PartialFile(TracePath(path), overwrites: overwrite)
    let connection = try Connection(file: partial.file, path: path, mode: .create)
    try connection.execute(TraceWriter.settings)
    if let maxPages { try connection.execute("PRAGMA max_page_count = \(maxPages)") }
    try connection.execute("BEGIN")
    try connection.execute(TraceSchema.statements)
    inserts = try RowInserts(on: connection)
    tokenInserts = try TokenInserts(on: connection)
    self.connection = connection
  }

  /// How the partial file is written.
  ///
  /// - Pages of 16 KiB: a tenth faster than the usual 4 KiB, as fewer are split. The usual cache
  ///   of 2 MB does: rows go to the right edge of two b-trees, and what lies left is not needed.
  /// - Nothing is synchronised before the end: until the file has its name, losing it to a power
  ///   cut loses no more than the process would. `finish()` synchronises once.
  /// - A rollback journal all the same: with it, a killed process leaves whole batches. Appended
  ///   pages need no journal, so it stays small; keeping its file saves creating it each time.
  /// - The exclusive lock keeps a curious `sqlite3` from rolling back a batch under way.
  /// - Foreign keys are not checked, which takes as long as a row: those that callers name, of a
  ///   run and its groups, are looked up when the run begins, and rows are of the open run.
  private static let settings = """
    PRAGMA page_size = 16384;
    PRAGMA synchronous = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = TRUNCATE;
    PRAGMA temp_store = MEMORY;
    PRAGMA secure_delete = OFF;
    PRAGMA foreign_keys = OFF;
    PRAGMA application_id = \(TraceSchema.applicationID);
    PRAGMA user_version = \(TraceSchema.version);
    """

  deinit {
    discard()
  }

  /// Gives up: removes the partial file. A finished trace stays.
  public func discard() {
    inserts = nil
    tokenInserts = nil
    connection = nil
    partial.discard()
  }

  // MARK: What runs refer to

  /// Keeps a scenario.
  /// - Precondition: it has at most 1,000 classes.
  /// - Returns: its number, for `RunDescription.scenarioID`.
  public func addScenario(_ scenario: ScenarioDescription) throws(TraceError) -> Int64 {
    try guarded { connection throws(TraceError) in
      try RunRows.insert(scenario, on: connection)
    }
  }

  /// Keeps a profile.
  /// - Returns: its number, for `GroupDescription.profileID`.
  public func addProfile(_ profile: ProfileDescription) throws(TraceError) -> Int64 {
    try guarded { connection throws(TraceError) in
      try RunRows.insert(profile, on: connection)
    }
  }

  // MARK: Runs

  /// Begins a run; what is recorded from now on belongs to it.
  /// - Precondition: no run is open.
  /// - Returns: the run's number in the file.
  @discardableResult
  public func beginRun(_ description: RunDescription) throws(TraceError) -> Int64 {
    precondition(run == nil, "a run begins when the one before has ended")
    precondition(runs < TraceLimits.runs, "a trace has at most \(TraceLimits.runs) runs")
    let id = try guarded { connection throws(TraceError) in
      let id = try RunRows.insert(description, firstSeq: self.seq + 1, on: connection)
      try self.inserts?.begin(run: id, format: description.format)
      // A kill leaves a trace from here on, be it of no row.
      try self.beginBatch(on: connection)
      return id
    }
    run = (id, RecordTotals())
    runs += 1
    return id
  }

  /// Appends a request to the open run.
  /// - Precondition: a run is open.
  public func record(_ request: RequestRecord) throws(TraceError) {
    let inserts = try insertsOfOpenRun()
    inserts.append(PlacedRecord(seq: seq + 1, id: run!.records.requests, record: request))
    run!.records.record(request)
    try guarded { _ throws(TraceError) in
      try self.tokenInserts?.append(request, seq: self.seq + 1)
    }
    try rowWasAdded()
  }

  /// Appends a row of steps to the open run.
  /// - Precondition: a run is open.
  public func record(_ steps: StepRecord) throws(TraceError) {
    let inserts = try insertsOfOpenRun()
    inserts.append(PlacedRecord(seq: seq + 1, id: run!.records.stepRows, record: steps))
    run!.records.record(steps)
    try rowWasAdded()
  }

  /// Appends an event to the open run.
  /// - Precondition: a run is open.
  public func record(_ event: EventRecord) throws(TraceError) {
    let inserts = try insertsOfOpenRun()
    inserts.append(PlacedRecord(seq: seq + 1, id: run!.records.events, record: event))
    run!.records.record(event)
    try rowWasAdded()
  }

  /// Keeps the times of tokens until their request is recorded. They do not enter the digest.
  /// - Precondition: a run is open.
  public func record(_ tokens: TokenRecord) throws(TraceError) {
    _ = try insertsOfOpenRun()
    tokenInserts?.keep(tokens)
  }

  /// Ends the open run.
  /// - Precondition: a run is open; the names of the metrics differ.
  /// - Returns: the digest of its records, 16 hexadecimal digits.
  @discardableResult
  public func endRun(metrics: [Metric]) throws(TraceError) -> String {
    let inserts = try insertsOfOpenRun()
    let ended = run!
    try guarded { connection throws(TraceError) in
      try inserts.insertAll()
      try self.tokenInserts?.insertAll()
      self.tokenInserts?.endRun()
      try RunRows.end(
        ended.id, ended.records, lastSeq: self.seq, metrics: metrics, on: connection)
      // A run that has ended survives a kill, however few rows it had.
      try self.beginBatch(on: connection)
    }
    run = nil
    return ended.records.digest.hex
  }

  /// Completes the trace and gives it its name. The writer can do nothing more.
  /// - Precondition: no run is open.
  /// - Throws: `fileExists` if the target has appeared meanwhile and is not to be overwritten.
  public func finish() throws(TraceError) {
    precondition(run == nil, "a trace is finished when its last run has ended")
    try guarded { connection throws(TraceError) in
      self.inserts = nil
      self.tokenInserts = nil
      try connection.execute("COMMIT")
      try connection.close()
      try self.partial.publish()
    }
    connection = nil
  }

  // MARK: Batches and failures

  private func rowWasAdded() throws(TraceError) {
    seq += 1
    rowsInBatch += 1
    let tokens = tokenInserts?.rowsInBatch ?? 0
    let endsBatch = rowsInBatch + tokens >= TraceWriter.batchRows
    guard endsBatch || rowsInBatch % RowInserts.batch == 0 else { return }
    try guarded { connection throws(TraceError) in
      try self.inserts?.insertAll()
      try self.tokenInserts?.insertAll()
      if endsBatch { try self.beginBatch(on: connection) }
    }
  }

  private func beginBatch(on connection: Connection) throws(TraceError) {
    rowsInBatch = 0
    tokenInserts?.beginBatch()
    try connection.execute("COMMIT; BEGIN")
  }

  private func insertsOfOpenRun() throws(TraceError) -> RowInserts {
    guard let inserts else { throw closed() }
    precondition(run != nil, "records belong to a run")
    return inserts
  }

  /// Runs `body`, unless the writer has failed before; if it throws, the trace is given up.
  private func guarded<Value>(
    _ body: (Connection) throws(TraceError) -> Value
  ) throws(TraceError) -> Value {
    guard let connection else { throw closed() }
    do throws(TraceError) {
      return try body(connection)
    } catch {
      throw fail(error)
    }
  }

  /// The failure that closed the writer: it is thrown again by whatever is called after it.
  private func closed() -> TraceError {
    guard let failure else { preconditionFailure("nothing is written to a finished trace") }
    return failure
  }

  private func fail(_ error: TraceError) -> TraceError {
    failure = error
    run = nil
    discard()
    return error
  }
}
