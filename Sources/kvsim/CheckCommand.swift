import ArgumentParser
import Planning
import Report

/// `kvsim check`.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Check a scenario and every file it names, and print all errors at once.",
    discussion: "Of a scenario without errors it shows how the device's memory is divided.")

  @OptionGroup var options: ScenarioOptions

  func run() throws {
    let scenario = try options.load()
    let plan: ComparisonPlan
    do throws(PlanningError) {
      plan = try ComparisonPlan(scenario)
    } catch {
      throw options.refusal(error)
    }
    try printResult("\(options.scenario): ok\n\n" + MemoryTable(plan).rendered())
  }
}
