import Simulator

/// Reads a trace, which somebody else may have made: nothing in the file is trusted, nothing is
/// written, and whatever is wrong with it comes out as a `TraceError`.
///
/// One reader belongs to one thread at a time.
public final class TraceReader {
  private let location: TracePath
  private let connection: Connection
  /// The path that errors name.
  var path: String { connection.path }
  /// The file itself.
  var file: String { location.file }

  /// Opens a trace, or the partial file that a killed writer left: that loses the batch which was
  /// under way, and keeps all before it.
  /// - Throws: `busy` while a partial file is written; `noSuchFile`, `notARegularFile` (links
  ///   included), `notATrace`, `wrongVersion`, `damaged` where SQLite or the schema contradicts the
  ///   header: tables and views are those of this version, word for word.
  public convenience init(path: String) throws(TraceError) {
    try self.init(TracePath(path), path: path, isOurs: false)
  }

  /// Opens the partial file whose lock `partial` holds.
  convenience init(_ partial: PartialFile, path: String) throws(TraceError) {
    try self.init(TracePath(partial.file), path: path, isOurs: true)
  }

  private init(_ location: TracePath, path: String, isOurs: Bool) throws(TraceError) {
    self.location = location
    if let left = LeftTrace(location) {
      try TraceHeader(reading: location).checkKind(path: path)
      try left.takeBackLastBatch(isOurs: isOurs)
    }
    try TraceHeader(reading: location).check(path: path)
    connection = try Connection(file: location.file, path: path, mode: .readUntrusted)
    guard try TraceSchema.isSchema(of: connection) else {
      throw .damaged(path: path, reason: "its tables are not those of a trace")
    }
  }

  /// Compiles a query of the user's own: one `SELECT`, which may name tables and views.
  ///
  /// - Parameters:
  ///   - parameters: values by name, without the colon.
  ///   - timeLimit: how long it may run; nil for as long as it takes.
  /// - Throws: `badQuery` where SQLite refuses it, `badParameter` where it has no such parameter.
  public func query(
    _ sql: String, parameters: [(name: String, value: QueryValue)] = [],
    timeLimit: Duration? = nil
  ) throws(TraceError) -> TraceQuery {
    let statement = try queryConnection().prepareQuery(sql, timeLimit: timeLimit)
    for (name, value) in parameters {
      guard try statement.bind(":" + name, value) else {
        throw .unknownParameter(
          name, of: statement.parameterNames.map { String($0.dropFirst()) }, path: path)
      }
    }
    return TraceQuery(statement)
  }

  /// What exports read the trace by.
  /// - Parameter timeLimit: how long they may take; nil for as long as it takes.
  func exportSource(timeLimit: Duration?) throws(TraceError) -> ExportSource {
    let connection = try Connection(file: file, path: path, mode: .readUntrusted)
    connection.limitTime(timeLimit)
    return ExportSource(self, on: connection)
  }

  /// A connection of its own for queries, which may read and nothing else.
  func queryConnection() throws(TraceError) -> Connection {
    let connection = try Connection(file: file, path: path, mode: .readUntrusted)
    try connection.allowQueries()
    return connection
  }

  /// Goes through every page of the file; takes time in proportion to its size.
  /// - Throws: `damaged` with the first finding.
  public func checkIntegrity() throws(TraceError) {
    let statement = try connection.prepare("PRAGMA integrity_check(1)")
    guard try statement.step() else { return }
    let finding = statement.text(0)
    if finding != "ok" { throw .damaged(path: path, reason: finding) }
  }

  /// The runs, in the order in which they were made.
  public func runs() throws(TraceError) -> [StoredRun] {
    try summaries(where: "1")
  }

  /// One run.
  /// - Throws: `noSuchRun`.
  public func run(_ id: Int64) throws(TraceError) -> StoredRun {
    guard let summary = try summaries(where: "id = \(id)").first else {
      throw .noSuchRun(path: path, run: id)
    }
    return summary
  }

  private func summaries(where condition: String) throws(TraceError) -> [StoredRun] {
    let row = try connection.prepare(
      """
      SELECT id, scenario_id, format, seed, kvsim_version, started_utc, completed, row_digest,
        last_event_ns, requests, step_rows, events, first_seq, last_seq
      FROM run WHERE \(condition) ORDER BY id
      """)
    var summaries: [StoredRun] = []
    while try row.step() {
      guard summaries.count < TraceLimits.runs else {
        throw .damaged(path: path, reason: "it has more than \(TraceLimits.runs) runs")
      }
      let description = RunDescription(
        scenarioID: row.integer(1), format: row.text(2),
        seed: UInt64(bitPattern: row.integer(3)), kvsimVersion: row.text(4),
        startedUTC: row.text(5), groups: try groups(ofRun: row.integer(0)))
      let end = StoredRun.End(
        rowDigest: row.text(7), lastEventNs: row.integer(8), requests: row.integer(9),
        stepRows: row.integer(10), events: row.integer(11))
      let first = row.integer(12)
      let last = row.optionalInteger(13) ?? Int64.max - 1
      guard first > 0, last >= first - 1, last < Int64.max else {
        throw .damaged(path: path, reason: "run \(row.integer(0)) has an impossible range of rows")
      }
      summaries.append(
        StoredRun(
          id: row.integer(0), description: description,
          end: row.integer(6) == 1 ? end : nil, sequence: first..<last + 1))
    }
    return summaries
  }

  /// The runs of a point of a sweep.
  func runs(ofPoint point: Int) throws(TraceError) -> [StoredRun] {
    try summaries(where: "point_id = \(point)")
  }

  /// Why a point of a sweep failed; nil of one that did not.
  func reasonOfFailure(ofPoint point: Int) throws(TraceError) -> String? {
    let row = try connection.prepare("SELECT reason FROM sweep_point WHERE id = ?1")
    try row.bind(1, Int64(point))
    return try row.step() ? row.optionalText(0) : nil
  }

  private func groups(ofRun id: Int64) throws(TraceError) -> [GroupDescription] {
    let row = try connection.prepare(
      """
      SELECT id, name, role, profile_id, format, first_replica, replicas, devices,
        kv_bytes_per_token, pool_tokens, pool_blocks, block_size
      FROM replica_group WHERE run_id = ?1 ORDER BY id
      """)
    try row.bind(1, id)
    var groups: [GroupDescription] = []
    while try row.step() {
      guard groups.count < TraceLimits.groupsPerRun, row.integer(0) == groups.count else {
        throw .damaged(path: path, reason: "the groups of run \(id) are not numbered")
      }
      groups.append(
        GroupDescription(
          name: row.text(1), role: row.text(2), profileID: row.integer(3), format: row.text(4),
          firstReplica: row.integer(5), replicas: row.integer(6), devices: row.integer(7),
          kvBytesPerToken: row.integer(8), poolTokens: row.integer(9), poolBlocks: row.integer(10),
          blockSize: row.integer(11)))
    }
    return groups
  }

  /// The metrics of a run, by name; none for a run that is not there or has not ended.
  public func metrics(run: Int64) throws(TraceError) -> [Metric] {
    let row = try connection.prepare(
      "SELECT name, unit, value FROM metric WHERE run_id = ?1 ORDER BY name")
    try row.bind(1, run)
    var metrics: [Metric] = []
    while try row.step() {
      guard metrics.count < TraceLimits.metricsPerRun else {
        throw .damaged(
          path: path, reason: "run \(run) has more than \(TraceLimits.metricsPerRun) metrics")
      }
      metrics.append(
        Metric(name: row.text(0), unit: row.text(1), value: row.optionalDouble(2)))
    }
    return metrics
  }

  /// A scenario, by the number that runs refer to it by; nil if there is none.
  public func scenario(_ id: Int64) throws(TraceError) -> ScenarioDescription? {
    let row = try connection.prepare(
      "SELECT name, source_path, text, model_json, link_json FROM scenario WHERE id = ?1")
    try row.bind(1, id)
    guard try row.step() else { return nil }
    return ScenarioDescription(
      name: row.text(0), sourcePath: row.optionalText(1), text: row.text(2),
      modelJSON: row.text(3), linkJSON: row.optionalText(4), classes: try classes(ofScenario: id))
  }

  private func classes(ofScenario id: Int64) throws(TraceError) -> [ClassDescription] {
    let row = try connection.prepare(
      """
      SELECT id, name, priority, system_prompt_tokens, ttft_objective_ns, tpot_objective_ns,
        e2e_objective_ns
      FROM request_class WHERE scenario_id = ?1 ORDER BY id
      """)
    try row.bind(1, id)
    var classes: [ClassDescription] = []
    while try row.step() {
      guard classes.count < TraceLimits.classesPerScenario, row.integer(0) == classes.count else {
        throw .damaged(path: path, reason: "the classes of scenario \(id) are not numbered")
      }
      classes.append(
        ClassDescription(
          name: row.text(1), priority: row.integer(2), systemPromptTokens: row.integer(3),
          ttftObjectiveNs: row.optionalInteger(4), tpotObjectiveNs: row.optionalInteger(5),
          e2eObjectiveNs: row.optionalInteger(6)))
    }
    return classes
  }

  /// The sweep whose points the runs are; nil where they are of none.
  func sweep() throws(TraceError) -> SweepDescription? {
    let row = try connection.prepare(
      """
      SELECT scenario_id, seed, profile_checksum, kvsim_version, points, shard, shards FROM sweep
      """)
    guard try row.step() else { return nil }
    guard let scenario = try scenario(row.integer(0)),
      let shard = SweepShard(number: Int(row.integer(5)), of: Int(row.integer(6)))
    else { throw .damaged(path: path, reason: "its sweep has no scenario, or no such share") }
    let sweep = SweepDescription(
      scenario: scenario, seed: UInt64(bitPattern: row.integer(1)), profileChecksum: row.text(2),
      kvsimVersion: row.text(3), axes: try SweepRows.axes(on: connection), shard: shard)
    guard let points = sweep.pointsIfFew, Int64(points) == row.integer(4) else {
      throw .damaged(path: path, reason: "its sweep has another number of points than its axes")
    }
    return sweep
  }

  /// The points of a sweep that are there, and whether they failed.
  func sweptPoints(of sweep: SweepDescription) throws(TraceError) -> [Int: Bool] {
    try SweepRows.points(of: sweep, on: connection)
  }

  /// A profile, by the number that runs refer to it by; nil if there is none.
  public func profile(_ id: Int64) throws(TraceError) -> ProfileDescription? {
    let row = try connection.prepare(
      "SELECT name, device, kernel_path, provenance, checksum, text FROM profile WHERE id = ?1")
    try row.bind(1, id)
    guard try row.step() else { return nil }
    return ProfileDescription(
      name: row.text(0), device: row.text(1), kernelPath: row.text(2), provenance: row.text(3),
      checksum: row.text(4), text: row.text(5))
  }

  /// Plays a run's records again, in the order in which they were recorded. Constant memory.
  /// - Throws: `noSuchRun`; `damaged` for a row that no record can have made.
  public func replay<Records: Recorder>(
    run id: Int64, into recorder: inout Records
  ) throws(TraceError) where Records.Failure == Never {
    let range = try run(id).sequence
    var requests = try StoredRows<RequestRecord>(of: id, in: range, on: connection)
    var steps = try StoredRows<StepRecord>(of: id, in: range, on: connection)
    var events = try StoredRows<EventRecord>(of: id, in: range, on: connection)
    while true {
      let next = min(
        requests.current?.seq ?? .max, steps.current?.seq ?? .max, events.current?.seq ?? .max)
      if let request = requests.current, request.seq == next {
        recorder.record(request.record)
        try requests.advance()
      } else if let step = steps.current, step.seq == next {
        recorder.record(step.record)
        try steps.advance()
      } else if let event = events.current, event.seq == next {
        recorder.record(event.record)
        try events.advance()
      } else {
        return
      }
    }
  }

  /// Whether the digest of a run's rows, computed again from the file, is the one that was stored
  /// when the run ended. False for a run that has not ended.
  /// - Throws: `noSuchRun`, `damaged`.
  public func verifyDigest(run id: Int64) throws(TraceError) -> Bool {
    guard let stored = try run(id).end?.rowDigest else { return false }
    var digest = RowDigest()
    try replay(run: id, into: &digest)
    return digest.hex == stored
  }
}
