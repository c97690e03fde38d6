import Foundation
import Simulator
import Testing

@testable import Trace

/// The times of tokens in a trace, and what is made of them.
@Suite struct TokenTimesTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func request(
    _ id: Int64, first: Int64, finish: Int64, outputs: Int64, samples: Int64 = 1,
    last: Int64? = nil, of requestClass: Int64 = 0, outcome: RequestRecord.Outcome = .finished
  ) -> AnyRecord {
    let isFinished = outcome == .finished
    return .request(
      RequestRecord(
        id: id, arrivalNs: 1, scheduledNs: isFinished ? 1 : -1,
        firstTokenNs: isFinished ? first : -1, finishNs: finish, promptTokens: 7,
        cachedTokens: 0, outputTokens: isFinished ? outputs : 0, preemptions: 0,
        outcome: outcome, requestClass: requestClass, replica: isFinished ? 0 : -1,
        samples: samples, lastSampleTokens: last))
  }

  private func tokens(
    _ request: Int64, sample: Int64 = 0, from first: Int64 = 0, at times: Int64...
  ) -> AnyRecord {
    .tokens(TokenRecord(request: request, sample: sample, firstToken: first, timesNs: times))
  }

  /// Request 5 with two samples, the second of which has two tokens of one step; 3, whose tokens
  /// come in three parts; and 4, which is rejected when it has had one.
  private var records: [AnyRecord] {
    [
      tokens(5, at: 20), tokens(3, at: 10), tokens(5, sample: 1, at: 20),
      tokens(3, from: 1, at: 40, 50),
      tokens(4, at: 15), tokens(5, from: 1, at: 30), tokens(5, sample: 1, from: 1, at: 30, 30, 60),
      request(5, first: 20, finish: 60, outputs: 6, samples: 2, last: 4),
      request(4, first: -1, finish: 70, outputs: 0, outcome: .rejected),
      .step(
        StepRecord(
          startNs: 60, endNs: 80, steps: 2, decodeSequences: 1, contextTokens: 8,
          prefillSequences: 1, prefillTokens: 30, waitingRequests: 0, preemptedRequests: 0,
          usedBlocks: 1, emptySlots: 0, cost: .init(linearNs: 20))),
      .event(
        EventRecord(
          kind: .preempted, timeNs: 55, replica: 0, request: 3, cause: .decodes, tokens: 9)),
      tokens(3, from: 3, at: 90),
      request(3, first: 10, finish: 90, outputs: 4, of: 1),
    ]
  }

  private func rows(_ sql: String) throws -> [[QueryValue]] {
    let query = try TraceReader(path: folder.path()).query(sql)
    var rows: [[QueryValue]] = []
    while let row = try query.next() { rows.append(row) }
    return rows
  }

  @Test("A report's gaps between tokens are those of the query itl")
  func overview() throws {
    try writeTrace(folder.path(), records: records, formats: ["fp16", "int4"])
    let runs = try TraceReader(path: folder.path()).overview().runs
    // Of request 5 10, 10 and 30, of 3 30, 10 and 40.
    #expect(runs.map(\.itl.count) == [6, 6])
    #expect(runs[1].itl[0] == 10 && runs[1].itl[50] == 10 && runs[1].itl[100] == 40)
    try connect(folder.path()).execute("UPDATE request_token_times SET time_ns = 5 WHERE token = 2")
    guard case .damaged = traceError({ _ = try TraceReader(path: folder.path()).overview() }) else {
      Issue.record("tokens that go back in time were read")
      return
    }
  }

  @Test("A row for each token, by request, sample and place; none of who was rejected")
  func table() throws {
    let digests = try writeTrace(folder.path(), records: records, formats: ["fp16", "int4"])
    let found = try rows(
      """
      SELECT request.run_id, request.id, sample, token, time_ns
      FROM request_token_times JOIN request ON request.seq = request_seq
      ORDER BY request_seq, sample, token
      """)
    let expected: [[Int64]] = [
      [5, 0, 0, 20], [5, 0, 1, 30], [5, 1, 0, 20], [5, 1, 1, 30], [5, 1, 2, 30], [5, 1, 3, 60],
      [3, 0, 0, 10], [3, 0, 1, 40], [3, 0, 2, 50], [3, 0, 3, 90],
    ]
    let all = expected.map { [1] + $0 } + expected.map { [2] + $0 }
    #expect(found == all.map { row in row.map { QueryValue.integer($0) } })
    // Neither the digest nor any other row knows of them.
    let reader = try TraceReader(path: folder.path())
    #expect(try reader.verifyDigest(run: 1) && reader.verifyDigest(run: 2))
    try reader.checkIntegrity()
    let without = records.filter { if case .tokens = $0 { false } else { true } }
    #expect(try writeTrace(folder.path(), records: without, overwrite: true) == [digests[0]])
    #expect(try rows("SELECT count(*) FROM request_token_times") == [[.integer(0)]])
  }

  @Test("More tokens than a batch has rows come out as they went in")
  func many() throws {
    let count = 3 * Int64(TraceWriter.batchRows) / 40
    let records = (0..<count).flatMap { id -> [AnyRecord] in
      let times = (0..<40).map { id + $0 * 10 }
      return [
        .tokens(TokenRecord(request: id, firstToken: 0, timesNs: times)),
        request(id, first: id, finish: id + 390, outputs: 40),
      ]
    }
    try writeTrace(folder.path(), records: records)
    let sums = try rows(
      """
      SELECT count(*), sum(time_ns = request.id + 10 * token), count(DISTINCT request_seq)
      FROM request_token_times JOIN request ON request.seq = request_seq
      """)
    #expect(sums == [[.integer(40 * count), .integer(40 * count), .integer(count)]])
  }

  @Test("Percentiles of gaps are by format and class; tokens of one step have none between them")
  func itl() throws {
    try writeTrace(folder.path(), records: records)
    let shipped = try #require(ShippedQuery.all.first { $0.name == "itl" })
    let found = try rows(shipped.sql).map { $0.dropFirst(2).map { $0 } }
    #expect(
      found == [
        // 10, and 10 and 30 of the other sample.
        [
          .text("chat"), .integer(3), .real(50.0 / 3 / 1e6), .real(1e-5), .real(3e-5), .real(3e-5),
          .real(3e-5), .real(3e-5),
        ],
        [
          .text("batch"), .integer(3), .real(80.0 / 3 / 1e6), .real(3e-5), .real(4e-5),
          .real(4e-5), .real(4e-5), .real(4e-5),
        ],
      ])
  }

  @Test("The longest gaps come first, with what they were spent on")
  func gaps() throws {
    try writeTrace(folder.path(), records: records)
    let shipped = try #require(ShippedQuery.all.first { $0.name == "gaps" })
    let query = try TraceReader(path: folder.path()).query(
      shipped.sql, parameters: [("top", .integer(2))])
    #expect(
      query.columns == [
        "run", "format", "request", "sample", "token", "from_s", "gap_ms", "lost_blocks",
        "hand_over_ms", "prompt_tokens", "prompt_steps", "longest_step_ms",
      ])
    #expect(
      try query.next()?.dropFirst(2) == [
        .integer(3), .integer(0), .integer(3), .real(5e-8), .real(4e-5), .text("decodes"), .null,
        .integer(30), .integer(1), .real(1e-5),
      ])
    #expect(
      try query.next()?.dropFirst(2) == [
        .integer(3), .integer(0), .integer(1), .real(1e-8), .real(3e-5), .null, .null, .null,
        .null, .null,
      ])
    #expect(try query.next() == nil)
  }

  @Test("Results of vllm bench have the exact gaps, and the lists of --save-detailed")
  func vllmBench() throws {
    try writeTrace(
      folder.path(), records: records,
      metrics: [Metric(name: "itl_mean_ns", unit: "ns", value: 99e6)])
    let result = try #require(try folder.exportLines(.vllmBench).first)
    // 10, 10, 30, 30, 10 and 40.
    let mean = 130.0 / 6
    let variance =
      [10.0, 10, 30, 30, 10, 40].reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 6
    for (name, ns) in [
      ("mean", mean), ("median", 20), ("std", variance.squareRoot()), ("p90", 35), ("p99", 39.5),
    ] {
      let ms = try #require(result["\(name)_itl_ms"] as? Double)
      #expect(abs(ms - ns / 1e6) < 1e-12, "\(name)")
    }
    #expect(result["input_lens"] as? [Int] == [7, 7, 7])
    #expect(result["output_lens"] as? [Int] == [4, 0, 6])
    #expect(result["ttfts"] as? [Double] == [9e-9, 0, 19e-9])
    #expect(result["start_times"] as? [Double] == [1e-9, 1e-9, 1e-9])
    #expect(
      result["itls"] as? [[Double]] == [[30e-9, 10e-9, 40e-9], [], [10e-9, 10e-9, 30e-9]])
  }

  @Test("A snapshot for Prometheus has vLLM's histogram of gaps")
  func prometheus() throws {
    try writeTrace(folder.path(), records: records)
    let text = try folder.export(.prometheus)
    let name = "vllm:inter_token_latency_seconds"
    #expect(text.contains("# TYPE \(name) histogram\n"))
    let lines = text.split(separator: "\n").filter { $0.hasPrefix(name) }
    #expect(lines.count == PrometheusFamily.tokens.count + 3)
    #expect(lines[0].hasSuffix("le=\"0.01\"} 6") && lines.last?.hasSuffix("} 6") == true)
    #expect(lines[lines.count - 2].hasSuffix("} 1.3e-07"))
    try writeTrace(folder.path(), records: smallRecords, overwrite: true)
    #expect(try !folder.export(.prometheus).contains("vllm:inter_token"))
  }

  @Test("Tables of tokens are exported as others are, of some runs or of all")
  func tables() throws {
    try writeTrace(folder.path(), records: records, formats: ["fp16", "int4"])
    let all = try folder.export(.csv) { $0.table = "request_token_times" }.split(separator: "\n")
    #expect(all.count == 21 && all[0] == "request_seq,sample,token,time_ns")
    let second = try folder.export(.csv) {
      $0.table = "request_token_times"
      $0.run = 2
    }
    #expect(second.split(separator: "\n").dropFirst() == all.suffix(10))
  }

  @Test("Tokens that contradict themselves are damage")
  func damage() throws {
    try writeTrace(folder.path(), records: records)
    let connection = try connect(folder.path())
    try connection.execute("UPDATE request_token_times SET time_ns = 5 WHERE time_ns = 90")
    try connection.close()
    for form in [ExportForm.vllmBench, .prometheus] {
      let error = traceError { _ = try folder.export(form) }
      guard case .damaged(_, let reason) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(reason.contains("a token of request row"))
    }
  }
}
