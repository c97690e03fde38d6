import Simulator

/// What happened to the requests of a run that takes time beside prompts and tokens, told in the
/// order in which ``ExportSource/forEachRequestByStart(of:within:_:)`` goes through them: waiting
/// without blocks, computing again what was lost, and the copy of a prompt to another replica. Of
/// requests of several samples, which go on while one waits, only the last.
struct RequestPauses {
  /// Something that takes time.
  struct Pause {
    let kind: EventRecord.Kind
    let startNs: Int64
    let endNs: Int64
    /// Where it happened: of a copy the replica that computed the prompt.
    let replica: Int64
  }

  private let row: Statement
  private let path: String
  private var hasRow: Bool
  /// The pauses of requests that started at `groupNs`.
  private var group: [Int64: [Pause]] = [:]
  private var groupNs: Int64 = -1

  init(of run: StoredRun, on connection: Connection) throws(TraceError) {
    path = connection.path
    row = try connection.prepare(
      """
      SELECT ifnull(scheduled_ns, arrival_ns) AS first_ns, request.id, event.kind, event.start_ns,
        event.time_ns, event.replica
      FROM event JOIN request ON request.id = event.request_id
      WHERE event.seq >= ?1 AND event.seq < ?2 AND request.seq >= ?1 AND request.seq < ?2
        AND (kind = 'handed_over'
          OR kind IN ('resumed', 'swapped_in', 'recomputed') AND samples = 1)
      ORDER BY first_ns, event.start_ns, event.seq
      """)
    try row.bind(1, run.sequence.lowerBound)
    try row.bind(2, run.sequence.upperBound)
    hasRow = try row.step()
  }

  /// Those of a request, by their starts.
  /// - Precondition: no request that was asked for before started later.
  /// - Throws: `damaged` for one that no event can have made.
  mutating func pauses(of request: RequestRecord) throws(TraceError) -> [Pause] {
    let firstNs = request.scheduledNs < 0 ? request.arrivalNs : request.scheduledNs
    if firstNs != groupNs {
      group.removeAll(keepingCapacity: true)
      groupNs = firstNs
      while hasRow, row.integer(0) < firstNs { hasRow = try row.step() }
      while hasRow, row.integer(0) == firstNs {
        group[row.integer(1), default: []].append(try pause())
        hasRow = try row.step()
      }
    }
    return group[request.id] ?? []
  }

  private func pause() throws(TraceError) -> Pause {
    let (startNs, endNs) = (row.integer(3), row.integer(4))
    guard let kind = EventRecord.Kind(stored: row.text(2)), startNs >= 0, endNs >= startNs else {
      throw .damaged(path: path, reason: "an event of request \(row.integer(1)) is none")
    }
    return Pause(kind: kind, startNs: startNs, endNs: endNs, replica: row.integer(5))
  }
}
