import Foundation
import Simulator
import Testing

@testable import Trace

/// The queries that come with kvsim, on a trace of two formats.
@Suite struct ShippedQueryTests {
  let folder: TemporaryFolder
  let reader: TraceReader
  let requests: [RequestRecord]

  init() throws {
    folder = try TemporaryFolder()
    let records = sampleRecords(900, seed: 5)
    try writeTrace(
      folder.path(), records: records, formats: ["fp16", "int4"],
      metrics: [
        Metric(name: "ttft_p99_ns", unit: "ns", value: 12.5),
        Metric(name: "device_ns", unit: "ns", value: 7.2e12),
      ])
    reader = try TraceReader(path: folder.path())
    requests = records.compactMap {
      if case .request(let request) = $0 { request } else { nil }
    }
  }

  /// The rows of a query, by column.
  private func answer(
    _ name: String, _ parameters: [(name: String, value: QueryValue)] = [],
    in reader: TraceReader? = nil
  ) throws -> [[String: QueryValue]] {
    let shipped = try #require(ShippedQuery.all.first { $0.name == name })
    let query = try (reader ?? self.reader).query(shipped.sql, parameters: parameters)
    var rows: [[String: QueryValue]] = []
    while let row = try query.next() {
      rows.append(Dictionary(uniqueKeysWithValues: zip(query.columns, row)))
    }
    return rows
  }

  private func number(_ value: QueryValue?) -> Double {
    switch value {
    case .integer(let integer): Double(integer)
    case .real(let real): real
    default: .nan
    }
  }

  /// The file's folder in the project.
  private var files: URL {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources/Trace/Queries")
  }

  @Test("Every file is shipped under its name, with a line that says what it answers")
  func everyFile() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: files.path)
    #expect(Set(names) == Set(ShippedQuery.all.map { $0.name + ".sql" }))
    for query in ShippedQuery.all {
      let file = try String(
        contentsOf: files.appending(path: query.name + ".sql"), encoding: .utf8)
      #expect(query.sql == file)
      #expect(!query.summary.isEmpty && query.summary.count <= 100, "\(query.name)")
    }
  }

  @Test("Every query runs in a plain SQLite too, and its parameters are those it declares")
  func plain() throws {
    let connection = try connect(folder.path())
    for query in ShippedQuery.all {
      let statement = try connection.prepare(query.sql)
      #expect(
        Set(statement.parameterNames) == Set(query.parameters.map { ":" + $0.name }),
        "\(query.name)")
      // The records are drawn at random: no two of one replica need to be in each other's way, and
      // events of rejections need not be of requests that were. Tokens have no times in them. And
      // they are of no sweep.
      let mayBeEmpty = ["blocking", "rejections", "itl", "gaps", "sweep"].contains(query.name)
      #expect(try statement.step() || mayBeEmpty, "\(query.name)")
    }
  }

  @Test("Parameters are what they are declared to be, and everything else is refused")
  func parameters() throws {
    let slices = try #require(ShippedQuery.all.first { $0.name == "concurrency" })
    let cost = try #require(ShippedQuery.all.first { $0.name == "cost" })
    #expect(try slices.value(of: "slices", from: "7", path: "t.db") == .integer(7))
    #expect(try cost.value(of: "price", from: "2.5", path: "t.db") == .real(2.5))
    for text in ["0", "-1", "1.5", "abc", "100001", "", "1e3"] {
      let error = traceError { _ = try slices.value(of: "slices", from: text, path: "t.db") }
      #expect(
        error
          == .badParameter(
            path: "t.db",
            reason: "`slices` is a whole number from 1 to 100000, and not `\(text)`"))
    }
    for text in ["-1", "abc", "nan", "inf", ""] {
      let error = traceError { _ = try cost.value(of: "price", from: text, path: "t.db") }
      #expect(
        error
          == .badParameter(
            path: "t.db", reason: "`price` is a number, 0 or more, and not `\(text)`"))
    }
    #expect(
      traceError { _ = try cost.value(of: "top", from: "1", path: "t.db") }
        == .badParameter(
          path: "t.db", reason: "the query has no parameter `top`; accepted: price"))
  }

  @Test("Percentiles are by the nearest rank")
  func latency() throws {
    let rows = try answer("latency")
    let values = requests.filter { $0.requestClass == 1 }.compactMap(\.ttftNs).sorted()
    let row = try #require(
      rows.first {
        $0["run"] == .integer(2) && $0["class"] == .text("batch") && $0["time"] == .text("ttft")
      })
    #expect(row["requests"] == .integer(Int64(values.count)))
    for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)] {
      let rank = Int((share * Double(values.count)).rounded(.up))
      #expect(abs(number(row[name]) - Double(values[rank - 1]) / 1e6) < 1e-9, "\(name)")
    }
    #expect(number(row["max"]) == Double(values.last!) / 1e6)
  }

  @Test("Goodput goes by the objectives of the class, or by those given")
  func goodput() throws {
    // The class `chat` wants what no sample reaches; `batch` wants nothing.
    let rows = try answer("goodput").filter { $0["run"] == .integer(1) }
    #expect(rows.map { $0["class"] } == [.text("chat"), .text("batch")])
    #expect(number(rows[0]["good_share"]) == 0)
    let batch = requests.filter { $0.requestClass == 1 }
    let finished = batch.filter { $0.outcome == .finished }
    #expect(
      abs(number(rows[1]["good_share"]) - Double(finished.count) / Double(batch.count)) < 1e-12)
    let limit = 500.0
    let given = try answer("goodput", [("ttft_ms", .real(limit))])
    let good = finished.count { Double($0.ttftNs!) <= limit * 1e6 }
    #expect(
      abs(number(given[1]["good_share"]) - Double(good) / Double(batch.count)) < 1e-12)
    #expect(number(given[1]["missed_ttft"]) == Double(finished.count - good))
  }

  @Test("The slowest come first, and their parts add up to the whole")
  func slowest() throws {
    let rows = try answer("slowest", [("top", .integer(4))])
    #expect(rows.count == 8)
    let expected = requests.compactMap(\.e2eNs).sorted(by: >).prefix(4)
    #expect(rows.prefix(4).map { number($0["e2e_ms"]) } == expected.map { Double($0) / 1e6 })
    for row in rows {
      let names = ["queue_ms", "prefill_ms", "decode_ms", "preempted_ms", "recompute_ms"]
      let parts = names.map { number(row[$0]) }.reduce(0, +)
      #expect(abs(parts - number(row["e2e_ms"])) < 1e-6)
    }
  }

  /// A trace of one request that lost its blocks three times, and of one that went on meanwhile.
  private func interrupted() throws -> TraceReader {
    func loss(_ kind: EventRecord.Kind, _ ns: Int64, _ cause: EventRecord.Cause, _ tokens: Int64)
      -> AnyRecord
    {
      .event(
        EventRecord(
          kind: kind, timeNs: ns, replica: 0, request: 0, cause: cause,
          yieldedTo: cause == .urgency ? 1 : -1, tokens: tokens, blocks: 2))
    }
    func later(_ kind: EventRecord.Kind, _ start: Int64, _ ns: Int64) -> AnyRecord {
      .event(EventRecord(kind: kind, timeNs: ns, startNs: start, replica: 0, request: 0))
    }
    let path = folder.path("interrupted.db")
    // Arrives at 0 and starts at 10; in its prompt it loses what it has from 20 to 50, and has its
    // first token at 70. It is swapped out from 100 to 130, and preempted at 200: from 260 it is
    // computed again, which gives its next token at 280. It ends at 300.
    try writeTrace(
      path,
      records: [
        loss(.preempted, 20, .urgency, 8), later(.resumed, 20, 50),
        loss(.swappedOut, 100, .decodes, 40), later(.swappedIn, 100, 130),
        loss(.preempted, 200, .decodes, 50), later(.resumed, 200, 260),
        later(.recomputed, 260, 280),
        .request(
          RequestRecord(
            id: 0, arrivalNs: 0, scheduledNs: 10, firstTokenNs: 70, finishNs: 300,
            promptTokens: 30, cachedTokens: 0, outputTokens: 25, preemptions: 3,
            outcome: .finished)),
        .event(EventRecord(kind: .replicaFailed, timeNs: 400, replica: 1)),
      ])
    return try TraceReader(path: path)
  }

  @Test("A request's time without its blocks, and to compute them again, is told apart")
  func whereTimeWent() throws {
    let rows = try answer("slowest", in: interrupted())
    let names = ["queue_ms", "prefill_ms", "decode_ms", "preempted_ms", "recompute_ms", "e2e_ms"]
    // The prompt took 10–20 and 50–70; decodes 70–100, 130–200 and 280–300.
    #expect(
      names.map { (number(rows[0][$0]) * 1e6).rounded() } == [10, 30, 120, 120, 20, 300])
  }

  @Test("Losses are told by cause and way, with what they cost")
  func preemptions() throws {
    let rows = try answer("preemptions", in: interrupted())
    let names = ["losses", "requests", "tokens_lost", "blocks_freed"]
    let times = ["mean_wait_ms", "longest_wait_ms", "mean_recompute_ms"]
    let found = rows.map { row in
      [row["cause"]!, row["way"]!] + names.map { row[$0]! }
        + times.map { name in
          row[name] == .null ? .null : .integer(Int64((number(row[name]) * 1e6).rounded()))
        }
    }
    func line(_ cause: String, _ way: String, _ numbers: Int64?...) -> [QueryValue] {
      [.text(cause), .text(way)] + numbers.map { $0.map { .integer($0) } ?? .null }
    }
    #expect(
      found == [
        line("decodes", "preempted", 1, 1, 50, 2, 60, 60, 20),
        line("decodes", "swapped_out", 1, 1, 40, 2, 30, 30, nil),
        line("urgency", "preempted", 1, 1, 8, 2, 30, 30, nil),
      ])
  }

  @Test("Rejections are told by class and cause, with their share and what was too long")
  func rejections() throws {
    func rejected(
      _ id: Int64, _ ns: Int64, _ cause: EventRecord.Cause, prompt: Int64, of requestClass: Int64
    ) -> [AnyRecord] {
      [
        .event(
          EventRecord(
            kind: .rejected, timeNs: ns, replica: -1, request: id, cause: cause,
            tokens: prompt + 10)),
        .request(
          RequestRecord(
            id: id, arrivalNs: ns, scheduledNs: -1, firstTokenNs: -1, finishNs: ns,
            promptTokens: prompt, cachedTokens: 0, outputTokens: 0, preemptions: 0,
            outcome: .rejected, requestClass: requestClass, replica: -1)),
      ]
    }
    let path = folder.path("rejections.db")
    // And one of class 1 that finished.
    try writeTrace(
      path,
      records: rejected(3, 1_000_000_000, .pool, prompt: 100, of: 1)
        + rejected(4, 2_000_000_000, .queue, prompt: 7, of: 0)
        + rejected(5, 3_000_000_000, .pool, prompt: 200, of: 1)
        + rejected(6, 4_000_000_000, .noReplica, prompt: 5, of: 1) + [.request(finishedRequest)])
    let rows = try answer("rejections", in: TraceReader(path: path))
    let names = [
      "class", "cause", "rejections", "share", "first_s", "last_s", "mean_prompt_tokens",
      "min_tokens", "max_tokens",
    ]
    #expect(
      rows.map { row in names.map { row[$0]! } } == [
        [
          .text("chat"), .text("queue"), .integer(1), .real(1), .real(2), .real(2), .real(7),
          .integer(17), .integer(17),
        ],
        [
          .text("batch"), .text("pool"), .integer(2), .real(0.5), .real(1), .real(3), .real(150),
          .integer(110), .integer(210),
        ],
        [
          .text("batch"), .text("no_replica"), .integer(1), .real(0.25), .real(4), .real(4),
          .real(5), .integer(15), .integer(15),
        ],
      ])
  }

  @Test("Events are counted by kind, with what those took that take time")
  func events() throws {
    let rows = try answer("events", in: interrupted())
    #expect(
      rows.map { $0["kind"] }
        == [
          "preempted", "resumed", "swapped_out", "swapped_in", "recomputed", "replica_failed",
        ].map { .text($0) })
    #expect(rows.map { $0["events"] } == [2, 2, 1, 1, 1, 1].map { .integer($0) })
    #expect(rows.last?["requests"] == .integer(0) && rows.last?["mean_ms"] == .null)
    #expect((number(rows[1]["mean_ms"]) * 1e6).rounded() == 45)
  }

  @Test("Cost is hours of devices over tokens, at a price if one is given")
  func cost() throws {
    let outputs = requests.reduce(0) { $0 + Double($1.outputTokens) }
    let bare = try answer("cost")
    #expect(bare.count == 2 && bare[0]["cost_per_million_tokens"] == .null)
    #expect(number(bare[0]["device_hours"]) == 2)
    #expect(abs(number(bare[0]["hours_per_million_outputs"]) - 2e6 / outputs) < 1e-9)
    let priced = try answer("cost", [("price", .real(2.5))])
    #expect(abs(number(priced[1]["cost_per_million_outputs"]) - 5e6 / outputs) < 1e-9)
    let throughput = try answer("throughput")
    #expect(abs(number(throughput[0]["output_tokens_per_s_and_device"]) - outputs / 7200) < 1e-9)
  }

  @Test("Equal runs compare as equal; requests of another length are others, not compared")
  func compare() throws {
    let rows = try answer("compare")
    #expect(rows.count == 1)
    #expect(number(rows[0]["e2e_ratio_p50"]) == 1 && number(rows[0]["faster_share"]) == 0)
    let finished = requests.compactMap(\.e2eNs).count
    #expect(number(rows[0]["requests"]) == Double(finished) && rows[0]["others"] == .integer(0))
    // In the second run every fifth request is another one, which took no time.
    let path = folder.path("compare.db")
    let writer = try TraceWriter(path: path, overwrite: false)
    _ = try writer.addScenario(sampleScenario)
    _ = try writer.addProfile(sampleProfile)
    for format in ["fp16", "int4"] {
      try writer.beginRun(sampleRun(format: format))
      for id in 0..<100 as Range<Int64> {
        let isOther = format == "int4" && id % 5 == 0
        try writer.record(
          RequestRecord(
            id: id, arrivalNs: 0, scheduledNs: 0, firstTokenNs: 0,
            finishNs: isOther ? 1 : format == "int4" ? 50 : 100, promptTokens: isOther ? 2 : 1,
            cachedTokens: 0, outputTokens: 9, preemptions: 0, outcome: .finished))
      }
      try writer.endRun(metrics: [])
    }
    try writer.finish()
    let row = try #require(try answer("compare", in: TraceReader(path: path)).first)
    #expect(row["requests"] == .integer(80) && row["others"] == .integer(20))
    #expect(number(row["e2e_ratio_p5"]) == 0.5 && number(row["e2e_ratio_p95"]) == 0.5)
  }

  @Test("A run is cut into as many slices as asked for")
  func slices() throws {
    for name in ["concurrency", "occupancy"] {
      let rows = try answer(name, [("slices", .integer(4))])
      let starts = Set(rows.filter { $0["run"] == .integer(1) }.map { number($0["from_s"]) })
      #expect(starts.count <= 4 && starts.contains(0), "\(name)")
    }
  }

  @Test("Every figure of every run has a row")
  func metrics() throws {
    let rows = try answer("metrics")
    #expect(
      rows.map { [$0["figure"], $0["run"], $0["format"], $0["value"]] } == [
        [.text("device_ns"), .integer(1), .text("fp16"), .real(7.2e12)],
        [.text("device_ns"), .integer(2), .text("int4"), .real(7.2e12)],
        [.text("ttft_p99_ns"), .integer(1), .text("fp16"), .real(12.5)],
        [.text("ttft_p99_ns"), .integer(2), .text("int4"), .real(12.5)],
      ])
  }
}
