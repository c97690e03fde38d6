import Foundation
import Testing

@testable import Trace

/// Tables as CSV and as JSON Lines.
@Suite struct TableExportTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  /// The fields of CSV, line by line; nil for an empty field that is not quoted.
  private func parse(_ text: String) -> [[String?]] {
    var (lines, line): ([[String?]], [String?]) = ([], [])
    var (field, wasQuoted, isQuoted) = ("", false, false)
    let scalars = Array(text.unicodeScalars)
    var place = 0
    while place < scalars.count {
      let scalar = scalars[place]
      place += 1
      switch scalar {
      case "\"" where isQuoted:
        if place < scalars.count, scalars[place] == "\"" {
          field.unicodeScalars.append(scalar)
          place += 1
        } else {
          isQuoted = false
        }
      case "\"": (isQuoted, wasQuoted) = (true, true)
      case "," where !isQuoted, "\n" where !isQuoted:
        line.append(field.isEmpty && !wasQuoted ? nil : field)
        (field, wasQuoted) = ("", false)
        if scalar == "\n" {
          lines.append(line)
          line = []
        }
      default: field.unicodeScalars.append(scalar)
      }
    }
    return lines
  }

  private func rows(_ sql: String) throws -> (columns: [String], rows: [[QueryValue]]) {
    let query = try TraceReader(path: folder.path()).query(sql)
    var rows: [[QueryValue]] = []
    while let row = try query.next() { rows.append(row) }
    return (query.columns, rows)
  }

  private func field(_ value: QueryValue) -> String? {
    switch value {
    case .null: nil
    case .integer(let number): "\(number)"
    case .real(let number): "\(number)"
    case .text(let text): text
    case .bytes: nil
    }
  }

  @Test("A small table in either form, line by line")
  func byHand() throws {
    try writeTrace(
      folder.path(), records: [],
      metrics: [
        Metric(name: "tpot_p99_ns", unit: "ns", value: nil),
        Metric(name: "good_share", unit: "", value: 0.25),
      ])
    let csv = try folder.export(.csv) { $0.table = "metric" }
    #expect(csv == "run_id,name,unit,value\n1,good_share,\"\",0.25\n1,tpot_p99_ns,ns,\n")
    let json = try folder.export(.jsonl) { $0.table = "metric" }
    #expect(
      json == """
        {"table":"metric","run_id":1,"name":"good_share","unit":"","value":0.25}
        {"table":"metric","run_id":1,"name":"tpot_p99_ns","unit":"ns","value":null}

        """)
  }

  @Test("The files of the folder are the tables, row by row and to the last digit")
  func folderOfTables() throws {
    try writeTrace(
      folder.path(), records: sampleRecords(400, seed: 2), formats: ["fp16", "int4"],
      metrics: [Metric(name: "a,b", unit: "\"", value: 1 / 3)])
    let target = folder.path("tables")
    try TraceExport(
      of: TraceReader(path: folder.path()), options: ExportOptions(to: .folder(target))
    ) { _ in statedTraffic }.write(as: .csv)
    let names = try FileManager.default.contentsOfDirectory(atPath: target).sorted()
    let tables = try rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").rows
      .map { field($0[0])! }
    #expect(names == tables.map { $0 + ".csv" } && tables.contains("request"))
    for table in tables {
      let text = try String(contentsOfFile: "\(target)/\(table).csv", encoding: .utf8)
      let lines = parse(text)
      let (columns, expected) = try rows("SELECT * FROM \(table)")
      #expect(lines.first == columns.map(Optional.some), "\(table)")
      #expect(Array(lines.dropFirst()) == expected.map { $0.map(field) }, "\(table)")
    }
  }

  @Test("Objects of JSON Lines are the rows of all tables, generated columns with them")
  func lines() throws {
    try writeTrace(folder.path(), records: plausibleRecords(400, seed: 2))
    let lines = try folder.exportLines(.jsonl)
    let byTable = Dictionary(grouping: lines) { $0["table"] as! String }
    for (table, lines) in byTable {
      let (columns, expected) = try rows("SELECT * FROM \(table)")
      #expect(lines.count == expected.count)
      for (line, row) in zip(lines, expected) {
        #expect(Set(line.keys) == Set(columns + ["table"]))
        for (column, value) in zip(columns, row) {
          switch value {
          case .null: #expect(line[column] is NSNull)
          case .integer(let number):
            #expect((line[column] as? NSNumber)?.int64Value == number, "\(table).\(column)")
          case .real(let number): #expect((line[column] as? NSNumber)?.doubleValue == number)
          case .text(let text): #expect(line[column] as? String == text)
          case .bytes: Issue.record("no column has bytes")
          }
        }
      }
    }
    #expect(byTable["request"]?.first?.keys.contains("ttft_ns") == true)
    #expect(
      Set(byTable.keys).isSuperset(
        of: ["scenario", "request_class", "profile", "run", "replica_group", "request", "step"]))
  }

  @Test("Of one run come its own rows and what they refer to")
  func oneRun() throws {
    var writer = try TraceWriter(path: folder.path(), overwrite: false)
    for number in 1...2 {
      var scenario = sampleScenario
      scenario.name = "scenario-\(number)"
      let id = try writer.addScenario(scenario)
      _ = try writer.addProfile(sampleProfile)
      var run = sampleRun(format: number == 1 ? "fp16" : "int4", scenario: id)
      for group in run.groups.indices { run.groups[group].profileID = Int64(number) }
      try writer.beginRun(run)
      for record in smallRecords { try writer.record(record) }
      try writer.endRun(metrics: [Metric(name: "a", unit: "", value: 1)])
    }
    try writer.finish()
    let all = try folder.exportLines(.jsonl)
    let second = try folder.exportLines(.jsonl) { $0.format = "int4" }
    #expect(all.count == 2 * second.count)
    let expected: [(table: String, column: String)] = [
      ("scenario", "id"), ("request_class", "scenario_id"), ("profile", "id"), ("run", "id"),
      ("replica_group", "run_id"), ("metric", "run_id"), ("request", "run_id"), ("step", "run_id"),
      ("event", "run_id"),
    ]
    for (table, column) in expected {
      let rows = second.filter { $0["table"] as? String == table }
      #expect(!rows.isEmpty && rows.allSatisfy { $0[column] as? Int == 2 }, "\(table)")
    }
    #expect(Set(second.map { $0["table"] as! String }) == Set(expected.map(\.table)))
    #expect(try folder.exportLines(.jsonl) { $0.run = 2 }.count == second.count)
  }

  @Test("Texts come back as they were, whatever stands in them")
  func hostileNames() throws {
    try writeHostileTrace(folder.path())
    let scenario = parse(try folder.export(.csv) { $0.table = "scenario" })
    #expect(scenario.count == 2 && scenario[1][1] == hostileName)
    let run = try folder.exportLines(.jsonl) { $0.table = "run" }
    #expect(run.first?["format"] as? String == hostileName)
    let text = try folder.export(.jsonl)
    #expect(
      !text.unicodeScalars.contains {
        $0 != "\n" && $0.properties.generalCategory == .control
      })
  }

  @Test("A partial trace is exported as far as it goes")
  func partialTrace() throws {
    var writer = try TraceWriter(path: folder.path("killed.db"), overwrite: false)
    _ = try writer.addScenario(sampleScenario)
    _ = try writer.addProfile(sampleProfile)
    try writer.beginRun(sampleRun())
    for record in plausibleRecords(TraceWriter.batchRows + 10, seed: 1) {
      try writer.record(record)
    }
    // What a killed process leaves: the file without its lock.
    try FileManager.default.copyItem(
      atPath: folder.path("killed.db.partial"), toPath: folder.path())
    writer.discard()
    let rows = try folder.exportLines(.jsonl)
    let records = rows.filter { ["request", "step"].contains($0["table"] as? String) }
    #expect(records.count == TraceWriter.batchRows)
    #expect(try folder.export(.perfetto).hasSuffix("\n]}\n"))
  }
}
