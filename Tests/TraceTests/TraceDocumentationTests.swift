import Foundation
import Testing

@testable import Trace

/// `docs/traces.md`, the schema and the writer agree.
@Suite struct TraceDocumentationTests {
  let folder: TemporaryFolder
  let document: String

  init() throws {
    folder = try TemporaryFolder()
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    document = try String(contentsOf: root.appending(path: "docs/traces.md"), encoding: .utf8)
    try writeTrace(
      folder.path(), records: sampleRecords(500, seed: 1), formats: ["fp16", "int4"],
      metrics: [Metric(name: "ttft_p99", unit: "ms", value: 12.5)])
  }

  @Test("Every question of the documentation runs and has an answer")
  func queries() throws {
    let blocks = document.components(separatedBy: "```sql\n").dropFirst()
    #expect(blocks.count >= 8)
    let connection = try connect(folder.path())
    for block in blocks {
      let sql = try #require(block.components(separatedBy: "```").first)
      #expect(try connection.prepare(sql).step(), "no row for \(sql)")
    }
  }

  @Test("Every table, view and column is documented in its own section")
  func columns() throws {
    let connection = try connect(folder.path())
    let names = try connection.prepare(
      "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name")
    var found: [String] = []
    while try names.step() {
      let name = names.text(0)
      found.append(name)
      let heading = names.text(1) == "table" ? "### `\(name)`:" : "\n`\(name)`:"
      let start = try #require(document.range(of: heading), "\(name) is not documented")
      let rest = document[start.upperBound...]
      // A section ends where the next one begins; those of views begin with a name.
      let ends = ["\n#", "\n`"].compactMap { rest.range(of: $0)?.lowerBound }
      let section = rest[..<(ends.min() ?? rest.endIndex)]
      let columns = try connection.prepare("SELECT name FROM pragma_table_xinfo('\(name)')")
      while try columns.step() {
        #expect(section.contains("`\(columns.text(0))`"), "\(name).\(columns.text(0))")
      }
    }
    #expect(
      found == [
        "event", "metric", "pool_sample", "profile", "replica_group", "request", "request_class",
        "request_ms", "request_token_times", "run", "scenario", "step", "step_ms", "sweep",
        "sweep_axis", "sweep_point", "sweep_setting",
      ])
  }

  @Test("The shell's .schema shows a comment for every stored column")
  func comments() throws {
    let connection = try connect(folder.path())
    let tables = try connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
    while try tables.step() {
      let (name, sql) = (tables.text(0), tables.text(1))
      for line in sql.split(separator: "\n") where line.contains(" NOT NULL") {
        #expect(line.contains("--") || line.contains("REFERENCES"), "\(name): \(line)")
      }
    }
  }

  @Test("The numbers of the documentation are the writer's")
  func numbers() throws {
    let connection = try connect(folder.path())
    let version = try #require(try connection.integer("PRAGMA user_version"))
    let application = try #require(try connection.integer("PRAGMA application_id"))
    #expect(document.contains("`PRAGMA user_version = \(version)`"))
    #expect(document.contains("`PRAGMA application_id = \(application)`"))
    #expect(document.contains("transactions of 20,000 rows"))
    #expect(TraceWriter.batchRows == 20_000)
  }

  @Test("A finished trace is sound: pages, foreign keys, strict types, no log left on")
  func soundness() throws {
    let connection = try connect(folder.path())
    let integrity = try connection.prepare("PRAGMA integrity_check")
    #expect(try integrity.step())
    #expect(integrity.text(0) == "ok")
    #expect(try !connection.prepare("PRAGMA foreign_key_check").step())
    let mode = try connection.prepare("PRAGMA journal_mode")
    #expect(try mode.step())
    #expect(mode.text(0) == "delete")
    #expect(
      try connection.integer(
        """
        SELECT count(*) FROM pragma_table_list
        WHERE schema = 'main' AND type = 'table' AND NOT strict AND name <> 'sqlite_schema'
        """) == 0)
  }

  @Test("The view of the pool says what the steps say")
  func poolSample() throws {
    let connection = try connect(folder.path())
    let differing = try connection.integer(
      """
      SELECT count(*) FROM pool_sample JOIN step
        ON step.run_id = pool_sample.run_id AND step.end_ns = pool_sample.time_ns
      WHERE used_share <> step.used_blocks / 1000.0
        OR running_sequences <> decode_sequences + prefill_sequences
      """)
    #expect(differing == 0)
    #expect(
      try connection.integer("SELECT count(*) FROM pool_sample")
        == connection.integer("SELECT count(*) FROM step"))
  }
}
