/// Appends the rows that a trace has of scenarios, profiles and runs: those of which there are few.
/// Their records come through ``PendingRows``.
enum RunRows {
  /// Appends a scenario and its classes.
  /// - Precondition: it has at most 1,000 classes.
  /// - Returns: its number.
  static func insert(
    _ scenario: ScenarioDescription, on connection: Connection
  ) throws(TraceError) -> Int64 {
    precondition(scenario.classes.count <= TraceLimits.classesPerScenario)
    let id = try insert(
      """
      INSERT INTO scenario (name, source_path, text, model_json, link_json)
      VALUES (?1, ?2, ?3, ?4, ?5)
      """,
      texts: [
        scenario.name, scenario.sourcePath, scenario.text, scenario.modelJSON, scenario.linkJSON,
      ], on: connection)
    let row = try connection.prepare(
      """
      INSERT INTO request_class (scenario_id, id, name, priority, system_prompt_tokens,
        ttft_objective_ns, tpot_objective_ns, e2e_objective_ns)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
      """)
    for (place, requestClass) in scenario.classes.enumerated() {
      try row.bind(1, id)
      try row.bind(2, Int64(place))
      try row.bind(3, requestClass.name)
      try row.bind(4, requestClass.priority)
      try row.bind(5, requestClass.systemPromptTokens)
      try row.bind(6, unlessNegative: requestClass.ttftObjectiveNs ?? -1)
      try row.bind(7, unlessNegative: requestClass.tpotObjectiveNs ?? -1)
      try row.bind(8, unlessNegative: requestClass.e2eObjectiveNs ?? -1)
      try row.run()
    }
    return id
  }

  /// Appends a profile.
  /// - Returns: its number.
  static func insert(
    _ profile: ProfileDescription, on connection: Connection
  ) throws(TraceError) -> Int64 {
    try insert(
      """
      INSERT INTO profile (name, device, kernel_path, provenance, checksum, text)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6)
      """,
      texts: [
        profile.name, profile.device, profile.kernelPath, profile.provenance,
        profile.checksum, profile.text,
      ], on: connection)
  }

  private static func insert(
    _ sql: String, texts: [String?], on connection: Connection
  ) throws(TraceError) -> Int64 {
    let statement = try connection.prepare(sql)
    for (index, text) in texts.enumerated() { try statement.bind(Int32(index + 1), text) }
    try statement.run()
    return connection.lastRow
  }

  /// Appends a run that begins, and its groups.
  ///
  /// - Parameters:
  ///   - firstSeq: the place of its first record.
  ///   - point: the point of a sweep that it belongs to; nil for none.
  /// - Precondition: it has a group, and at most 1,000.
  /// - Returns: its number.
  /// - Throws: what SQLite throws of a foreign key where its scenario or a profile is not there.
  static func insert(
    _ run: RunDescription, firstSeq: Int64, point: Int64? = nil, on connection: Connection
  ) throws(TraceError) -> Int64 {
    precondition(!run.groups.isEmpty && run.groups.count <= TraceLimits.groupsPerRun)
    try connection.checkPresence(of: run.scenarioID, in: "scenario")
    for group in run.groups { try connection.checkPresence(of: group.profileID, in: "profile") }
    let statement = try connection.prepare(
      """
      INSERT INTO run (scenario_id, point_id, format, seed, kvsim_version, started_utc, completed,
        first_seq)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7)
      """)
    try statement.bind(1, run.scenarioID)
    try statement.bind(2, unlessNegative: point ?? -1)
    try statement.bind(3, run.format)
    try statement.bind(4, Int64(bitPattern: run.seed))
    try statement.bind(5, run.kvsimVersion)
    try statement.bind(6, run.startedUTC)
    try statement.bind(7, firstSeq)
    try statement.run()
    let id = connection.lastRow
    try insert(run.groups, ofRun: id, on: connection)
    return id
  }

  private static func insert(
    _ groups: [GroupDescription], ofRun run: Int64, on connection: Connection
  ) throws(TraceError) {
    let row = try connection.prepare(
      """
      INSERT INTO replica_group (run_id, id, name, role, profile_id, format, first_replica,
        replicas, devices, kv_bytes_per_token, pool_tokens, pool_blocks, block_size)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
      """)
    for (id, group) in groups.enumerated() {
      try row.bind(1, run)
      try row.bind(2, Int64(id))
      try row.bind(3, group.name)
      try row.bind(4, group.role)
      try row.bind(5, group.profileID)
      try row.bind(6, group.format)
      try row.bind(7, group.firstReplica)
      try row.bind(8, group.replicas)
      try row.bind(9, group.devices)
      try row.bind(10, group.kvBytesPerToken)
      try row.bind(11, group.poolTokens)
      try row.bind(12, group.poolBlocks)
      try row.bind(13, group.blockSize)
      try row.run()
    }
  }

  /// Says of a run how it ended.
  /// - Precondition: it has at most 10,000 metrics, whose names differ.
  static func end(
    _ run: Int64, _ records: RecordTotals, lastSeq: Int64, metrics: [Metric],
    on connection: Connection
  ) throws(TraceError) {
    precondition(
      metrics.count <= TraceLimits.metricsPerRun,
      "a run has at most \(TraceLimits.metricsPerRun) metrics")
    let end = try connection.prepare(
      """
      UPDATE run SET completed = 1, row_digest = ?2, last_event_ns = ?3, requests = ?4,
        step_rows = ?5, events = ?6, last_seq = ?7 WHERE id = ?1
      """)
    try end.bind(1, run)
    try end.bind(2, records.digest.hex)
    try end.bind(3, records.lastEventNs)
    try end.bind(4, records.requests)
    try end.bind(5, records.stepRows)
    try end.bind(6, records.events)
    try end.bind(7, lastSeq)
    try end.run()
    let row = try connection.prepare(
      "INSERT INTO metric (run_id, name, unit, value) VALUES (?1, ?2, ?3, ?4)")
    for metric in metrics {
      try row.bind(1, run)
      try row.bind(2, metric.name)
      try row.bind(3, metric.unit)
      try row.bind(4, metric.value)
      try row.run()
    }
  }
}
