import Foundation
import Simulator
import Testing

@testable import Trace

/// Queries of the user's own: they read, they end, and what is wrong with them is said.
@Suite struct TraceQueryTests {
  let folder: TemporaryFolder
  let reader: TraceReader
  var path: String { folder.path() }

  init() throws {
    folder = try TemporaryFolder()
    try writeTrace(
      folder.path(), records: sampleRecords(300, seed: 3), formats: ["fp16", "int4"])
    reader = try TraceReader(path: folder.path())
  }

  private func rows(
    _ sql: String, _ parameters: [(name: String, value: QueryValue)] = []
  ) throws -> [[QueryValue]] {
    let query = try reader.query(sql, parameters: parameters)
    var rows: [[QueryValue]] = []
    while let row = try query.next() { rows.append(row) }
    return rows
  }

  private func refusal(_ sql: String) -> String? {
    guard case .badQuery(_, let reason) = traceError({ _ = try rows(sql) }) else { return nil }
    return reason
  }

  @Test("Values keep their types, columns their names and parameters their values")
  func values() throws {
    let query = try reader.query(
      "SELECT 1 AS a, 2.5 AS b, 'x' AS c, NULL AS d, x'0102' AS e, :n + 1 AS f, :t AS g",
      parameters: [("n", .integer(41)), ("t", .text("Grüße"))])
    #expect(query.columns == ["a", "b", "c", "d", "e", "f", "g"])
    #expect(
      try query.next() == [
        .integer(1), .real(2.5), .text("x"), .null, .bytes(count: 2), .integer(42), .text("Grüße"),
      ])
    #expect(try query.next() == nil)
  }

  @Test("Tables, views, functions, windows and common tables can be read")
  func reading() throws {
    for sql in [
      "SELECT count(*) FROM request", "SELECT used_share FROM pool_sample LIMIT 1",
      "SELECT max(ttft_ms) FROM request_ms", "SELECT step_ms FROM step_ms LIMIT 1",
      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n LIMIT 1",
      "SELECT row_number() OVER (ORDER BY seq) FROM step LIMIT 1", "VALUES (1)",
      "SELECT name FROM sqlite_schema LIMIT 1", "SELECT 1; -- and a comment behind it\n",
    ] {
      #expect(try rows(sql).count == 1, "\(sql)")
    }
  }

  @Test("Whatever wants more than to read is refused, and the file stays as it was")
  func nothingButReading() throws {
    let before = try folder.bytes()
    for sql in [
      "DELETE FROM request", "INSERT INTO metric VALUES (1, 'a', 'b', 1)", "DROP TABLE run",
      "UPDATE run SET seed = 1", "CREATE TABLE t (a)", "CREATE TEMP TABLE t (a)", "VACUUM",
      "CREATE TEMP VIEW v AS SELECT 1", "ATTACH ':memory:' AS other", "PRAGMA user_version = 1",
      "PRAGMA writable_schema = ON", "BEGIN", "SELECT load_extension('x')", "REINDEX", "ANALYZE",
      "VACUUM INTO 'copy.db'", "EXPLAIN DELETE FROM run; DELETE FROM run",
    ] {
      #expect(refusal(sql) != nil, "\(sql)")
    }
    #expect(refusal("DELETE FROM request") == "it wants more than to read")
    #expect(try folder.bytes() == before)
    #expect(try folder.names() == ["trace.db"])
  }

  @Test("Functions that compute can be called, and no others; no text grows without end")
  func functions() throws {
    for call in [
      "round(avg(seq), 1)", "strftime('%Y', 0, 'unixepoch')", "json_extract('[7]', '$[0]')",
      "printf('%.2f', sqrt(2))", "group_concat(format)", "'ab' LIKE 'A%'", "'ab' GLOB 'a*'",
      "upper(trim(' x '))", "total(id)", "quote(x'00')", "CAST('1' AS REAL)",
    ] {
      #expect(try rows("SELECT \(call) FROM request LIMIT 1").count == 1, "\(call)")
    }
    for call in [
      "load_extension('x')", "fts3_tokenizer('simple')", "sqlite_compileoption_get(0)",
      "fts5_source_id()", "rtreedepth(x'00')",
    ] {
      #expect(refusal("SELECT \(call)")?.contains("not authorized") == true, "\(call)")
    }
    #expect(try rows("SELECT length(printf('%.*c', 4000000, 'a'))") == [[.integer(4_000_000)]])
    let long = "SELECT length(a || a || a) FROM (SELECT printf('%.*c', 2000000, 'a') AS a)"
    guard case .sqlite = traceError({ _ = try rows(long) }) else {
      Issue.record("a text of 6 MB was made")
      return
    }
  }

  @Test("Our own profiles are longer than what a query may make, and are read")
  func longProfile() throws {
    var profile = sampleProfile
    profile.text = String(repeating: "a", count: 5_000_000)
    let path = folder.path("long.db")
    let writer = try TraceWriter(path: path, overwrite: false)
    _ = try writer.addScenario(sampleScenario)
    _ = try writer.addProfile(profile)
    try writer.beginRun(sampleRun())
    try writer.endRun(metrics: [])
    try writer.finish()
    let reader = try TraceReader(path: path)
    #expect(try reader.profile(1)?.text.utf8.count == 5_000_000)
    _ = try reader.overview()
    let runs = try #require(ShippedQuery.all.first { $0.name == "runs" })
    #expect(try reader.query(runs.sql).next() != nil)
    var options = ExportOptions(to: .file(folder.path("out")))
    options.table = "profile"
    try TraceExport(of: reader, options: options) { _ in statedTraffic }.write(as: .jsonl)
    #expect(try folder.bytes("out").count > 5_000_000)
  }

  @Test("What is no query is refused with the reason")
  func reasons() {
    #expect(refusal("SELECT seconds FROM run") == "no such column: seconds")
    #expect(refusal("SELEC 1") == "near \"SELEC\": syntax error")
    #expect(refusal("SELECT 1; SELECT 2") == "it is more than one statement")
    #expect(refusal("SELECT 1; SELEC") == "it is more than one statement")
    #expect(refusal("") == "it is empty")
    #expect(refusal(" -- nothing\n") == "it is empty")
  }

  @Test("A parameter that the query has not is refused with those that it has")
  func unknownParameter() {
    let error = traceError { _ = try rows("SELECT :top, :from", [("too", .integer(1))]) }
    #expect(
      error
        == .badParameter(
          path: path, reason: "the query has no parameter `too`; accepted: top, from"))
    #expect(error?.description.hasSuffix("accepted: top, from.") == true)
  }

  @Test("A query without an end ends with its time, and the reader reads on")
  func timeLimit() throws {
    let endless = """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n
      """
    let query = try reader.query(endless, timeLimit: .milliseconds(20))
    #expect(throws: TraceError.queryTimeLimit(path: path)) { try query.next() }
    #expect(try rows("SELECT count(*) FROM run") == [[.integer(2)]])
    try reader.checkIntegrity()
  }
}
