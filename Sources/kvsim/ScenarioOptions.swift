import ArgumentParser
import Scenario
import Simulator

/// What names a scenario on the command line, for every subcommand that reads one.
struct ScenarioOptions: ParsableArguments {
  @Argument(help: "The scenario file (see docs/scenarios.md).")
  var scenario: String

  @Option(help: "A profile to use instead of the one that the scenario names.")
  var profile: String?

  @Option(help: "A seed to use instead of the scenario's.")
  var seed: UInt64?

  func validate() throws {
    if let seed, seed > UInt64(Int64.max) {
      throw ValidationError("--seed takes a whole number from 0 to \(Int64.max).")
    }
  }

  /// Reads the scenario; prints every error of every file on standard error, and how much of a
  /// request trace is left out.
  func load() throws -> ServingScenario {
    let loaded = try readingInput { () throws(ScenarioError) in
      try ServingScenario.load(path: scenario, profileOverride: profile, seedOverride: seed)
    }
    if case .replay(let trace, _) = loaded.workload.arrivals {
      trace.reportFailedRows(of: scenario)
    }
    return loaded
  }

  /// Says that the scenario, though valid, cannot be run, and gives the exit code to throw.
  func refusal(_ error: some CustomStringConvertible) -> ExitCode {
    printError("\(scenario): error: \(error)")
    return .badInput
  }
}
