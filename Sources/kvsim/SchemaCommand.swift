import ArgumentParser
import Scenario

/// `kvsim schema`.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Print the form of a scenario file as a JSON Schema, for editors.",
    discussion: "docs/scenarios.md says how an editor uses it.")

  func run() throws {
    try printResult(ScenarioSchema.text)
  }
}
