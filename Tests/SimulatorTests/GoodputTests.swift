import CostModel
import TestSupport
import Testing

@testable import Simulator

/// What each class came to. A step takes 100 ns, plus 1 ns a prompt token.
@Suite("Classes and goodput")
struct GoodputTests {
  private let pricer = SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1)

  /// Five requests: of class a at 1, 2, 3 and 4 µs, of class b at 2 µs.
  private func play(
    a: RequestClass.Objectives = .unstated, b: RequestClass.Objectives = .unstated,
    maxPositions: Int = 1000
  ) -> RunSummary {
    let streams = [("a", 1e6, 0), ("b", 5e5, 1)].map { name, rate, place in
      Workload.Stream(
        name: name, arrivals: .deterministic(requestsPerSecond: rate), requestClass: place)
    }
    let workload = Workload(
      arrivals: .superposed(streams),
      classes: [
        RequestClass(
          name: "a", promptTokens: .fixed(10), outputTokens: .fixed(3), objectives: a),
        RequestClass(
          name: "b", promptTokens: .fixed(40), outputTokens: .fixed(1), objectives: b),
      ], requests: 5)
    return Played(workload, maxPositions: maxPositions, pricer: pricer).summary
  }

  @Test("Each class has its own latencies and counts")
  func classes() {
    // Alone, one of a has its tokens after 110, 210 and 310. At 2 µs it shares its first step with
    // b: 150, and ends after 350.
    let summary = play()
    #expect(
      summary.classes == [
        ClassSummary(
          finishedRequests: 4, rejectedRequests: 0, goodRequests: nil,
          ttft: LatencyStatistics(values: [110, 150, 110, 110]),
          tpot: LatencyStatistics(values: [100, 100, 100, 100]),
          e2e: LatencyStatistics(values: [310, 350, 310, 310])),
        ClassSummary(
          finishedRequests: 1, rejectedRequests: 0, goodRequests: nil,
          ttft: LatencyStatistics(values: [150]), tpot: LatencyStatistics(values: []),
          e2e: LatencyStatistics(values: [150])),
      ])
    #expect(summary.goodput == nil)
  }

  @Test(
    "A request is good if it misses no objective, even by a nanosecond",
    arguments: [
      (RequestClass.Objectives(ttftNs: 110), 3), (.init(ttftNs: 150), 4), (.init(ttftNs: 109), 0),
      (.init(tpotNs: 100), 4), (.init(tpotNs: 99), 0), (.init(e2eNs: 310), 3),
      (.init(e2eNs: 309), 0), (.init(ttftNs: 150, tpotNs: 100, e2eNs: 349), 3),
      (.init(ttftNs: 1, e2eNs: 1000), 0),
    ])
  func objectives(objectives: RequestClass.Objectives, good: Int) {
    let summary = play(a: objectives)
    #expect(summary.classes.map(\.goodRequests) == [good, nil])
    // The run goes from 1,000 to 4,310 ns; b states nothing and counts for nothing.
    #expect(
      summary.goodput
        == Goodput(
          requests: 4, goodRequests: good, requestsPerSecond: Double(good) / (3310 * 1e-9)))
    #expect(summary.goodput?.share == Double(good) / 4)
  }

  @Test("Over all classes goodput adds up; one output token misses no time per token")
  func overall() {
    let summary = play(a: .init(ttftNs: 110), b: .init(ttftNs: 150, tpotNs: 1))
    #expect(summary.classes.map(\.goodRequests) == [3, 1])
    #expect(summary.goodput?.goodRequests == 4 && summary.goodput?.share == 0.8)
    #expect(summary.goodput(of: [summary.classes[1]])?.share == 1)
  }

  @Test("A rejected request is one that missed its objectives")
  func rejected() {
    let summary = play(b: .init(ttftNs: 1_000_000), maxPositions: 40)
    #expect(summary.classes[1].rejectedRequests == 1 && summary.classes[1].requests == 1)
    #expect(summary.goodput == Goodput(requests: 1, goodRequests: 0, requestsPerSecond: 0))
  }

  @Test("Of an only class the latencies are the run's; its goodput is told")
  func onlyClass() {
    let workload = Workload(
      arrivals: .deterministic(requestsPerSecond: 1e6),
      classes: [
        RequestClass(
          promptTokens: .fixed(10), outputTokens: .fixed(3), objectives: .init(ttftNs: 110))
      ], requests: 4)
    let summary = Played(workload, pricer: pricer).summary
    #expect(summary.classes.map(\.finishedRequests) == [4])
    #expect(summary.classes[0].ttft.count == 0 && summary.ttft.count == 4)
    #expect(summary.goodput?.share == 1)
  }

  @Test("Figures gathered apart and added are those gathered together", arguments: 0..<20)
  func addition(seed: Int) {
    var random = SeededRandom(UInt64(seed))
    let classes = (0..<3).map { place in
      RequestClass(
        name: "\(place)", promptTokens: .fixed(1), outputTokens: .fixed(1),
        objectives: place == 1 ? .unstated : .init(ttftNs: 500, e2eNs: 1500))
    }
    var whole = ClassMetrics(classes)
    var parts = (0..<4).map { _ in ClassMetrics(classes) }
    for id in 0..<500 {
      let isRejected = Int.random(in: 0..<10, using: &random) == 0
      let first = Int64.random(in: 0...1000, using: &random)
      let record = RequestRecord(
        id: Int64(id), arrivalNs: 0, scheduledNs: isRejected ? -1 : 0,
        firstTokenNs: isRejected ? -1 : first,
        finishNs: isRejected ? 0 : first + Int64.random(in: 0...1000, using: &random),
        promptTokens: 1, cachedTokens: 0, outputTokens: isRejected ? 0 : 2, preemptions: 0,
        outcome: isRejected ? .rejected : .finished,
        requestClass: Int64.random(in: 0..<3, using: &random))
      whole.left(record)
      parts[Int.random(in: 0..<4, using: &random)].left(record)
    }
    for part in parts[1...].reversed() { parts[0] += part }
    #expect(parts[0].summaries() == whole.summaries())
    #expect(whole.summaries().map(\.requests).reduce(0, +) == 500)
    #expect((whole.summaries()[0].goodRequests ?? 0) > 10)
  }
}
