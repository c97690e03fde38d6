import Foundation
import Simulator
import Testing

@testable import Trace

/// Files that are no traces, or not any more: a clean error or a right answer, never a crash.
@Suite struct HostileTraceTests {
  let folder: TemporaryFolder
  var path: String { folder.path() }

  init() throws {
    folder = try TemporaryFolder()
  }

  private var foreignTables: TraceError {
    .damaged(path: path, reason: "its tables are not those of a trace")
  }

  /// Reads all that a reader can read.
  private func readEverything() throws -> Bool {
    let reader = try TraceReader(path: path)
    var isSound = true
    for run in try reader.runs() {
      _ = try reader.metrics(run: run.id)
      _ = try reader.scenario(run.description.scenarioID)
      for group in run.description.groups { _ = try reader.profile(group.profileID) }
      isSound = try reader.verifyDigest(run: run.id) && isSound
    }
    return isSound
  }

  @Test("No file, an empty one, text, and another program's database are told apart")
  func notATrace() throws {
    #expect(throws: TraceError.noSuchFile(path: path)) { try TraceReader(path: path) }
    for bytes in [Data(), Data("SQLite format 3\0".utf8), Data(repeating: 7, count: 5_000)] {
      try folder.write(bytes)
      #expect(throws: TraceError.notATrace(path: path)) { try TraceReader(path: path) }
    }
    try connect(folder.path("other.db")).execute("CREATE TABLE request (id INTEGER)")
    let other = folder.path("other.db")
    #expect(throws: TraceError.notATrace(path: other)) { try TraceReader(path: other) }
  }

  @Test("Another version is refused with both numbers")
  func wrongVersion() throws {
    try writeTrace(path, records: [])
    try connect(path).execute("PRAGMA user_version = 1")
    let refusal = TraceError.wrongVersion(path: path, found: 1, expected: TraceSchema.version)
    #expect(throws: refusal) { try TraceReader(path: path) }
    #expect(refusal.description.contains("version 1"))
  }

  @Test("A trace turned to write-ahead logging is refused, and nothing is created beside it")
  func writeAheadLog() throws {
    try writeTrace(path, records: [])
    try connect(path).execute("PRAGMA journal_mode = WAL")
    #expect(throws: TraceError.writeAheadLog(path: path)) { try TraceReader(path: path) }
    #expect(try folder.names() == ["trace.db"])
    // What the error says to do helps.
    try connect(path).execute("PRAGMA journal_mode = DELETE")
    #expect(try TraceReader(path: path).runs().count == 1)
  }

  @Test("A link to a trace, a folder and a device are refused")
  func links() throws {
    try writeTrace(folder.path("real.db"), records: [])
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "real.db")
    for path in [path, folder.url.path, "/dev/zero"] {
      #expect(throws: TraceError.notARegularFile(path: path)) { try TraceReader(path: path) }
    }
  }

  @Test("A database with the right numbers and the wrong tables is a clean error")
  func wrongTables() throws {
    try connect(path).execute(
      """
      PRAGMA application_id = \(TraceSchema.applicationID);
      PRAGMA user_version = \(TraceSchema.version);
      CREATE VIEW run AS SELECT 1 AS id;
      """)
    #expect(throws: foreignTables) { try TraceReader(path: path) }
  }

  @Test("A view that never ends, in the place of a table, is refused unread")
  func endlessView() throws {
    try writeTrace(path, records: sampleRecords(10, seed: 1))
    try connect(path).execute(
      """
      ALTER TABLE metric RENAME TO metric_before;
      CREATE VIEW metric AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
        SELECT 1 AS run_id, 'a' AS name, '1' AS unit, i AS value FROM n;
      """)
    #expect(throws: foreignTables) { try TraceReader(path: path) }
  }

  @Test("Reading changes nothing, whatever is tried")
  func readOnly() throws {
    try writeTrace(path, records: sampleRecords(10, seed: 1))
    let before = try folder.bytes()
    let connection = try Connection(
      file: TracePath(path).file, path: path, mode: .readUntrusted)
    for attempt in [
      "DELETE FROM request", "CREATE TABLE t (a)", "PRAGMA writable_schema = ON; DELETE FROM run",
      "ATTACH ':memory:' AS other", "SELECT load_extension('x')",
    ] {
      #expect(traceError { try connection.execute(attempt) } != nil, "\(attempt)")
    }
    #expect(try folder.bytes() == before)
    #expect(try folder.names() == ["trace.db"])
  }

  @Test("A changed row is found by the digest")
  func changedRow() throws {
    try writeTrace(path, records: sampleRecords(100, seed: 1))
    #expect(try readEverything())
    let changes = [
      "UPDATE step SET used_blocks = used_blocks + 1 WHERE seq = (SELECT max(seq) FROM step)",
      "UPDATE request SET first_token_ns = NULL WHERE seq = (SELECT min(seq) FROM request)",
      "DELETE FROM request WHERE seq = (SELECT max(seq) FROM request)",
      "UPDATE event SET request_id = NULL WHERE seq = (SELECT max(seq) FROM event)",
    ]
    let intact = try folder.bytes()
    for change in changes {
      try folder.write(intact)
      try connect(path).execute(change)
      #expect(try !readEverything(), "\(change)")
    }
    try folder.write(intact)
    let unknown = [
      "UPDATE request SET outcome = 'lost'", "UPDATE event SET kind = 'lost'",
      "UPDATE event SET cause = 'none'",
    ]
    for change in unknown {
      try folder.write(intact)
      try connect(path).execute(change)
      guard case .damaged = traceError({ _ = try readEverything() }) else {
        Issue.record("an unknown word was read: \(change)")
        continue
      }
    }
  }

  @Test("A row in another run's place, and more rows than there may be, are damage")
  func outOfPlace() throws {
    let records = sampleRecords(100, seed: 1)
    try writeTrace(path, records: records, formats: ["fp16", "int4"])
    let intact = try folder.bytes()
    let changes = [
      "UPDATE request SET run_id = 2 WHERE seq = (SELECT min(seq) FROM request)",
      "UPDATE step SET run_id = 1 WHERE seq = (SELECT max(seq) FROM step)",
      "UPDATE event SET run_id = 2 WHERE seq = (SELECT min(seq) FROM event)",
      "UPDATE run SET first_seq = 0", "UPDATE run SET last_seq = 9223372036854775807",
      "UPDATE run SET first_seq = 5, last_seq = 2",
      """
      INSERT INTO metric SELECT 1, 'm' || value, '1', 0 FROM
      (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 10001)
      SELECT value FROM n)
      """,
    ]
    for change in changes {
      try folder.write(intact)
      try connect(path).execute(change)
      guard case .damaged = traceError({ _ = try readEverything() }) else {
        Issue.record("not found out: \(change)")
        continue
      }
    }
  }

  @Test("Pages that lead back to themselves are found out, not followed for ever")
  func loop() throws {
    // Both children of the root of `request` are made the same page, so that rows come twice.
    try writeTrace(path, records: sampleRecords(3_000, seed: 1))
    let root = try #require(
      try connect(path).integer("SELECT rootpage FROM sqlite_schema WHERE name = 'request'"))
    var bytes = try folder.bytes()
    let page = 16_384 * (Int(root) - 1)
    #expect(bytes[page] == 5, "the root is an interior page")
    let cells = (0..<2).map { Int(bytes[page + 12 + 2 * $0]) << 8 | Int(bytes[page + 13 + 2 * $0]) }
    for byte in 0..<4 { bytes[page + cells[1] + byte] = bytes[page + cells[0] + byte] }
    try folder.write(bytes)
    guard case .damaged = traceError({ _ = try readEverything() }) else {
      Issue.record("rows that come twice were read")
      return
    }
  }

  @Test("A truncated trace is an error at every length", arguments: 1..<40)
  func truncated(fortieth: Int) throws {
    try writeTrace(path, records: sampleRecords(3_000, seed: 1))
    let whole = try folder.bytes()
    for length in [whole.count * fortieth / 40, whole.count - fortieth] {
      try folder.write(whole.prefix(length))
      #expect(throws: TraceError.damaged(path: path, reason: "its end is missing")) {
        try TraceReader(path: path)
      }
    }
  }

  @Test("Traces with bytes changed at random: right, found out, or a clean error", arguments: 0..<8)
  func mutated(seed: Int) throws {
    let records = sampleRecords(1_000, seed: 9)
    try writeTrace(path, records: records, formats: ["fp16", "int4"])
    let whole = try folder.bytes()
    var state = UInt64(seed) &* 77 &+ 1
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for _ in 0..<25 {
      var bytes = whole
      // The header is spared half of the time, or SQLite would see little of the rest.
      let first = random(2) * 100
      for _ in 0...random(20) {
        bytes[first + random(bytes.count - first)] = UInt8(random(256))
      }
      try folder.write(bytes)
      do {
        _ = try readEverything()
        try TraceReader(path: path).checkIntegrity()
      } catch {
        #expect(error is TraceError)
      }
    }
  }
}
