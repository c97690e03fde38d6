import Testing

@testable import Scenario

/// What a stored scenario says when its files are gone.
@Suite struct StoredScenarioTests {
  private func stored(arrivals: String) -> StoredScenario {
    StoredScenario(
      text: """
        kvsim: 1
        model: gone/Some-Model-7B/config.json
        workload:
          requests: 5
          arrivals: \(arrivals)
        """, modelText: "{}")
  }

  @Test("Arrivals of one number or two are read, others are not")
  func arrivals() {
    #expect(
      stored(arrivals: "{process: poisson, rate: 4/s}").arrivals
        == .openLoop(requestsPerSecond: 4, burstiness: 1))
    #expect(
      stored(arrivals: "{process: gamma, rate: 4/s, burstiness: 0.5}").arrivals
        == .openLoop(requestsPerSecond: 4, burstiness: 0.5))
    #expect(
      stored(arrivals: "{process: deterministic, rate: 0.25/s}").arrivals
        == .openLoop(requestsPerSecond: 0.25, burstiness: nil))
    #expect(
      stored(arrivals: "{process: closed-loop, concurrency: 7}").arrivals
        == .closedLoop(concurrency: 7))
    for other in [
      "{process: on-off, rate: 4/s, on: 1 s, off: 1 s}", "{process: replay, file: x.csv}",
      "{process: poisson}", "[]", "{process: [1]}",
    ] {
      #expect(stored(arrivals: other).arrivals == nil, "\(other)")
    }
  }

  @Test("The model is called what its file says, or what its folder is called")
  func modelName() {
    #expect(stored(arrivals: "[]").modelName == "Some-Model-7B")
    let text = "model: models/phi.json"
    #expect(StoredScenario(text: text, modelText: "").modelName == "phi")
    #expect(
      StoredScenario(text: text, modelText: #"{"_name_or_path": "org/Phi-4"}"#).modelName
        == "Phi-4")
    for broken in ["", "\t", "[", "- a", "kvsim: &a [*a]"] {
      let stored = StoredScenario(text: broken, modelText: broken)
      #expect(stored.modelName == nil && stored.arrivals == nil)
    }
  }
}
