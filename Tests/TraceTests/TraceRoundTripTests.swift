import Simulator
import Testing

@testable import Trace

@Suite struct TraceRoundTripTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  @Test("What is written is read back: inputs, runs, metrics, every record in order")
  func everything() throws {
    let metrics = [
      Metric(name: "requests_per_s", unit: "1/s", value: 12.5),
      Metric(name: "ttft_p99", unit: "ms", value: nil),
    ]
    let records = sampleRecords(2_000, seed: 1)
    let formats = ["fp16", "int4", "int4-rotated"]
    let digests = try writeTrace(
      folder.path(), records: records, formats: formats, metrics: metrics)
    let reader = try TraceReader(path: folder.path())
    try reader.checkIntegrity()
    #expect(try reader.scenario(1) == sampleScenario)
    #expect(try reader.profile(1) == sampleProfile)
    #expect(try reader.scenario(2) == nil)
    #expect(try reader.profile(2) == nil)
    let runs = try reader.runs()
    #expect(runs.map(\.id) == [1, 2, 3])
    #expect(runs.map(\.description) == formats.map { sampleRun(format: $0) })
    #expect(runs.map(\.end?.rowDigest) == digests)
    for run in runs {
      var list = ListRecorder()
      try reader.replay(run: run.id, into: &list)
      #expect(list.records == records)
      #expect(try reader.verifyDigest(run: run.id))
      #expect(try reader.metrics(run: run.id) == metrics)
      #expect(run.end?.requests == Int64(records.count { $0.isRequest }))
      #expect(run.end?.stepRows == Int64(records.count { $0.isStep }))
      #expect(run.end?.events == Int64(records.count { !$0.isRequest && !$0.isStep }))
      #expect(run.end?.lastEventNs == records.map(\.endNs).max())
    }
    #expect(Set(digests).count == 1, "equal records give equal digests, whatever the format")
    #expect(digests[0] != RowDigest().hex)
  }

  @Test("Every column of a request and of a step holds its own field")
  func columns() throws {
    try writeTrace(folder.path(), records: [.request(finishedRequest), .step(sampleStep)])
    let row = try connect(folder.path()).prepare(
      """
      SELECT request.seq, request.run_id, request.id, arrival_ns, scheduled_ns, first_token_ns,
        finish_ns, prompt_tokens, cached_tokens, output_tokens, preemptions, class_id,
        request.priority, request.replica, samples, last_sample_tokens, queue_ns, ttft_ns,
        tpot_ns, e2e_ns,
        step.seq, step.run_id, step.id, start_ns, end_ns, steps, decode_sequences,
        context_tokens, prefill_sequences, prefill_tokens, waiting_requests, preempted_requests,
        used_blocks, empty_slots, linear_ns, append_ns, decode_attention_ns, prefill_attention_ns,
        elementwise_ns, collective_ns, host_ns, swap_ns, extrapolated_ns, derived_ns,
        step.replica, format, outcome
      FROM request, step
      """)
    #expect(try row.step())
    let values = (0..<Int32(row.columnCount) - 2).map { row.optionalInteger($0) }
    #expect(
      values[..<20] == [1, 1, 0, 10, 20, 30, 50, 7, 4, 3, 1, 1, -5, 2, 1, 3, 10, 20, 10, 40])
    #expect(
      values[20...] == [
        2, 1, 0, 20, 30, 1, 2, 100, 1, 64, 3, 0, 9, 5, 1, 2, 3, 4, 5, 7, 8, 10, 6, 9, 3,
      ])
    #expect(row.text(45) == "fp16")
    #expect(row.text(46) == "finished")
  }

  @Test("Every column of an event holds its own field, NULL where there is none")
  func eventColumns() throws {
    let failure = EventRecord(kind: .replicaFailed, timeNs: 70, replica: 2)
    try writeTrace(folder.path(), records: [.event(sampleEvent), .event(failure)])
    let row = try connect(folder.path()).prepare(
      """
      SELECT seq, run_id, time_ns, start_ns, replica, to_replica, request_id, sample, yielded_to,
        tokens, blocks, kind, cause
      FROM event ORDER BY seq
      """)
    #expect(try row.step())
    #expect((0..<11).map { row.optionalInteger($0) } == [1, 1, 25, 25, 3, nil, 0, 2, 1, 7, 3])
    #expect(row.text(11) == "swapped_out" && row.text(12) == "urgency")
    #expect(try row.step())
    #expect((0..<11).map { row.optionalInteger($0) } == [2, 1, 70, 70, 2, nil, nil, 0, nil, 0, 0])
    #expect(row.text(11) == "replica_failed" && row.optionalText(12) == nil)
  }

  @Test("Of several samples the time per token is that of the one that ended last")
  func samples() throws {
    try writeTrace(folder.path(), records: [.request(sampledRequest)])
    let row = try connect(folder.path()).prepare(
      "SELECT samples, output_tokens, last_sample_tokens, tpot_ns, e2e_ns FROM request")
    #expect(try row.step())
    #expect((0..<5).map { row.optionalInteger($0) } == [3, 9, 4, 10, 50])
    #expect(sampledRequest.tpotNs == 10)
  }

  @Test("A rejected request has NULL where it has no time")
  func nulls() throws {
    try writeTrace(folder.path(), records: [.request(rejectedRequest)])
    let missing = try connect(folder.path()).integer(
      """
      SELECT count(*) FROM request WHERE outcome = 'rejected' AND scheduled_ns IS NULL
        AND first_token_ns IS NULL AND queue_ns IS NULL AND ttft_ns IS NULL AND tpot_ns IS NULL
        AND e2e_ns IS NULL AND finish_ns = 15
      """)
    #expect(missing == 1)
  }

  @Test("The derived columns say what RequestRecord says", arguments: 0..<20)
  func derivedColumns(seed: Int) throws {
    let records = sampleRecords(200, seed: UInt64(seed))
    try writeTrace(folder.path(), records: records)
    let row = try connect(folder.path()).prepare(
      "SELECT queue_ns, ttft_ns, tpot_ns, e2e_ns FROM request ORDER BY seq")
    for case .request(let request) in records {
      #expect(try row.step())
      #expect(row.optionalInteger(0) == request.queueNs)
      #expect(row.optionalInteger(1) == request.ttftNs)
      #expect(row.optionalInteger(2) == request.tpotNs)
      #expect(row.optionalInteger(3) == request.e2eNs)
    }
    #expect(try !row.step())
  }

  @Test("A run without a record is a run, with the digest of nothing")
  func emptyRun() throws {
    #expect(try writeTrace(folder.path(), records: []) == [RowDigest().hex])
    let reader = try TraceReader(path: folder.path())
    #expect(try reader.run(1).end?.lastEventNs == 0)
    #expect(try reader.verifyDigest(run: 1))
  }

  @Test("Extremes survive: the largest integers, empty texts, infinite and undefined numbers")
  func extremes() throws {
    var step = sampleStep
    step.endNs = .max
    step.cost.linearNs = .min
    var writer = try TraceWriter(path: folder.path(), overwrite: false)
    let empty = ScenarioDescription(name: "", sourcePath: nil, text: "", modelJSON: "a\0b")
    _ = try writer.addScenario(empty)
    _ = try writer.addProfile(sampleProfile)
    try writer.beginRun(sampleRun())
    try writer.record(.step(step))
    try writer.endRun(metrics: [
      Metric(name: "a", unit: "1", value: .infinity), Metric(name: "b", unit: "1", value: .nan),
    ])
    try writer.finish()
    let reader = try TraceReader(path: folder.path())
    #expect(try reader.scenario(1) == empty)
    var list = ListRecorder()
    try reader.replay(run: 1, into: &list)
    #expect(list.records == [.step(step)])
    #expect(try reader.metrics(run: 1).map(\.value) == [.infinity, nil])
  }

  @Test("More rows than a batch come out as they went in")
  func batches() throws {
    let records = sampleRecords(2 * TraceWriter.batchRows + 1, seed: 3)
    let digest = try writeTrace(folder.path(), records: records)[0]
    let reader = try TraceReader(path: folder.path())
    try reader.checkIntegrity()
    #expect(try reader.verifyDigest(run: 1))
    #expect(try reader.run(1).end?.rowDigest == digest)
  }

  @Test("Two files of the same rows differ at most in when they were started")
  func determinism() throws {
    let records = sampleRecords(5_000, seed: 4)
    try writeTrace(folder.path("a.db"), records: records, formats: ["fp16", "int4"])
    try writeTrace(folder.path("b.db"), records: records, formats: ["fp16", "int4"])
    #expect(try folder.bytes("a.db") == folder.bytes("b.db"))
  }

  @Test("A run that is not in the file is refused by number")
  func noSuchRun() throws {
    try writeTrace(folder.path(), records: [])
    let reader = try TraceReader(path: folder.path())
    let path = folder.path()
    #expect(throws: TraceError.noSuchRun(path: path, run: 2)) { try reader.run(2) }
    #expect(throws: TraceError.noSuchRun(path: path, run: 9)) { try reader.verifyDigest(run: 9) }
    #expect(try reader.metrics(run: 2).isEmpty)
  }
}

extension AnyRecord {
  fileprivate var isRequest: Bool {
    if case .request = self { true } else { false }
  }

  fileprivate var isStep: Bool {
    if case .step = self { true } else { false }
  }

  fileprivate var endNs: Int64 {
    switch self {
    case .request(let request): request.finishNs
    case .step(let step): step.endNs
    case .event(let event): event.timeNs
    case .tokens: 0
    }
  }
}
