import Simulator
import Testing

@testable import Trace

/// Rows that are laid out here, and what SQLite makes of them.
@Suite struct PendingRowsTests {
  /// Numbers just below, at and above those that take a byte more, on both sides of 0.
  private let edges: [Int64] =
    (0..<63).flatMap { bit -> [Int64] in
      let power = Int64(1) << bit
      return [power - 1, power, power + 1, -power - 1, -power, 1 - power]
    } + [.max, .min]

  /// A database in memory with a trace's tables, and nothing to keep foreign keys by.
  private func database(copies: Bool) throws -> Connection {
    let connection = try Connection(file: ":memory:", path: ":memory:", mode: .create)
    try connection.execute("PRAGMA foreign_keys = OFF; \(TraceSchema.statements)")
    // With this old setting SQLite copies no rows, as it would count none.
    if !copies { try connection.execute("PRAGMA count_changes = ON") }
    return connection
  }

  /// Inserts steps, requests and events of all kinds of numbers, in batches.
  private func fill(
    _ connection: Connection, _ rows: inout PendingRows, format: String
  ) throws {
    rows.begin(run: 1, format: format)
    for (place, edge) in edges.enumerated() {
      var step = sampleStep
      (step.startNs, step.contextTokens, step.replica) = (edge, ~edge, Int64(place))
      rows.append(step)
      for _ in 0..<(place % 7) {
        var request = finishedRequest
        // Differences of times are to be integers, too.
        let time = edge / 4
        (request.id, request.arrivalNs, request.priority) = (Int64(place), time, time)
        request.scheduledNs = max(-1, time)
        rows.append(request)
      }
      if place % 5 == 0 {
        rows.append(
          EventRecord(
            kind: .rejected, timeNs: edge, startNs: edge, replica: -1, request: Int64(place),
            cause: .pool, tokens: edge, blocks: 0))
      }
      if place % 100 == 99 { try rows.insertAll(on: connection) {} }
    }
    try rows.insertAll(on: connection) {}
  }

  private func integrity(_ connection: Connection) throws -> String {
    let check = try connection.prepare("PRAGMA main.integrity_check(1)")
    return try check.step() ? check.text(0) : ""
  }

  @Test("Numbers of every length come back, and formats of every length")
  func numbers() throws {
    for length in [0, 1, 56, 57, 58, 59, TraceLimits.formatBytes] {
      let connection = try database(copies: true)
      let format = String(repeating: "f", count: length)
      var rows = try PendingRows.attached(to: connection)
      try fill(connection, &rows, format: format)
      #expect(try integrity(connection) == "ok")
      let step = try connection.prepare(
        "SELECT start_ns, context_tokens, replica FROM main.step ORDER BY seq")
      for (place, edge) in edges.enumerated() {
        #expect(try step.step())
        #expect((0..<3).map { step.integer($0) } == [edge, ~edge, Int64(place)])
      }
      #expect(try !step.step())
      let wrong = """
        SELECT count(*) FROM main.request
        WHERE format IS NOT '\(format)' OR priority IS NOT arrival_ns
          OR scheduled_ns IS NOT iif(arrival_ns < 0, NULL, arrival_ns)
        """
      #expect(try connection.integer(wrong) == 0)
      #expect(rows.count == 0)
    }
  }

  @Test("Rows are stored in the bytes in which SQLite stores them when it puts them together")
  func bytes() throws {
    let (copied, inserted) = (try database(copies: true), try database(copies: false))
    var rows = try PendingRows.attached(to: copied)
    var same = try PendingRows.attached(to: inserted)
    try fill(copied, &rows, format: "int4")
    try fill(inserted, &same, format: "int4")
    #expect(try integrity(inserted) == "ok")
    #expect(try copied.integer("SELECT count(*) FROM main.request")! > 1_000)
    #expect(try copied.serialized() == inserted.serialized())
    #expect(rows.count == 0 && same.count == 0)
  }

  @Test("SQLite copies rows as they stand, and looks at no column")
  func copies() throws {
    let connection = try database(copies: true)
    var rows = try PendingRows.attached(to: connection)
    try fill(connection, &rows, format: "fp16")
    for table in ["request", "step", "event"] {
      let program = try connection.prepare(
        "EXPLAIN INSERT INTO main.\(table) SELECT * FROM pending.\(table)")
      var operations: Set<String> = []
      while try program.step() { operations.insert(program.text(1)) }
      #expect(operations.isDisjoint(with: ["Column", "MakeRecord", "TypeCheck"]))
    }
    #expect(rows.count == 0)
  }

  @Test("More rows than there is room for at first come out as they went in")
  func growth() throws {
    let connection = try database(copies: true)
    var rows = try PendingRows.attached(to: connection)
    rows.begin(run: 1, format: String(repeating: "f", count: TraceLimits.formatBytes))
    let count = Int64(TraceWriter.batchRows)
    for id in 0..<count {
      var request = finishedRequest
      request.id = id
      rows.append(request)
    }
    try rows.insertAll(on: connection) {}
    #expect(try integrity(connection) == "ok")
    let right = "SELECT count(*) FROM main.request WHERE seq = id + 1 AND length(format) = 1000"
    #expect(try connection.integer(right) == count)
    #expect(rows.count == 0)
  }
}
