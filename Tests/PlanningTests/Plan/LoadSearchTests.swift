import Scenario
import Simulator
import Testing

@testable import Planning

@Suite("Searches for the load that is held")
struct LoadSearchTests {
  private let small: SmallScenario

  init() throws {
    small = try SmallScenario()
  }

  private func trials(_ scenario: ServingScenario, _ objective: String) throws -> LoadTrials {
    LoadTrials(
      plan: try ComparisonPlan(scenario, formats: [.int4]), format: 0,
      objectives: try ServiceObjective.parse(objective), leastRequests: 1000)
  }

  /// Poisson requests, all alike, of which one is served at a time.
  private func oneServer() throws -> ServingScenario {
    let text = small.text(prompt: "16", output: "4")
      .replacing("max_num_seqs: 64", with: "max_num_seqs: 1")
      .replacing("{process: closed-loop, concurrency: 64}", with: "{process: poisson, rate: 1/s}")
    try small.write("one.yaml", text)
    return try ServingScenario.load(path: small.path("one.yaml"))
  }

  @Test("Of one server with fixed times, the rate at which the mean wait is W is that of M/D/1")
  func theory() throws {
    let scenario = try oneServer()
    // Alone, a request takes as long as all do.
    let alone = try trials(scenario, "e2e.mean <= 1 h").trial(at: 0.001, seed: 1)
    let serviceNs = alone.figures.e2e.meanNs
    #expect(alone.figures.e2e.deviationNs == 0)
    for share in [0.25, 1.0] {
      // W = ρ S / (2 (1 − ρ)), so that ρ = 2 W / (S + 2 W).
      let wait = share * serviceNs
      let exact = 2 * wait / (serviceNs + 2 * wait) / (serviceNs * 1e-9)
      let trials = try trials(scenario, "queue.mean <= \(Int(wait)) ns")
      let loads = (0..<6).map { seed in
        LoadSearch(trials: trials, seed: UInt64(seed), resolution: 0.01).highest(from: exact / 3)
      }
      let estimate = Estimate(loads.compactMap { $0.held?.load })
      #expect(estimate.values.count == 6)
      // The search stops a hundredth below the load that is not held, at most.
      let width = 1.5 * (estimate.halfWidth ?? 0) + 0.01 * exact
      #expect(abs(estimate.mean - exact) <= width, "\(estimate.mean) \(exact) ± \(width)")
      #expect(loads.allSatisfy { $0.held?.holds == true && $0.missed?.holds == false })
      #expect(
        loads.allSatisfy { ($0.missed?.load ?? .infinity) <= ($0.held?.load ?? 0) * 1.01 })
    }
  }

  @Test("Wherever a search begins, and in whatever steps, it ends at the same load")
  func anyStart() throws {
    let scenario = try oneServer()
    let trials = try trials(scenario, "queue.mean <= 10 ms")
    let loads = [(0.01, 2.0), (10, 2), (1000, 2), (50, 1.06)].map { start, stride in
      LoadSearch(trials: trials, seed: 3, resolution: 0.005)
        .highest(from: start, stride: stride).held?.load ?? 0
    }
    #expect(loads[0] > 0)
    for load in loads { #expect(abs(load / loads[0] - 1) < 0.02, "\(loads)") }
  }

  @Test("Of clients, each more of them is tried around the most that are held")
  func clients() throws {
    let scenario = try small.load(prompt: "40", output: "{uniform: {min: 20, max: 60}}")
    let trials = try trials(scenario, "tpot.mean <= 20 ms")
    let found = LoadSearch(trials: trials, seed: 1, resolution: 0.001).highest(from: 64)
    let most = try #require(found.held)
    let next = try #require(found.missed)
    #expect(next.load == most.load + 1)
    #expect(most.load > 1 && trials.trial(at: most.load, seed: 1).holds)
    #expect(!trials.trial(at: most.load + 1, seed: 1).holds)
  }

  @Test("Where the lightest load misses the objective, that is what is told")
  func unmet() throws {
    let open = try trials(oneServer(), "ttft.mean <= 1 ns")
    let lone = LoadSearch(trials: open, seed: 1, resolution: 0.01).highest(from: 1e4)
    #expect(lone.held == nil)
    let lightest = try #require(lone.missed)
    #expect(lightest.load * lightest.figures.e2e.meanNs * 1e-9 < 0.1)
    let closed = try trials(small.load(), "ttft.mean <= 1 ns")
    let one = LoadSearch(trials: closed, seed: 1, resolution: 0.01).highest(from: 64)
    #expect(one.held == nil && one.missed?.load == 1)
  }

  /// The small scenario with other arrivals.
  private func load(_ arrivals: String, requests: Int = 40) throws -> ServingScenario {
    let text = small.text(prompt: "16", output: "4")
      .replacing("{process: closed-loop, concurrency: 64}", with: arrivals)
      .replacing("requests: 200", with: "requests: \(requests)")
    try small.write("other.yaml", text)
    return try ServingScenario.load(path: small.path("other.yaml"))
  }

  @Test(
    "A trace that is held at any speed ends the search, with no load that is missed",
    arguments: [2, 40])
  func anySpeed(_ rows: Int) throws {
    let lines = (0..<rows).map { "2023-11-16 18:15:\(10 + $0).0000000,16,4" }
    try small.write(
      "trace.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n" + lines.joined(separator: "\n"))
    let scenario = try load("{process: replay, trace: trace.csv}", requests: rows)
    let found = LoadSearch(
      trials: try trials(scenario, "ttft.max <= 1 h"), seed: 1, resolution: 0.01
    ).highest(from: 1)
    #expect(found.held?.holds == true && found.missed == nil)
    #expect(found.trials < 40)
  }

  @Test("Of rates that begin again, whole periods are played, at any load")
  func periods() throws {
    let scenario = try load("{process: on-off, rate: 6/s, on: 20 s, off: 40 s}")
    let trials = try trials(scenario, "ttft.mean <= 1 h")
    // Two a second over a minute.
    for (load, requests) in [(2.0, 120), (1, 60), (0.5, 30)] {
      #expect(trials.trial(at: load, seed: 1).requests == requests)
    }
  }

  @Test("Clients that think are more than four a seat, where they do not wait")
  func thinkers() throws {
    let scenario = try load("{process: closed-loop, concurrency: 64, think_time: 10 s}")
    let found = LoadSearch(
      trials: try trials(scenario, "ttft.mean <= 200 ms"), seed: 1, resolution: 0.05
    ).highest(from: 512)
    #expect(found.held?.load ?? 0 > 4 * 64 && found.missed != nil)
  }

  @Test("An overload is not held, though its objective is met for as long as the run lasts")
  func overload() throws {
    // Twice what one server does: the queue grows by half a service a request.
    let scenario = try oneServer()
    let serviceNs = try trials(scenario, "e2e.mean <= 1 h").trial(at: 0.001, seed: 1)
      .figures.e2e.meanNs
    let trial = try trials(scenario, "queue.mean <= 1 h").trial(at: 2e9 / serviceNs, seed: 1)
    #expect(trial.readings[0].isMet && !trial.isSteady && !trial.holds)
  }
}
