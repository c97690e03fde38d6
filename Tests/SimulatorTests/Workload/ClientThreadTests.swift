import CostModel
import Testing

@testable import Simulator

/// A client that takes 10 ns to prepare a request and 7 to send it. A step takes 100 ns, plus 1 ns
/// a prompt token.
@Suite("Client")
struct ClientThreadTests {
  private let client = Workload.Client(prepareNs: 10, sendNs: 7)
  private let pricer = SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1)

  @Test("A burst is prepared whole before its first request is sent")
  func burst() {
    let played = Played(
      replay([(0, 10, 1), (0, 10, 1), (0, 10, 1)], client: client), checks: true, pricer: pricer)
    // Prepared at 10, 20, 30; sent at 37, 44, 51. The first starts a step, the others miss it.
    #expect(played.requestsById.map(\.arrivalNs) == [10, 20, 30])
    #expect(played.requestsById.map(\.scheduledNs) == [37, 147, 147])
    #expect(played.requestsById.map(\.ttftNs) == [137, 247, 237])
    // From the first arrival to the last token.
    #expect(played.summary.durationNs == 257)
  }

  @Test("Tasks are served in the order in which they were queued")
  func firstComeFirstServed() {
    let played = Played(
      replay([(0, 10, 1), (0, 10, 1), (12, 10, 1)], client: client), checks: true, pricer: pricer)
    // A is prepared to 10, B to 20, A sent to 27, C, due at 12, prepared to 37, B sent to 44.
    #expect(played.requestsById.map(\.arrivalNs) == [10, 20, 37])
    #expect(played.requestsById.map(\.scheduledNs) == [27, 137, 137])
  }

  @Test("Without preparation the clocks start at once and only sending takes time")
  func sendingAlone() {
    let slow = Workload.Client(prepareNs: 0, sendNs: 150)
    let played = Played(replay([(0, 10, 1), (0, 10, 1)], client: slow), pricer: pricer)
    #expect(played.requestsById.map(\.arrivalNs) == [0, 0])
    #expect(played.requestsById.map(\.scheduledNs) == [150, 300])
  }

  @Test("In a closed loop the next request is due when another has finished")
  func closedLoop() {
    let workload = Workload(
      arrivals: .closedLoop(concurrency: 1), promptTokens: .fixed(10), outputTokens: .fixed(1),
      requests: 2, client: client)
    let played = Played(workload, pricer: pricer)
    // Due at 0, sent at 17, done at 127; due then, prepared at 137, sent at 144.
    #expect(played.requestsById.map(\.arrivalNs) == [10, 137])
    #expect(played.requestsById.map(\.finishNs) == [127, 254])
  }

  @Test("What does not fit is rejected when the engine has it")
  func rejection() {
    let played = Played(
      replay([(0, 10, 1)], client: client), maxPositions: 4, pricer: pricer)
    #expect(played.requestsById.map(\.outcome) == [.rejected])
    #expect(played.requestsById.map(\.finishNs) == [17])
    #expect(played.summary.durationNs == 7)
  }
}
