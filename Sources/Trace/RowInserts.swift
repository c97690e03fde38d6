import CSQLite
import Simulator

/// A record and its place in the file.
struct PlacedRecord<Record> {
  /// Its place among all records.
  let seq: Int64
  /// Its place among the run's records of its kind, from 0.
  let id: Int64
  let record: Record
}

/// Takes nearly all of a trace's rows, batch by batch: SQLite fetches the rows of each kind from
/// memory (``RowFeed``), and what is the same for every row of a run is bound once.
final class RowInserts {
  /// The rows of one kind.
  private struct Kind<Record> {
    let feed: RowFeed
    let insert: Statement
    var rows: [PlacedRecord<Record>] = []

    /// - Parameters:
    ///   - table: the table of the file.
    ///   - columns: those that differ from row to row, in the order in which `column` counts them.
    ///   - bound: those that are bound once for a run.
    init(
      _ table: String, columns: String, bound: String, on connection: Connection,
      column: @escaping RowFeed.Column
    ) throws(TraceError) {
      feed = try RowFeed.add(
        table: "fed_\(table)", columns: columns, to: connection, column: column)
      let parameters = bound.split(separator: ",").indices.map { "?\($0 + 1)" }
      insert = try connection.prepare(
        """
        INSERT INTO \(table) (\(columns), \(bound))
        SELECT \(columns), \(parameters.joined(separator: ", ")) FROM fed_\(table)
        """)
      rows.reserveCapacity(RowInserts.batch)
    }

    mutating func insertAll() throws(TraceError) {
      guard !rows.isEmpty else { return }
      try feed.feed(rows) { () throws(TraceError) in try insert.run() }
      rows.removeAll(keepingCapacity: true)
    }
  }

  /// Rows that are kept until they are inserted together: what fits a core's cache.
  static let batch = 1024

  private var requests: Kind<RequestRecord>
  private var steps: Kind<StepRecord>
  private var events: Kind<EventRecord>

  /// Compiles the statements, once for a file.
  init(on connection: Connection) throws(TraceError) {
    requests = try Kind(
      "request",
      columns: """
        seq, id, arrival_ns, scheduled_ns, first_token_ns, finish_ns, prompt_tokens,
        cached_tokens, output_tokens, preemptions, outcome, class_id, priority, replica, samples,
        last_sample_tokens
        """, bound: "run_id, format", on: connection
    ) { requestColumn($0, $1, $2) }
    steps = try Kind(
      "step",
      columns: """
        seq, id, start_ns, end_ns, steps, decode_sequences, context_tokens, prefill_sequences,
        prefill_tokens, waiting_requests, preempted_requests, used_blocks, empty_slots, linear_ns,
        append_ns, decode_attention_ns, prefill_attention_ns, elementwise_ns, collective_ns,
        host_ns, swap_ns, extrapolated_ns, derived_ns, replica
        """, bound: "run_id", on: connection
    ) { stepColumn($0, $1, $2) }
    events = try Kind(
      "event",
      columns: """
        seq, kind, time_ns, start_ns, replica, to_replica, request_id, sample, cause, yielded_to,
        tokens, blocks
        """, bound: "run_id", on: connection
    ) { eventColumn($0, $1, $2) }
  }

  /// Binds what all rows of a run share.
  func begin(run: Int64, format: String) throws(TraceError) {
    try requests.insert.bind(1, run)
    try requests.insert.bind(2, format)
    try steps.insert.bind(1, run)
    try events.insert.bind(1, run)
  }

  func append(_ request: PlacedRecord<RequestRecord>) { requests.rows.append(request) }
  func append(_ steps: PlacedRecord<StepRecord>) { self.steps.rows.append(steps) }
  func append(_ event: PlacedRecord<EventRecord>) { events.rows.append(event) }

  /// Inserts all that was appended.
  func insertAll() throws(TraceError) {
    try requests.insertAll()
    try steps.insertAll()
    try events.insertAll()
  }
}
