import ArgumentParser
import Scenario

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

  /// Reads the scenario; prints every error of every file on standard error.
  func load() throws -> ServingScenario {
    try readingInput { () throws(ScenarioError) in
      try ServingScenario.load(path: scenario, profileOverride: profile, seedOverride: seed)
    }
  }

  /// Says that the scenario, though valid, cannot be run, and gives the exit code to throw.
  func refusal(_ error: some CustomStringConvertible) -> ExitCode {
    printError("\(scenario): error: \(error)")
    return .badInput
  }
}
