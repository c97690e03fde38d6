/// The times between the tokens of a run's requests, where the trace has the times of tokens.
///
/// A gap is between two steps that gave a sample tokens, as `vllm bench serve` has it between two
/// chunks of a stream: tokens of one step come at once.
struct TokenGaps {
  private let run: StoredRun
  private let connection: Connection

  /// Nil where the run has no times of tokens.
  init?(of run: StoredRun, on connection: Connection) throws(TraceError) {
    self.run = run
    self.connection = connection
    let row = try prepare(
      "SELECT 1 FROM request_token_times WHERE request_seq >= ?1 AND request_seq < ?2 LIMIT 1")
    guard try row.step() else { return nil }
  }

  /// All gaps as a query of the column `value`, for ``OrderedTimes``.
  static let values = """
    SELECT CAST(ns AS REAL) AS value FROM (
      SELECT time_ns - lag(time_ns) OVER (PARTITION BY request_seq, sample ORDER BY token) AS ns
      FROM request_token_times WHERE request_seq >= ?1 AND request_seq < ?2)
    WHERE ns > 0
    """

  /// Goes through all gaps, with the replica that the request left.
  /// - Throws: `damaged` where tokens contradict themselves.
  func forEach(
    _ body: (_ replica: Int64, _ ns: Int64) throws(TraceError) -> Void
  ) throws(TraceError) {
    let row = try prepare(
      """
      SELECT request_seq, sample, token, time_ns, request.replica
      FROM request_token_times JOIN request ON request.seq = request_seq
      WHERE request_seq >= ?1 AND request_seq < ?2 ORDER BY request_seq, sample, token
      """)
    var last = Token(seq: 0, sample: 0, token: 0, ns: 0)
    while try row.step() {
      let token = Token(
        seq: row.integer(0), sample: row.integer(1), token: row.integer(2), ns: row.integer(3))
      if let gap = try gap(from: last, to: token) { try body(row.integer(4), gap) }
      last = token
    }
  }

  /// Goes through the requests of the run in the order of their numbers, with their gaps.
  func forEachRequest(
    _ body: (_ gaps: [Int64]) throws(TraceError) -> Void
  ) throws(TraceError) {
    let request = try prepare(
      "SELECT seq FROM request WHERE seq >= ?1 AND seq < ?2 ORDER BY id, seq")
    let row = try connection.prepare(
      """
      SELECT sample, token, time_ns FROM request_token_times WHERE request_seq = ?1
      ORDER BY sample, token
      """)
    while try request.step() {
      let seq = request.integer(0)
      try row.bind(1, seq)
      var gaps: [Int64] = []
      var last = Token(seq: 0, sample: 0, token: 0, ns: 0)
      while try row.step() {
        let token = Token(
          seq: seq, sample: row.integer(0), token: row.integer(1), ns: row.integer(2))
        if let gap = try gap(from: last, to: token) { gaps.append(gap) }
        last = token
      }
      row.reset()
      try body(gaps)
    }
  }

  private struct Token {
    let seq: Int64
    let sample: Int64
    let token: Int64
    let ns: Int64
  }

  /// Nil for the first token of a sample, and for one that came with the one before.
  private func gap(from last: Token, to next: Token) throws(TraceError) -> Int64? {
    let isSame = last.seq == next.seq && last.sample == next.sample
    guard next.ns >= 0, !isSame || (last.token < next.token && last.ns <= next.ns) else {
      throw .damaged(
        path: connection.path, reason: "a token of request row \(next.seq) is out of place")
    }
    return isSame && last.ns < next.ns ? next.ns - last.ns : nil
  }

  private func prepare(_ sql: String) throws(TraceError) -> Statement {
    let statement = try connection.prepare(sql)
    try statement.bind(1, run.sequence.lowerBound)
    try statement.bind(2, run.sequence.upperBound)
    return statement
  }
}
