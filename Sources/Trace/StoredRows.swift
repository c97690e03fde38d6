import Simulator

/// The rows of `request` that belong to a run, one at a time, turned back into records.
struct StoredRequests {
  /// The row that the reader stands on; nil past the last.
  private(set) var current: (seq: Int64, record: RequestRecord)?
  private let row: Statement
  private let path: String

  /// Stands on the first row.
  init(
    of run: Int64, in range: Range<Int64>, on connection: Connection
  ) throws(TraceError) {
    path = connection.path
    row = try connection.prepare(
      """
      SELECT seq, id, arrival_ns, scheduled_ns, first_token_ns, finish_ns, prompt_tokens,
        output_tokens, preemptions, outcome
      FROM request WHERE seq >= ?2 AND seq < ?3 AND run_id = ?1 ORDER BY seq
      """)
    try row.bind(1, run)
    try row.bind(2, range.lowerBound)
    try row.bind(3, range.upperBound)
    try advance()
  }

  /// Moves on.
  mutating func advance() throws(TraceError) {
    guard try row.step() else {
      current = nil
      return
    }
    guard let outcome = RequestRecord.Outcome(stored: row.text(9)) else {
      throw .damaged(path: path, reason: "request row \(row.integer(0)) has an unknown outcome")
    }
    let record = RequestRecord(
      id: row.integer(1), arrivalNs: row.integer(2), scheduledNs: row.optionalInteger(3) ?? -1,
      firstTokenNs: row.optionalInteger(4) ?? -1, finishNs: row.integer(5),
      promptTokens: row.integer(6), outputTokens: row.integer(7), preemptions: row.integer(8),
      outcome: outcome)
    current = (row.integer(0), record)
  }
}

/// The rows of `step` that belong to a run, one at a time, turned back into records.
struct StoredSteps {
  /// The row that the reader stands on; nil past the last.
  private(set) var current: (seq: Int64, record: StepRecord)?
  private let row: Statement

  /// Stands on the first row.
  init(
    of run: Int64, in range: Range<Int64>, on connection: Connection
  ) throws(TraceError) {
    row = try connection.prepare(
      """
      SELECT seq, start_ns, end_ns, steps, decode_sequences, context_tokens,
        prefill_sequences, prefill_tokens, waiting_requests, preempted_requests, used_blocks,
        linear_ns, append_ns, decode_attention_ns, prefill_attention_ns, elementwise_ns
      FROM step WHERE seq >= ?2 AND seq < ?3 AND run_id = ?1 ORDER BY seq
      """)
    try row.bind(1, run)
    try row.bind(2, range.lowerBound)
    try row.bind(3, range.upperBound)
    try advance()
  }

  /// Moves on.
  mutating func advance() throws(TraceError) {
    guard try row.step() else {
      current = nil
      return
    }
    let record = StepRecord(
      startNs: row.integer(1), endNs: row.integer(2), steps: row.integer(3),
      decodeSequences: row.integer(4), contextTokens: row.integer(5),
      prefillSequences: row.integer(6), prefillTokens: row.integer(7),
      waitingRequests: row.integer(8), preemptedRequests: row.integer(9),
      usedBlocks: row.integer(10),
      cost: .init(
        linearNs: row.integer(11), appendNs: row.integer(12), decodeAttentionNs: row.integer(13),
        prefillAttentionNs: row.integer(14), elementwiseNs: row.integer(15)))
    current = (row.integer(0), record)
  }
}
