import Foundation
import Simulator
import Testing

@testable import Trace

/// What exports write and refuse: whole files or none, and clear errors.
@Suite struct ExportFileTests {
  let folder: TemporaryFolder
  var path: String { folder.path() }

  init() throws {
    folder = try TemporaryFolder()
  }

  private func export(
    _ form: ExportForm, to target: ExportOptions.Target, overwrites: Bool = false,
    _ change: (inout ExportOptions) -> Void = { _ in }
  ) throws {
    var options = ExportOptions(to: target, overwrites: overwrites)
    change(&options)
    try TraceExport(of: TraceReader(path: path), options: options) { _ in statedTraffic }
      .write(as: form)
  }

  @Test(
    "A file that stands there is kept unless it may be overwritten", arguments: ExportForm.allCases)
  func existingFile(form: ExportForm) throws {
    try writeTrace(path, records: uncachedRecords)
    let target = folder.path("out")
    try folder.write(Data("mine".utf8), to: "out")
    #expect(throws: TraceError.fileExists(path: target)) { try export(form, to: .file(target)) }
    #expect(try folder.bytes("out") == Data("mine".utf8))
    try export(form, to: .file(target), overwrites: true)
    #expect(try folder.bytes("out").count > 60)
    #expect(try folder.names() == ["out", "trace.db"])
  }

  @Test("Of damaged rows nothing is left behind", arguments: ExportForm.allCases)
  func damagedRows(form: ExportForm) throws {
    try writeTrace(path, records: plausibleRecords(9_000, seed: 1))
    var file = try folder.bytes()
    let pageBytes = 16_384
    let page = file.count / pageBytes / 2
    file.replaceSubrange(
      page * pageBytes..<(page + 1) * pageBytes, with: Data(repeating: 0xff, count: pageBytes))
    try folder.write(file)
    let error = traceError { try export(form, to: .file(folder.path("out"))) }
    guard case .damaged = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try folder.names() == ["trace.db"])
  }

  @Test(
    "Rows that contradict one another are named",
    arguments: [
      ("UPDATE request SET run_id = 2 WHERE seq = 4", "row 4 of request is out of place"),
      ("UPDATE step SET run_id = 2 WHERE seq = 3", "row 3 of step is out of place"),
      (
        "UPDATE request SET finish_ns = 2 WHERE seq = 4",
        "the times of request 0 of run 1 contradict one another"
      ),
      (
        "UPDATE request SET scheduled_ns = NULL WHERE seq = 4",
        "the times of request 0 of run 1 contradict one another"
      ),
      (
        "UPDATE request SET finish_ns = 9223372036854775807 WHERE seq = 4",
        "the times of request 0 of run 1 contradict one another"
      ),
      (
        "UPDATE step SET end_ns = 1 WHERE seq = 3",
        "the times of a step of run 1 contradict one another"
      ),
      (
        "UPDATE step SET decode_sequences = -5 WHERE seq = 3",
        "the times of a step of run 1 contradict one another"
      ),
      ("DELETE FROM scenario", "run 1 has no scenario"),
    ])
  func contradictions(change: String, reason: String) throws {
    try writeTrace(path, records: smallRecords, formats: ["fp16", "int4"])
    try connect(path).execute("PRAGMA foreign_keys = OFF; \(change)")
    #expect(throws: TraceError.damaged(path: path, reason: reason)) {
      try export(.perfetto, to: .file(folder.path("out"))) { $0.run = 1 }
    }
    #expect(try folder.names() == ["trace.db"])
  }

  @Test("A run without a start has no spans")
  func noStart() throws {
    try writeTrace(path, records: smallRecords)
    try connect(path).execute("UPDATE run SET started_utc = 'yesterday'")
    #expect(throws: TraceError.damaged(path: path, reason: "run 1 has no start")) {
      try export(.otlp, to: .file(folder.path("out")))
    }
  }

  @Test("What the trace has not got is refused with what it has")
  func refusals() throws {
    try writeTrace(path, records: smallRecords, formats: ["fp16", "int4"])
    let target = ExportOptions.Target.file(folder.path("out"))
    let runs = "it has runs 1 (fp16), 2 (int4)"
    #expect(throws: TraceError.exportRefused(path: path, reason: "there is no such run; \(runs)")) {
      try export(.csv, to: target) { $0.run = 3 }
    }
    #expect(throws: TraceError.exportRefused(path: path, reason: "there is no such run; \(runs)")) {
      try export(.otlp, to: target) { $0.format = "fp8" }
    }
    let error = traceError { try export(.csv, to: target) { $0.table = "requests" } }
    #expect(
      error?.description.contains("there is no table `requests`; it has scenario, ") == true)
    #expect(
      throws: TraceError.exportRefused(
        path: path, reason: "the export would replace the trace that it is made of")
    ) {
      try export(.jsonl, to: .file(path), overwrites: true)
    }
    #expect(try folder.names() == ["trace.db"])
  }

  @Test("What tells runs as a whole does not take one that has not ended")
  func openRun() throws {
    try writeTrace(path, records: uncachedRecords, formats: ["fp16", "int4"])
    try connect(path).execute("UPDATE run SET completed = 0 WHERE id = 2")
    for form in ExportForm.allCases {
      let error = traceError { try export(form, to: .file(folder.path(form.rawValue))) }
      if form.takesOpenRuns {
        #expect(error == nil)
      } else {
        #expect(error?.description.contains("run 2 has not ended") == true)
        #expect(error?.description.contains("1 (fp16), 2 (int4, not ended)") == true)
        try export(form, to: .file(folder.path(form.rawValue))) { $0.run = 1 }
      }
    }
  }

  @Test("Time that is up ends an export, and leaves nothing")
  func timeLimit() throws {
    try writeTrace(path, records: plausibleRecords(9_000, seed: 2))
    for form in ExportForm.allCases {
      #expect(throws: TraceError.queryTimeLimit(path: path)) {
        try export(form, to: .file(folder.path("out"))) { $0.timeLimit = .zero }
      }
    }
    #expect(try folder.names() == ["trace.db"])
  }

  @Test("A folder gets all its files or none, and one that was made for them goes again")
  func folders() throws {
    try writeTrace(path, records: smallRecords)
    let target = folder.path("tables")
    try export(.csv, to: .folder(target + "/"))
    let tables = try TraceReader(path: path).exportSource(timeLimit: nil).tables().count
    let names = try FileManager.default.contentsOfDirectory(atPath: target)
    #expect(names.count == tables && names.allSatisfy { $0.hasSuffix(".csv") })
    // One that stands there keeps all others from being written.
    for name in names where name != "step.csv" {
      try FileManager.default.removeItem(atPath: "\(target)/\(name)")
    }
    #expect(throws: TraceError.self) { try export(.csv, to: .folder(target)) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: target) == ["step.csv"])
    try export(.csv, to: .folder(target), overwrites: true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: target).count == tables)
    try forgeBytes()
    let misplaced = TraceError.damaged(
      path: path, reason: "step holds what is neither number nor text")
    #expect(throws: misplaced) { try export(.csv, to: .folder(folder.path("new"))) }
    #expect(throws: misplaced) { try export(.jsonl, to: .file(folder.path("new"))) }
    #expect(try folder.names() == ["tables", "trace.db"])
    #expect(throws: TraceError.notAFolder(path: path)) { try export(.csv, to: .folder(path)) }
  }

  /// Puts bytes where the schema has numbers, which SQLite would not do.
  private func forgeBytes() throws {
    for (old, new, change) in [
      (") STRICT", ") ", "SELECT 1"), ("x", "x", "UPDATE step SET replica = x'00'"),
      (") ", ") STRICT", "SELECT 1"),
    ] {
      let connection = try connect(path)
      try connection.execute(change)
      try connection.execute(
        """
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = rtrim(replace(sql || '|', '\(old)|', '\(new)|'), '|')
        WHERE name = 'step'
        """)
    }
  }

  @Test("Whatever is changed in a file, an export is whole or an error")
  func mutations() throws {
    try writeTrace(
      path, records: plausibleRecords(120, seed: 15), formats: ["fp16", "int4"],
      metrics: [Metric(name: "itl_p50_ns", unit: "ns", value: 5)])
    let sound = try folder.bytes()
    var state: UInt64 = 77
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    var (whole, refused) = (0, 0)
    for _ in 0..<40 {
      var bytes = sound
      for _ in 0..<1 + random(12) { bytes[100 + random(bytes.count - 100)] = UInt8(random(256)) }
      try folder.write(bytes)
      for form in ExportForm.allCases {
        let error = traceError {
          try export(form, to: .file(folder.path("out"))) { $0.timeLimit = .seconds(20) }
        }
        if error == nil {
          whole += 1
          try FileManager.default.removeItem(atPath: folder.path("out"))
        } else {
          refused += 1
        }
        #expect(try folder.names() == ["trace.db"])
      }
    }
    #expect(whole > 20 && refused > 20, "\(whole) whole, \(refused) refused")
  }

  @Test("Numbers at the ends of their range are refused or written, and never overflow")
  func extremes() throws {
    for value in ["9223372036854775807", "-9223372036854775808"] {
      for (table, columns) in [
        (
          "request",
          [
            "id", "arrival_ns", "scheduled_ns", "first_token_ns", "finish_ns", "prompt_tokens",
            "cached_tokens", "output_tokens", "preemptions", "class_id", "priority", "replica",
            "samples", "last_sample_tokens",
          ]
        ),
        (
          "step",
          [
            "start_ns", "end_ns", "steps", "decode_sequences", "context_tokens",
            "prefill_sequences", "waiting_requests", "preempted_requests", "used_blocks",
            "linear_ns", "replica",
          ]
        ),
        ("replica_group", ["first_replica", "replicas", "pool_blocks", "profile_id"]),
        ("run", ["seed", "last_event_ns", "requests", "first_seq", "last_seq", "scenario_id"]),
        ("metric", ["value"]),
      ] {
        for column in columns {
          try writeTrace(
            path, records: smallRecords, overwrite: true,
            metrics: [Metric(name: "duration_ns", unit: "", value: 1)])
          try connect(path).execute(
            "PRAGMA foreign_keys = OFF; UPDATE \(table) SET \(column) = \(value)")
          for form in ExportForm.allCases {
            _ = traceError {
              try export(form, to: .file(folder.path("out"))) { $0.timeLimit = .seconds(20) }
            }
            try? FileManager.default.removeItem(atPath: folder.path("out"))
            #expect(try folder.names() == ["trace.db"], "\(table).\(column) as \(form)")
          }
        }
      }
    }
  }

  @Test("Every form is documented")
  func documentation() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    for file in ["docs/traces.md", "README.md"] {
      let text = try String(contentsOf: root.appending(path: file), encoding: .utf8)
      for form in ExportForm.allCases {
        #expect(text.contains(form.rawValue), "\(form.rawValue) in \(file)")
      }
    }
  }
}
