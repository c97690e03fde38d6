import Simulator

// Rows are checked here instead of being chosen by the query. In a forged file, pages can lead back
// to themselves; SQLite would follow them for ever in search of a row that fits, whereas a row that
// comes twice is found out at once.

/// Checks that a row belongs where it was found.
/// - Throws: `damaged` unless the row comes after the one before and belongs to the run.
private func checkPlace(
  of row: Statement, after seq: Int64?, run: Int64, table: String, path: String
) throws(TraceError) {
  let found = row.integer(0)
  guard found > seq ?? 0, row.integer(1) == run else {
    throw .damaged(path: path, reason: "row \(found) of \(table) is out of place")
  }
}

/// A record that has a table of its own.
protocol StoredRecord {
  static var table: String { get }
  /// The columns that ``init(_:path:)`` takes: `seq` and `run_id` first.
  static var columns: String { get }
  /// The record of a row.
  /// - Throws: `damaged` for a word that stands for nothing.
  init(_ row: Statement, path: String) throws(TraceError)
}

/// The rows of a table that belong to a run, one at a time, turned back into records.
struct StoredRows<Record: StoredRecord> {
  /// The row that the reader stands on; nil past the last.
  private(set) var current: (seq: Int64, record: Record)?
  private let row: Statement
  private let run: Int64
  private let path: String

  /// Stands on the first row.
  init(
    of run: Int64, in range: Range<Int64>, on connection: Connection
  ) throws(TraceError) {
    self.run = run
    path = connection.path
    row = try connection.prepare(
      """
      SELECT \(Record.columns)
      FROM \(Record.table) WHERE seq >= ?1 AND seq < ?2 ORDER BY seq
      """)
    try row.bind(1, range.lowerBound)
    try row.bind(2, range.upperBound)
    try advance()
  }

  /// Moves on.
  mutating func advance() throws(TraceError) {
    guard try row.step() else {
      current = nil
      return
    }
    try checkPlace(of: row, after: current?.seq, run: run, table: Record.table, path: path)
    current = (row.integer(0), try Record(row, path: path))
  }
}

extension RequestRecord: StoredRecord {
  static let table = "request"
  static let columns = """
    seq, run_id, id, arrival_ns, scheduled_ns, first_token_ns, finish_ns, prompt_tokens,
    cached_tokens, output_tokens, preemptions, outcome, class_id, priority, replica, samples,
    last_sample_tokens
    """

  init(_ row: Statement, path: String) throws(TraceError) {
    guard let outcome = RequestRecord.Outcome(stored: row.text(11)) else {
      throw .damaged(path: path, reason: "request row \(row.integer(0)) has an unknown outcome")
    }
    self.init(
      id: row.integer(2), arrivalNs: row.integer(3), scheduledNs: row.optionalInteger(4) ?? -1,
      firstTokenNs: row.optionalInteger(5) ?? -1, finishNs: row.integer(6),
      promptTokens: row.integer(7), cachedTokens: row.integer(8), outputTokens: row.integer(9),
      preemptions: row.integer(10), outcome: outcome, requestClass: row.integer(12),
      priority: row.integer(13), replica: row.integer(14), samples: row.integer(15),
      lastSampleTokens: row.integer(16))
  }
}

extension StepRecord: StoredRecord {
  static let table = "step"
  static let columns = """
    seq, run_id, start_ns, end_ns, steps, decode_sequences, context_tokens, prefill_sequences,
    prefill_tokens, waiting_requests, preempted_requests, used_blocks, empty_slots, linear_ns,
    append_ns, decode_attention_ns, prefill_attention_ns, elementwise_ns, collective_ns, host_ns,
    swap_ns, extrapolated_ns, derived_ns, replica
    """

  init(_ row: Statement, path: String) throws(TraceError) {
    self.init(
      startNs: row.integer(2), endNs: row.integer(3), steps: row.integer(4),
      decodeSequences: row.integer(5), contextTokens: row.integer(6),
      prefillSequences: row.integer(7), prefillTokens: row.integer(8),
      waitingRequests: row.integer(9), preemptedRequests: row.integer(10),
      usedBlocks: row.integer(11), emptySlots: row.integer(12),
      cost: .init(
        linearNs: row.integer(13), appendNs: row.integer(14), decodeAttentionNs: row.integer(15),
        prefillAttentionNs: row.integer(16), elementwiseNs: row.integer(17),
        collectiveNs: row.integer(18), hostNs: row.integer(19), swapNs: row.integer(20),
        extrapolatedNs: row.integer(21), derivedNs: row.integer(22)),
      replica: row.integer(23))
  }
}

extension EventRecord: StoredRecord {
  static let table = "event"
  static let columns = """
    seq, run_id, kind, time_ns, start_ns, replica, to_replica, request_id, sample, cause,
    yielded_to, tokens, blocks
    """

  init(_ row: Statement, path: String) throws(TraceError) {
    guard let kind = EventRecord.Kind(stored: row.text(2)),
      let cause = EventRecord.Cause(stored: row.optionalText(9))
    else {
      throw .damaged(
        path: path, reason: "event row \(row.integer(0)) has an unknown kind or cause")
    }
    self.init(
      kind: kind, timeNs: row.integer(3), startNs: row.integer(4), replica: row.integer(5),
      toReplica: row.optionalInteger(6) ?? -1, request: row.optionalInteger(7) ?? -1,
      sample: row.integer(8), cause: cause, yieldedTo: row.optionalInteger(10) ?? -1,
      tokens: row.integer(11), blocks: row.integer(12))
  }
}
