import Foundation
import Simulator
import Testing

@testable import Trace

/// The shipped queries that go by time: how much runs, and how full pools are.
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
}
