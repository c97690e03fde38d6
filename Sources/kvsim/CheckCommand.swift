import ArgumentParser
import Planning

/// `kvsim check`.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Check a scenario and every file it names, and print all errors at once.")

  @OptionGroup var options: ScenarioOptions

  func run() throws {
    let scenario = try options.load()
    do throws(PlanningError) {
      _ = try ComparisonPlan(scenario)
    } catch {
      throw options.refusal(error)
    }
    try printResult("\(options.scenario): ok\n")
  }
}
