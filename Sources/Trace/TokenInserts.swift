import CSQLite
import Simulator

/// A row of `request_token_times`.
struct TokenRow {
  let requestSeq: Int64
  let sample: Int64
  let token: Int64
  let timeNs: Int64
}

/// Takes the times of tokens, which come while their request is there, and inserts them when it has
/// left: behind all others in the table, as its `seq` leads there.
final class TokenInserts {
  private let feed: RowFeed
  private let insert: Statement
  private var rows: [TokenRow] = []
  /// By the number of the request.
  private var waiting: [Int64: [TokenRecord]] = [:]

  /// Compiles the statement, once for a file.
  init(on connection: Connection) throws(TraceError) {
    let columns = "request_seq, sample, token, time_ns"
    feed = try RowFeed.add(
      table: "fed_request_token_times", columns: columns, to: connection
    ) { tokenColumn($0, $1, $2) }
    insert = try connection.prepare(
      """
      INSERT INTO request_token_times (\(columns)) SELECT \(columns) FROM fed_request_token_times
      """)
  }

  /// Rows that wait to be inserted.
  var count: Int { rows.count }

  /// Keeps the times of some tokens until their request leaves.
  func keep(_ tokens: TokenRecord) { waiting[tokens.request, default: []].append(tokens) }

  /// A request has left, with the place `seq`. Of one that is rejected nothing is told.
  func append(_ request: RequestRecord, seq: Int64) {
    guard !waiting.isEmpty, var tokens = waiting.removeValue(forKey: request.id),
      request.outcome == .finished
    else { return }
    tokens.sort { ($0.sample, $0.firstToken) < ($1.sample, $1.firstToken) }
    for part in tokens {
      for (place, timeNs) in part.timesNs.enumerated() {
        rows.append(
          TokenRow(
            requestSeq: seq, sample: part.sample, token: part.firstToken + Int64(place),
            timeNs: timeNs))
      }
    }
  }

  /// Inserts all rows.
  func insertAll() throws(TraceError) {
    guard !rows.isEmpty else { return }
    try feed.feed(rows) { () throws(TraceError) in try insert.run() }
    rows.removeAll(keepingCapacity: true)
  }

  /// A run has ended: of its requests nobody is there any more.
  func endRun() { waiting = [:] }
}

private func tokenColumn(
  _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, _ context: OpaquePointer?, _ column: Int32
) -> Int32 {
  let row = RowFeed.row(of: cursor, as: TokenRow.self)
  switch column {
  case 0: sqlite3_result_int64(context, row.pointee.requestSeq)
  case 1: sqlite3_result_int64(context, row.pointee.sample)
  case 2: sqlite3_result_int64(context, row.pointee.token)
  default: sqlite3_result_int64(context, row.pointee.timeNs)
  }
  return SQLITE_OK
}
