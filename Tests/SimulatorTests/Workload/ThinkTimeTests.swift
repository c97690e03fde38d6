import CostModel
import Foundation
import Testing

@testable import Simulator

/// Clients that pause between their requests. A step takes 100 ns, plus 1 ns a prompt token.
@Suite("Think time")
struct ThinkTimeTests {
  private func workload(
    _ concurrency: Int, _ thinkTime: Workload.ThinkTime, requests: Int,
    output: Workload.Lengths = .fixed(2)
  ) -> Workload {
    Workload(
      arrivals: .closedLoop(concurrency: concurrency, thinkTime: thinkTime),
      promptTokens: .fixed(10), outputTokens: output, requests: requests)
  }

  private let pricer = SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1)

  @Test("One client's requests come once in think and service time, the first at the start")
  func oneClient() {
    let played = Played(
      workload(1, .fixed(ns: 1000), requests: 50), checks: true, pricer: pricer)
    #expect(played.requestsById.map(\.arrivalNs) == (0..<50).map { $0 * (1000 + 210) })
    #expect(played.requestsById.allSatisfy { $0.finishNs - $0.arrivalNs == 210 })
    // No pause after the last request.
    #expect(played.summary.durationNs == 49 * 1210 + 210)
  }

  @Test("Two clients, of which one starts late: each thinks after its own request")
  func twoClients() {
    let played = Played(
      workload(2, .fixed(ns: 50), requests: 5), maxNumSeqs: 1, checks: true, pricer: pricer)
    // A 0–210, B 210–420; A again at 260, served 420–630; B at 470, served 630–840; A at 680.
    #expect(played.requestsById.map(\.arrivalNs) == [0, 0, 260, 470, 680])
    #expect(played.requestsById.map(\.finishNs) == [210, 420, 630, 840, 1050])
  }

  @Test("A rejected request is one that has finished")
  func rejection() {
    let played = Played(
      workload(1, .fixed(ns: 30), requests: 3), maxPositions: 4, pricer: pricer)
    #expect(played.requestsById.map(\.arrivalNs) == [0, 30, 60])
    #expect(played.requestsById.allSatisfy { $0.outcome == .rejected })
  }

  @Test("Pauses are exponential, and each is drawn by the request before it alone")
  func exponentialPauses() {
    let (count, mean) = (50_000, 1_000_000.0)
    func pauses(_ output: Workload.Lengths) -> [Int64] {
      let played = Played(
        workload(1, .exponential(meanNs: Int64(mean)), requests: count, output: output),
        pricer: pricer)
      let requests = played.requestsById
      return zip(requests.dropFirst(), requests).map { $0.arrivalNs - $1.finishNs }
    }
    let drawn = pauses(.fixed(2))
    let distance = KolmogorovSmirnov.statistic(drawn.map(Double.init)) { 1 - exp(-$0 / mean) }
    #expect(distance < 1.95, "\(distance)")
    #expect(pauses(.uniform(1...9)) == drawn)
  }

  @Test("A client that thinks beyond the horizon ends the run there")
  func endless() {
    let played = Played(
      workload(2, .fixed(ns: simulationHorizonNs), requests: 3), pricer: pricer)
    #expect(played.summary.reachedHorizon && played.summary.finishedRequests == 2)
  }
}
