import Simulator

/// Writes a trace: scenarios and profiles first, then one run after the other, then `finish()`.
///
/// Until then everything goes to `<path>.partial`. Any failure, `discard()`, or letting go of the
/// writer without finishing removes that file and leaves whatever stood at the path as it was. A
/// killed process leaves a readable partial file with whole batches of rows in it.
///
/// One writer belongs to one thread at a time. Each row is inserted in constant time; memory is
/// bounded by the rows of one transaction, SQLite's page cache, and the tokens of requests that are
/// there.
public final class TraceWriter: Recorder {
  /// The rows take half as long as the simulation that makes them.
  public static var takesTime: Bool { true }

  /// Rows of one transaction, which are laid out first and then inserted together. Fewer cost
  /// commits; of more, some stretches of a run would have the work of others to wait for, and more
  /// would be lost to a kill.
  static let batchRows = 20_000

  private let partial: PartialFile
  private var connection: Connection?
  private var pending: PendingRows
  private var tokenInserts: TokenInserts?
  private var failure: TraceError?
  /// The open run.
  private var run: Int64?
  private var runs = 0
  /// Whether the open run has recorded tokens.
  private var keepsTokens = false

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
    try connection.execute("BEGIN; \(TraceSchema.statements) COMMIT")
    tokenInserts = try TokenInserts(on: connection)
    pending = try PendingRows.attached(to: connection)
    try connection.execute("BEGIN")
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
  /// - Foreign keys are not checked, as rows whose keys are cannot be copied: those that callers
  ///   name, of a run and its groups, are looked up when the run begins, and rows are of the open
  ///   run.
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
  /// - Precondition: no run is open; the format has at most 1,000 bytes.
  /// - Returns: the run's number in the file.
  @discardableResult
  public func beginRun(_ description: RunDescription) throws(TraceError) -> Int64 {
    precondition(run == nil, "a run begins when the one before has ended")
    precondition(description.format.utf8.count <= TraceLimits.formatBytes)
    precondition(runs < TraceLimits.runs, "a trace has at most \(TraceLimits.runs) runs")
    let id = try guarded { connection throws(TraceError) in
      let id = try RunRows.insert(description, firstSeq: self.pending.seq + 1, on: connection)
      // A kill leaves a trace from here on, be it of no row.
      try connection.execute("COMMIT; BEGIN")
      return id
    }
    pending.begin(run: id, format: description.format)
    run = id
    runs += 1
    return id
  }

  /// Appends a request to the open run.
  /// - Precondition: a run is open.
  public func record(_ request: RequestRecord) throws(TraceError) {
    try checkRunIsOpen()
    pending.append(request)
    if keepsTokens { tokenInserts?.append(request, seq: pending.seq) }
    try rowWasAdded()
  }

  /// Appends a row of steps to the open run.
  /// - Precondition: a run is open.
  public func record(_ steps: StepRecord) throws(TraceError) {
    try checkRunIsOpen()
    pending.append(steps)
    try rowWasAdded()
  }

  /// Appends an event to the open run.
  /// - Precondition: a run is open.
  public func record(_ event: EventRecord) throws(TraceError) {
    try checkRunIsOpen()
    pending.append(event)
    try rowWasAdded()
  }

  /// Keeps the times of tokens until their request is recorded. They do not enter the digest.
  /// - Precondition: a run is open.
  public func record(_ tokens: TokenRecord) throws(TraceError) {
    try checkRunIsOpen()
    keepsTokens = true
    tokenInserts?.keep(tokens)
  }

  /// Ends the open run.
  /// - Precondition: a run is open; the names of the metrics differ.
  /// - Returns: the digest of its records, 16 hexadecimal digits.
  @discardableResult
  public func endRun(metrics: [Metric]) throws(TraceError) -> String {
    try checkRunIsOpen()
    let totals = pending.totals
    try guarded { connection throws(TraceError) in
      try self.insertPending(on: connection)
      self.tokenInserts?.endRun()
      try RunRows.end(
        self.run!, totals, lastSeq: self.pending.seq, metrics: metrics, on: connection)
      // A run that has ended survives a kill, however few rows it had.
      try connection.execute("COMMIT; BEGIN")
    }
    run = nil
    keepsTokens = false
    return totals.digest.hex
  }

  /// Completes the trace and gives it its name. The writer can do nothing more.
  /// - Precondition: no run is open.
  /// - Throws: `fileExists` if the target has appeared meanwhile and is not to be overwritten.
  public func finish() throws(TraceError) {
    precondition(run == nil, "a trace is finished when its last run has ended")
    try guarded { connection throws(TraceError) in
      self.tokenInserts = nil
      try connection.execute("COMMIT")
      try connection.close()
      try self.partial.publish()
    }
    connection = nil
  }

  // MARK: Batches and failures

  @inline(__always)
  private func rowWasAdded() throws(TraceError) {
    let tokens = keepsTokens ? tokenInserts?.count ?? 0 : 0
    guard pending.count + tokens >= TraceWriter.batchRows else { return }
    try guarded { connection throws(TraceError) in try self.insertPending(on: connection) }
  }

  private func insertPending(on connection: Connection) throws(TraceError) {
    try connection.execute("COMMIT")
    try pending.insertAll(on: connection) { () throws(TraceError) in
      try self.tokenInserts?.insertAll()
    }
    try connection.execute("BEGIN")
  }

  @inline(__always)
  private func checkRunIsOpen() throws(TraceError) {
    if run == nil { throw noRun() }
  }

  private func noRun() -> TraceError {
    precondition(connection == nil, "records belong to a run")
    return closed()
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
