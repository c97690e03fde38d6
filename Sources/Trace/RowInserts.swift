import Simulator

/// The statements that take nearly all of a trace's rows, with what is the same for every row
/// of a run bound once. SQLite keeps bound values from row to row, so that a row costs its integers
/// and nothing else: no text is made or copied for it.
final class RowInserts {
  private let request: Statement
  private let step: Statement
  private let event: Statement
  /// The outcome that is bound now: it rarely changes from one request to the next.
  private var outcome: RequestRecord.Outcome?

  /// Compiles the statements, once for a file.
  init(on connection: Connection) throws(TraceError) {
    request = try connection.prepare(
      """
      INSERT INTO request (seq, run_id, format, id, arrival_ns, scheduled_ns, first_token_ns,
        finish_ns, prompt_tokens, cached_tokens, output_tokens, preemptions, outcome,
        class_id, priority, replica, samples, last_sample_tokens)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
      """)
    step = try connection.prepare(
      """
      INSERT INTO step (seq, run_id, id, start_ns, end_ns, steps, decode_sequences,
        context_tokens, prefill_sequences, prefill_tokens, waiting_requests,
        preempted_requests, used_blocks, empty_slots, linear_ns, append_ns,
        decode_attention_ns, prefill_attention_ns, elementwise_ns, collective_ns, host_ns,
        swap_ns, extrapolated_ns, derived_ns, replica)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
        ?19, ?20, ?21, ?22, ?23, ?24, ?25)
      """)
    event = try connection.prepare(
      """
      INSERT INTO event (seq, run_id, kind, time_ns, start_ns, replica, to_replica, request_id,
        sample, cause, yielded_to, tokens, blocks)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
      """)
  }

  /// Appends the classes of a scenario's requests.
  static func insert(
    _ classes: [ClassDescription], ofScenario scenario: Int64, on connection: Connection
  ) throws(TraceError) {
    let row = try connection.prepare(
      """
      INSERT INTO request_class (scenario_id, id, name, priority, system_prompt_tokens,
        ttft_objective_ns, tpot_objective_ns, e2e_objective_ns)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
      """)
    for (id, requestClass) in classes.enumerated() {
      try row.bind(1, scenario)
      try row.bind(2, Int64(id))
      try row.bind(3, requestClass.name)
      try row.bind(4, requestClass.priority)
      try row.bind(5, requestClass.systemPromptTokens)
      try row.bind(6, unlessNegative: requestClass.ttftObjectiveNs ?? -1)
      try row.bind(7, unlessNegative: requestClass.tpotObjectiveNs ?? -1)
      try row.bind(8, unlessNegative: requestClass.e2eObjectiveNs ?? -1)
      try row.run()
    }
  }

  /// Appends the groups of a run's replicas.
  static func insert(
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

  /// Binds what all rows of a run share.
  func begin(run: Int64, format: String) throws(TraceError) {
    try request.bind(2, run)
    try request.bind(3, format)
    try step.bind(2, run)
    try event.bind(2, run)
  }

  /// Appends a request.
  func insert(_ record: RequestRecord, seq: Int64) throws(TraceError) {
    try request.bind(1, seq)
    try request.bind(4, record.id)
    try request.bind(5, record.arrivalNs)
    try request.bind(6, unlessNegative: record.scheduledNs)
    try request.bind(7, unlessNegative: record.firstTokenNs)
    try request.bind(8, record.finishNs)
    try request.bind(9, record.promptTokens)
    try request.bind(10, record.cachedTokens)
    try request.bind(11, record.outputTokens)
    try request.bind(12, record.preemptions)
    if outcome != record.outcome {
      try request.bind(13, record.outcome.stored)
      outcome = record.outcome
    }
    try request.bind(14, record.requestClass)
    try request.bind(15, record.priority)
    try request.bind(16, record.replica)
    try request.bind(17, record.samples)
    try request.bind(18, record.lastSampleTokens)
    try request.run()
  }

  /// Appends a run of steps, the `id`-th of its simulation.
  func insert(_ record: StepRecord, seq: Int64, id: Int64) throws(TraceError) {
    try step.bind(1, seq)
    try step.bind(3, id)
    try step.bind(4, record.startNs)
    try step.bind(5, record.endNs)
    try step.bind(6, record.steps)
    try step.bind(7, record.decodeSequences)
    try step.bind(8, record.contextTokens)
    try step.bind(9, record.prefillSequences)
    try step.bind(10, record.prefillTokens)
    try step.bind(11, record.waitingRequests)
    try step.bind(12, record.preemptedRequests)
    try step.bind(13, record.usedBlocks)
    try step.bind(14, record.emptySlots)
    try step.bind(15, record.cost.linearNs)
    try step.bind(16, record.cost.appendNs)
    try step.bind(17, record.cost.decodeAttentionNs)
    try step.bind(18, record.cost.prefillAttentionNs)
    try step.bind(19, record.cost.elementwiseNs)
    try step.bind(20, record.cost.collectiveNs)
    try step.bind(21, record.cost.hostNs)
    try step.bind(22, record.cost.swapNs)
    try step.bind(23, record.cost.extrapolatedNs)
    try step.bind(24, record.cost.derivedNs)
    try step.bind(25, record.replica)
    try step.run()
  }

  /// Appends an event.
  func insert(_ record: EventRecord, seq: Int64) throws(TraceError) {
    try event.bind(1, seq)
    try event.bind(3, record.kind.stored)
    try event.bind(4, record.timeNs)
    try event.bind(5, record.startNs)
    try event.bind(6, record.replica)
    try event.bind(7, unlessNegative: record.toReplica)
    try event.bind(8, unlessNegative: record.request)
    try event.bind(9, record.sample)
    try event.bind(10, record.cause.stored)
    try event.bind(11, unlessNegative: record.yieldedTo)
    try event.bind(12, record.tokens)
    try event.bind(13, record.blocks)
    try event.run()
  }
}
