import Foundation
import Simulator
import Testing

@testable import Trace

/// The shipped queries that go by time: how much runs, how full pools are, and who waits for whom.
@Suite struct TimeQueryTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  /// The rows of a shipped query, by column.
  private func answer(
    _ name: String, _ parameters: [(name: String, value: QueryValue)] = []
  ) throws -> [[String: QueryValue]] {
    let shipped = try #require(ShippedQuery.all.first { $0.name == name })
    let query = try TraceReader(path: folder.path()).query(shipped.sql, parameters: parameters)
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

  /// Steps of three replicas with pauses between them; those of the last overlap, as those of a
  /// pipeline's lanes do. Nothing happens in the second half but one short step.
  private var steps: [AnyRecord] {
    let lanes = (0..<40 as Range<Int64>).map { place in
      step(place * 9_000_000, place * 9_000_000 + 20_000_000, on: 2, decodes: 3 + place % 4)
    }
    return plausibleRecords(600, seed: 8, replicas: 2) + lanes
      + [step(8 << 30, 8 << 30 + 5, on: 0, decodes: 1)]
  }

  private func step(
    _ start: Int64, _ end: Int64, on replica: Int64, decodes: Int64, prompts: Int64 = 0,
    blocks: Int64 = 500
  ) -> AnyRecord {
    .step(
      StepRecord(
        startNs: start, endNs: end, steps: 1, decodeSequences: decodes, contextTokens: 9,
        prefillSequences: prompts, prefillTokens: prompts, waitingRequests: 2,
        preemptedRequests: 1, usedBlocks: blocks, emptySlots: 40, cost: .init(), replica: replica))
  }

  @Test("What runs and waits over time is what the report draws, idle time counted")
  func concurrency() throws {
    try writeTrace(folder.path(), records: steps, formats: ["fp16", "int4"])
    let slices = try TraceReader(path: folder.path()).overview().runs[1].slices
    let rows = try answer("concurrency", [("slices", .integer(100))])
    #expect(rows.count == 200)
    for (row, slice) in zip(rows.suffix(100), slices) {
      #expect(row["run"] == .integer(2))
      #expect(abs(number(row["from_s"]) - slice.startNs / 1e9) < 1e-9)
      #expect(abs(number(row["running"]) - slice.running) < 1e-9 * max(1, slice.running))
      #expect(abs(number(row["waiting"]) - slice.waiting) < 1e-9 * max(1, slice.waiting))
    }
    #expect(rows.contains { number($0["running"]) == 0 && number($0["most_running"]) == 0 })
    // The whole is the mean of its parts.
    let whole = try answer("concurrency", [("slices", .integer(1))])
    let mean = slices.reduce(0) { $0 + $1.running } / 100
    #expect(whole.count == 2 && abs(number(whole[1]["running"]) - mean) < 1e-9 * mean)
  }

  @Test("Pools are as full as the report draws them, blocks of overlapping steps counted once")
  func occupancy() throws {
    try writeTrace(folder.path(), records: steps)
    let run = try TraceReader(path: folder.path()).overview().runs[0]
    let rows = try answer("occupancy", [("slices", .integer(100))])
    #expect(rows.count == 300)
    // The replicas that had no step are empty.
    let replicas = run.run.description.groups.reduce(0) { $0 + Double($1.replicas) }
    for (index, slice) in run.slices.enumerated() {
      let own = rows.indices.filter { $0 % 100 == index }.map { rows[$0] }
      let share = own.reduce(0) { $0 + number($1["mean_share"]) } / replicas
      #expect(abs(share - slice.usedShare) < 1e-9, "\(index)")
      #expect(own.reduce(0) { $0 + number($1["preemptions"]) } == Double(slice.preemptions))
    }
    let lanes = rows.suffix(100)
    #expect(lanes.allSatisfy { number($0["mean_share"]) <= 0.5 + 1e-9 })
    #expect(lanes.contains { number($0["mean_share"]) > 0.49 })
    #expect(lanes.contains { number($0["peak_share"]) == 0 && $0["empty_share"] == .null })
  }

  // MARK: Who waits for whom

  private func request(
    _ id: Int64, _ arrival: Int64, _ start: Int64, _ first: Int64, finish: Int64? = nil,
    on replica: Int64
  ) -> AnyRecord {
    .request(
      RequestRecord(
        id: id, arrivalNs: arrival, scheduledNs: start, firstTokenNs: first,
        finishNs: finish ?? first, promptTokens: 10 * id + 5, cachedTokens: 0, outputTokens: 1,
        preemptions: 0, outcome: .finished, replica: replica))
  }

  /// Request, waited, blocker, blocked and held of each row, times in nanoseconds.
  private func blocking() throws -> [[Double]] {
    try answer("blocking").map { row in
      [number(row["request"]), number(row["blocker"])]
        + ["waited_ms", "blocked_ms", "held_ms"].map { (number(row[$0]) * 1e6).rounded() }
    }
  }

  @Test("The head of the line: who waits, and whose prompt was computed meanwhile")
  func headOfLine() throws {
    // A's prompt is computed from 0 to 100, B's from 100 to 130, C's from 130 to 150; D is on
    // another replica, and E decodes all along.
    try writeTrace(
      folder.path(),
      records: [
        step(0, 150, on: 0, decodes: 1, prompts: 1),
        request(0, 0, 0, 100, on: 0), request(1, 20, 100, 130, on: 0),
        request(2, 40, 130, 150, on: 0), request(3, 0, 0, 500, on: 1),
        request(4, 0, 0, 10, finish: 600, on: 0),
      ])
    // C waited 90 ns: 60 for A, then 30 for B. B waited 80, all of it for A.
    #expect(
      try blocking() == [[2, 0, 90, 60, 60], [2, 1, 90, 30, 30], [1, 0, 80, 80, 80]])
  }

  @Test("Who waits for blocks waits for those that hold them longest, of them the longest context")
  func heldBlocks() throws {
    // The prompt of B takes a moment; A and C decode, and hold the pool.
    try writeTrace(
      folder.path(),
      records: [
        step(0, 90, on: 0, decodes: 2, blocks: 995),
        step(90, 100, on: 0, decodes: 2, prompts: 1, blocks: 998),
        request(0, 0, 0, 10, finish: 300, on: 0), request(1, 80, 90, 100, finish: 150, on: 0),
        request(2, 0, 0, 10, finish: 160, on: 0), request(3, 20, 160, 170, on: 0),
      ])
    let rows = try answer("blocking", [("top", .integer(1))])
    #expect(rows.map { $0["blocker"] } == [2, 0, 1].map { .integer($0) })
    #expect(rows.map { (number($0["held_ms"]) * 1e6).rounded() } == [140, 140, 60])
    #expect(rows.map { (number($0["blocked_ms"]) * 1e6).rounded() } == [0, 0, 10])
    #expect(rows.allSatisfy { number($0["pool_share"]) > 0.99 && number($0["prompt_share"]) < 0.2 })
  }

  @Test("A prompt that is handed over waits at the replica that computes it, and for that one's")
  func handedOver() throws {
    // Replica 0 computes the prompts of A and B, and 3 and 4 decode them; C decodes on 3 and never
    // was on 0.
    func copied(_ id: Int64, _ start: Int64, _ end: Int64, to replica: Int64) -> AnyRecord {
      .event(
        EventRecord(
          kind: .handedOver, timeNs: end, startNs: start, replica: 0, toReplica: replica,
          request: id))
    }
    try writeTrace(
      folder.path(),
      records: [
        step(0, 100, on: 0, decodes: 0, prompts: 1), step(100, 140, on: 0, decodes: 0, prompts: 1),
        copied(0, 100, 120, to: 3), copied(1, 140, 150, to: 4),
        request(0, 0, 0, 100, finish: 400, on: 3), request(1, 30, 100, 140, finish: 500, on: 4),
        request(2, 10, 10, 90, finish: 600, on: 4),
      ])
    #expect(try blocking() == [[1, 0, 70, 70, 70]])
  }
}
