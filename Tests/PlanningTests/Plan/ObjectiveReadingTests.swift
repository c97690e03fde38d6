import Scenario
import Simulator
import Testing

@testable import Planning

@Suite("What objectives come to")
struct ObjectiveReadingTests {
  private let classes = [
    RequestClass(
      name: "a", promptTokens: .fixed(1), outputTokens: .fixed(1),
      objectives: .init(ttftNs: 20)),
    RequestClass(name: "b", promptTokens: .fixed(1), outputTokens: .fixed(1)),
  ]

  /// First tokens after these times, and two tokens more, each a nanosecond later.
  private func records(_ ttfts: [Int64], ofClass number: Int64 = 0) -> [RequestRecord] {
    ttfts.enumerated().map { id, ttft in
      RequestRecord(
        id: Int64(id), arrivalNs: 100, scheduledNs: 103, firstTokenNs: 100 + ttft,
        finishNs: 102 + ttft, promptTokens: 1, cachedTokens: 0, outputTokens: 3, preemptions: 0,
        outcome: .finished, requestClass: number)
    }
  }

  private var rejected: RequestRecord {
    RequestRecord(
      id: 99, arrivalNs: 100, scheduledNs: -1, firstTokenNs: -1, finishNs: 100, promptTokens: 1,
      cachedTokens: 0, outputTokens: 0, preemptions: 0, outcome: .rejected)
  }

  private func read(_ text: String, _ records: [RequestRecord]) throws -> ObjectiveReading {
    ObjectiveReading(
      try #require(try ServiceObjective.parse(text).first), of: records[...], classes)
  }

  @Test("Statistics are by nearest rank, as everywhere")
  func statistics() throws {
    let ten = records([10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
    for (text, value) in [
      ("ttft.p50", 50.0), ("ttft.p90", 90), ("ttft.p90.1", 100), ("ttft.p99", 100),
      ("ttft.max", 100), ("ttft.mean", 55), ("ttft.p10", 10), ("tpot.mean", 1), ("e2e.p50", 52),
      ("queue.max", 3),
    ] {
      #expect(try read("\(text) <= 1 s", ten).value == value, "\(text)")
    }
  }

  @Test("A bound that is reached is kept, and the use of a limit is what is taken of it")
  func bounds() throws {
    let ten = records([10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
    #expect(try read("ttft.p99 <= 100 ns", ten).isMet)
    #expect(try read("ttft.p99 <= 100 ns", ten).use == 1)
    #expect(try !read("ttft.p99 <= 50 ns", ten).isMet)
    #expect(try read("ttft.p99 <= 50 ns", ten).use == 2)
    // Two of ten within 20 ns.
    let share = try read("goodput >= 60 %", ten)
    #expect(share.value == 0.2 && !share.isMet && abs(share.use - 2) < 1e-12)
    #expect(try read("goodput >= 20 %", ten).isMet)
  }

  @Test("A rejected request is later than any limit, and not good")
  func rejections() throws {
    let some = records([10, 10, 10, 10, 10, 10, 10, 10, 10]) + [rejected]
    #expect(try read("ttft.p90 <= 10 ns", some).isMet)
    #expect(try read("ttft.p91 <= 1 h", some).value == .infinity)
    #expect(try read("ttft.mean <= 1 h", some).value == .infinity)
    #expect(try read("goodput >= 50 %", some).value == 0.9)
  }

  @Test("An objective is of its class, and a goodput of classes that state objectives")
  func ofClasses() throws {
    let both = records([10, 10]) + records([1000, 1000], ofClass: 1)
    #expect(try read("a.ttft.max <= 10 ns", both).isMet)
    #expect(try read("b.ttft.max <= 10 ns", both).value == 1000)
    #expect(try read("ttft.max <= 10 ns", both).value == 1000)
    #expect(try read("goodput >= 100 %", both).value == 1)
    #expect(try read("a.ttft.max <= 1 ns", records([5], ofClass: 1)).value == nil)
    #expect(try read("a.ttft.max <= 1 ns", records([5], ofClass: 1)).isMet)
  }

  @Test("A percentile needs a hundred requests beyond it")
  func needed() throws {
    for (text, count) in [
      ("ttft.p99 <= 1 s", 10_000), ("ttft.p99.9 <= 1 s", 100_000), ("ttft.max <= 1 s", 10_000),
      ("ttft.p50 <= 1 s", 2000), ("e2e.mean <= 1 s", 2000), ("goodput >= 98 %", 5000),
    ] {
      #expect(
        try ServiceObjective.parse(text).first?.requestsNeeded(atLeast: 2000) == count, "\(text)")
    }
  }
}
