import ArgumentParser
import Foundation
import Planning
import Report
import Scenario

/// `kvsim validate`.
struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Compare simulations with runs of real engines.",
    discussion: """
      Plays each scenario in its first format and prints its latencies beside those that its \
      `reference` recorded, with the error of each. A folder stands for the scenarios in it.
      """)

  @Argument(help: "Scenarios, or folders of them.")
  var paths = ["Scenarios/validation"]

  func run() throws {
    for path in try ValidateCommand.scenarios(paths) {
      let scenario = try readingInput { () throws(ScenarioError) in
        try ServingScenario.load(path: path)
      }
      let validation: Validation
      do throws(PlanningError) {
        validation = try Validation(scenario)
      } catch {
        throw failure("\(path): \(error)", .badInput)
      }
      try printResult(ValidationTable(validation).rendered())
    }
  }

  /// The files that the paths name, those of a folder in the order of their names.
  private static func scenarios(_ paths: [String]) throws -> [String] {
    try paths.flatMap { path -> [String] in
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
        isFolder.boolValue
      else { return [path] }
      let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
      let scenarios = files.filter { $0.hasSuffix(".yaml") }.sorted().map { "\(path)/\($0)" }
      guard !scenarios.isEmpty else {
        throw failure("\(path): the folder has no scenario (*.yaml)", .badInput)
      }
      return scenarios
    }
  }
}
