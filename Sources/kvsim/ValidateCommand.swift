import ArgumentParser
import Foundation
import Planning
import Report
import Scenario

/// `kvsim validate`.
struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Compare simulations with what real engines did.",
    discussion: """
      Plays each scenario and prints its figures beside those of its `reference`, with the error \
      of each: a run that was recorded request by request, in the scenario's first format, or \
      published results, in every format that they have. At the end stands the mean error over \
      all published results. A folder stands for the scenarios in it. Everything is read and \
      planned before anything is played; exits with 65 where an input is wrong.
      """)

  /// Where the project keeps scenarios that have a reference.
  private static let folders = ["Scenarios/validation", "Scenarios/saw-int4"]

  @Argument(
    help: ArgumentHelp(
      "Scenarios, or folders of them; by default those folders that exist of "
        + folders.joined(separator: ", ") + "."))
  var paths: [String] = []

  @Option(
    help: ArgumentHelp(
      "A profile to use instead of those that the scenarios name.", valueName: "file"))
  var profile: String?

  @Option(
    help: ArgumentHelp(
      """
      A profile with which published results are simulated once more, in a column of its own: what \
      other kernels would give in the formats that it has. Recorded runs are left as they are.
      """, valueName: "file"))
  var beside: String?

  /// A scenario that can be played.
  private struct Plan {
    let path: String
    let own: ValidationPlan
    /// With the profile of `--beside`.
    let other: ValidationPlan?
  }

  func run() throws {
    let plans = try plans()
    guard beside == nil || plans.contains(where: { $0.other != nil }) else {
      throw failure(
        "--beside goes with published results, and no scenario here has any", .badInput)
    }
    var published: [PublishedValidation.Row] = []
    for (index, plan) in plans.enumerated() {
      if index > 0 { try printResult("\n") }
      switch plan.own {
      case .recorded(let comparison, let run):
        let validation = try planning(plan.path) { () throws(PlanningError) in
          try RecordedValidation(playing: comparison, against: run)
        }
        try printResult(RecordedValidationTable(validation).rendered())
      case .published(let comparison, let results):
        let validation = try planning(plan.path) { () throws(PlanningError) in
          try PublishedValidation(playing: comparison, against: results)
        }
        let table = PublishedValidationTable(validation, beside: try playOther(plan))
        try printResult(table.rendered())
        published += validation.rows
      }
    }
    if !published.isEmpty {
      try printResult("\n" + PublishedErrorsTable(PublishedErrors(published)).rendered())
    }
  }

  // MARK: Planning and playing

  /// A plan for each scenario; what is wrong is said of all of them before that ends it.
  private func plans() throws -> [Plan] {
    var plans: [Plan] = []
    var refused: ExitCode?
    for path in try scenarios() {
      do {
        plans.append(try plan(path))
      } catch let code as ExitCode {
        refused = code
      }
    }
    if let refused { throw refused }
    return plans
  }

  private func plan(_ path: String) throws -> Plan {
    let own = try plan(label: path) { () throws(ScenarioError) in
      try ServingScenario.load(path: path, profileOverride: profile)
    }
    guard let beside, case .published = own else { return Plan(path: path, own: own, other: nil) }
    let other = try plan(label: otherLabel(path)) { () throws(ScenarioError) in
      try ServingScenario.loadMeasuredFormats(path: path, profile: beside)
    }
    return Plan(path: path, own: own, other: other)
  }

  private func plan(
    label: String, _ load: () throws(ScenarioError) -> ServingScenario
  ) throws -> ValidationPlan {
    let scenario = try readingInput(load)
    return try planning(label) { () throws(PlanningError) in try ValidationPlan(scenario) }
  }

  private func playOther(_ plan: Plan) throws -> PublishedValidation? {
    guard case .published(let comparison, let results) = plan.other else { return nil }
    return try planning(otherLabel(plan.path)) { () throws(PlanningError) in
      try PublishedValidation(playing: comparison, against: results)
    }
  }

  private func otherLabel(_ path: String) -> String { "\(path) with \(beside ?? "")" }

  /// Says of what an error is; exits with 65.
  private func planning<Value>(
    _ label: String, _ body: () throws(PlanningError) -> Value
  ) throws -> Value {
    do throws(PlanningError) {
      return try body()
    } catch {
      throw failure("\(label): \(error)", .badInput)
    }
  }

  // MARK: Paths

  /// The files that the paths name, those of a folder in the order of their names.
  private func scenarios() throws -> [String] {
    let given = paths.isEmpty ? ValidateCommand.folders.filter(isFolder) : paths
    guard !given.isEmpty else {
      let folders = ValidateCommand.folders.joined(separator: " or ")
      throw failure("there is no \(folders) here; name scenarios, or folders of them", .badInput)
    }
    return try given.flatMap { path -> [String] in
      guard isFolder(path) else { return [path] }
      let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
      let scenarios = files.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted()
        .map { "\(path)/\($0)" }
      guard !scenarios.isEmpty else {
        throw failure("\(path): the folder has no scenario (*.yaml, *.yml)", .badInput)
      }
      return scenarios
    }
  }
}
