import CostModel
import Foundation
import Scenario
import Simulator
import Testing
import Trace

@testable import Planning

@Suite("A run over time")
struct RunTimelineTests {
  private static let ms: Int64 = 1 << 20

  private func row(
    _ startNs: Int64, _ endNs: Int64, running: Int64 = 0, waiting: Int64 = 0, used: Int64 = 0,
    replica: Int64 = 0
  ) -> StepRecord {
    StepRecord(
      startNs: startNs, endNs: endNs, steps: 1, decodeSequences: running, contextTokens: 0,
      prefillSequences: 0, prefillTokens: 0, waitingRequests: waiting, preemptedRequests: 0,
      usedBlocks: used, emptySlots: 0, cost: StepCost(), replica: replica)
  }

  @Test("By hand: four columns of a run of four slices, with a gap and two replicas")
  func byHand() {
    let ms = RunTimelineTests.ms
    var timeline = RunTimeline(blocks: 200, replicas: 2)
    timeline.add(row(0, 2 * ms, running: 4, waiting: 1, used: 50))
    timeline.add(row(ms / 2, ms, running: 2, waiting: 0, used: 100, replica: 1))
    timeline.add(row(3 * ms, 4 * ms, running: 8, waiting: 6, used: 100))
    #expect(timeline.endNs == 4 * ms)
    let columns = timeline.means(columnNs: Double(ms))
    #expect(columns.map(\.running) == [5, 4, 0, 8])
    #expect(columns.map(\.waiting) == [1, 1, 0, 6])
    #expect(columns.map(\.usedShare) == [0.5, 0.25, 0, 0.5])
    #expect(timeline.mean == RunTimeline.Slice(running: 4.25, waiting: 2, usedShare: 0.3125))
    #expect(timeline.means(columnNs: Double(4 * ms)) == [timeline.mean])
    // Columns longer than the run, and one that ends within it.
    #expect(timeline.means(columnNs: Double(9 * ms)) == [timeline.mean])
    #expect(timeline.means(columnNs: Double(3 * ms)).map(\.running) == [3, 8])
  }

  @Test("Lanes of a pipeline, whose steps overlap, run together and own blocks once")
  func lanes() {
    let ms = RunTimelineTests.ms
    var timeline = RunTimeline(blocks: 100, replicas: 1)
    timeline.add(row(0, 2 * ms, running: 4, used: 50))
    timeline.add(row(ms, 3 * ms, running: 4, used: 100))
    let columns = timeline.means(columnNs: Double(ms))
    #expect(columns.map(\.running) == [4, 8, 4])
    #expect(columns.map(\.usedShare) == [0.5, 0.5, 1])
  }

  @Test("However long a run is, sums stay what they are and slices as many")
  func longRuns() {
    var timeline = RunTimeline(blocks: 1, replicas: 1)
    var (start, sum): (Int64, Double) = (0, 0)
    for step in 0..<5_000 as Range<Int64> {
      // From a microsecond to a week, four years together.
      let ns = Int64(1_000) << (step / 125) + step * 7
      timeline.add(row(start, start + ns, running: step % 13, waiting: 3, used: 1))
      sum += Double(step % 13) * Double(ns)
      start += ns
    }
    #expect(timeline.endNs == start)
    #expect(abs(timeline.mean.running - sum / Double(start)) < 1e-9)
    #expect(abs(timeline.mean.waiting - 3) < 1e-9 && abs(timeline.mean.usedShare - 1) < 1e-9)
    for columns in [1, 7, 60, 512] {
      let means = timeline.means(columnNs: Double(start) / Double(columns))
      #expect(means.count == columns)
      let mean = means.reduce(0) { $0 + $1.running } / Double(columns)
      #expect(abs(mean - timeline.mean.running) < 1e-9)
      #expect(means.allSatisfy { abs($0.waiting - 3) < 1e-9 })
    }
    let none = RunTimeline(blocks: 1, replicas: 1)
    #expect(none.mean == RunTimeline.Slice() && none.means(columnNs: 5).isEmpty)
  }

  @Test("A comparison keeps timelines where they are asked for, the same with and without a trace")
  func comparison() throws {
    let small = try SmallScenario()
    let plan = try ComparisonPlan(small.load())
    func traced(_ name: String, keepsTimelines: Bool) throws -> FormatComparison {
      try plan.run(
        writingTo: TraceWriter(path: small.path(name), overwrite: false),
        options: PlayOptions(keepsTimelines: keepsTimelines), version: "test",
        startedUTC: "2026-01-01T00:00:00Z"
      ) { _ in }
    }
    let with = try traced("with.db", keepsTimelines: true)
    let without = try traced("without.db", keepsTimelines: false)
    #expect(without.outcomes.allSatisfy { $0.timeline == nil })
    #expect(with.outcomes.map(\.rowDigest) == without.outcomes.map(\.rowDigest))
    let alone = try plan.runWithoutTrace(options: PlayOptions(keepsTimelines: true)) { _ in }
    let plain = try plan.runWithoutTrace { _ in }
    #expect(plain.outcomes.allSatisfy { $0.timeline == nil })
    #expect(plain.outcomes.map(\.summary) == alone.outcomes.map(\.summary))
    let overview = try TraceReader(path: small.path("with.db")).overview()
    for (index, outcome) in with.outcomes.enumerated() {
      let timeline = try #require(outcome.timeline)
      #expect(timeline.mean == alone.outcomes[index].timeline?.mean)
      // The page of the same trace is of the same rows.
      let slices = overview.runs[index].slices
      let ratio = Double(timeline.endNs) / (slices.last?.endNs ?? 0)
      func expectMean(_ found: Double, _ value: (TimeSlice) -> Double) {
        let mean = slices.map(value).reduce(0, +) / Double(slices.count)
        #expect(abs(found * ratio - mean) <= 1e-9 * mean)
      }
      expectMean(timeline.mean.running, \.running)
      expectMean(timeline.mean.waiting, \.waiting)
      expectMean(timeline.mean.usedShare, \.usedShare)
      #expect(timeline.mean.running > 1)
    }
  }
}
