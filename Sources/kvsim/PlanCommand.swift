import ArgumentParser
import Foundation
import Planning
import Report
import Scenario
import Synchronization

/// `kvsim plan`.
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Find which format and device serve the traffic within objectives, and how many.",
    discussion: """
      Searches for the highest load that one replica holds within the objectives, in each format \
      and with each device and value that --device and --vary name, over several seeds, and says \
      how many replicas a target load takes, what they cost, what ends the load and what would \
      help. A scenario may ask all of it under `plan` (see docs/capacity-planning.md); what the \
      command line says comes before that. Exits with 65 where the scenario or its question is \
      wrong, 64 where an option is, 1 where no option meets the objectives.
      """)

  @OptionGroup var scenario: ScenarioOptions

  @Option(
    name: .customLong("objective"),
    help: ArgumentHelp(
      "What has to hold, such as 'ttft.p99 <= 500 ms', 'goodput >= 99 %' or a preset such as "
        + "mlperf-llama-3.1-8b-server; repeatable.", valueName: "bound"))
  var objectives: [String] = []

  @Option(
    help: ArgumentHelp(
      "Requests that all replicas together have to hold, such as 40/s.", valueName: "rate"))
  var rate: String?

  @Option(
    help: ArgumentHelp(
      "Clients that all replicas together have to hold, of traffic in a closed loop.",
      valueName: "clients"))
  var concurrency: Int?

  @Option(help: ArgumentHelp("Replicas that may fail.", valueName: "replicas"))
  var reserve: Int?

  @Option(
    name: .customLong("device"),
    help: ArgumentHelp(
      "A profile in `devices` beside the scenario, or a data sheet's id, and perhaps what it costs "
        + "an hour; repeatable.", valueName: "name=price"))
  var devices: [String] = []

  @Option(
    help: ArgumentHelp(
      "A key and the values to choose from, as `kvsim sweep` has them; repeatable.",
      valueName: "path=values"))
  var vary: [String] = []

  @Option(
    help: ArgumentHelp(
      "How wide half the 95 % confidence interval of a load may be, of the load.",
      valueName: "share"))
  var tolerance = PlannerOptions().tolerance

  @Option(
    help: ArgumentHelp(
      "Seeds at most, from the scenario's on, whatever the tolerance.", valueName: "count"))
  var maxSeeds = PlannerOptions().mostSeeds

  @Option(
    help: ArgumentHelp("Runs to make at a time; by default as many as there are cores."))
  var threads: Int?

  @Option(help: "How to print the plan: table or json.")
  var format = OutputFormat.table

  func validate() throws {
    guard (0.001...0.5).contains(tolerance) else {
      throw ValidationError("--tolerance is a share from 0.001 to 0.5.")
    }
    guard maxSeeds >= PlannerOptions().leastSeeds, maxSeeds <= 1000 else {
      throw ValidationError("--max-seeds is from \(PlannerOptions().leastSeeds) to 1000.")
    }
    guard threads ?? 1 >= 1 else { throw ValidationError("--threads is 1 or more.") }
    if let text = vary.first(where: { !$0.contains("=") }) {
      throw ValidationError("--vary takes PATH=VALUES, and '\(text)' has no '='.")
    }
    if let text = devices.first(where: { $0.hasSuffix("=") || $0.hasPrefix("=") }) {
      throw ValidationError("--device takes NAME or NAME=PRICE, not '\(text)'.")
    }
    guard rate == nil || concurrency == nil else {
      throw ValidationError("--rate is of open loops, --concurrency of closed ones; give one.")
    }
  }

  func run() throws {
    let planner = try planner()
    let plan: CapacityPlan
    do {
      let bar = Mutex(ProgressBar())
      defer { bar.withLock { $0.clear() } }
      plan = planner.run { progress in
        bar.withLock { $0.show(progress.share, progress.label) }
      }
    }
    switch format {
    case .table: try printResult(PlanTable(plan).rendered())
    case .json: try printResult(try PlanJSON(plan).rendered())
    }
    guard plan.best != nil else { throw ExitCode.runFailed }
  }

  private var arguments: PlanArguments {
    var arguments = PlanArguments()
    arguments.objectives = objectives
    arguments.rate = rate
    arguments.concurrency = concurrency
    arguments.reserve = reserve
    arguments.devices = devices
    arguments.variations = vary
    return arguments
  }

  private func planner() throws -> CapacityPlanner {
    var options = PlannerOptions()
    options.tolerance = tolerance
    options.mostSeeds = maxSeeds
    options.threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
    do {
      let template = try ScenarioTemplate(
        path: scenario.scenario, profileOverride: scenario.profile, seedOverride: scenario.seed)
      let question = try question(template)
      if scenario.profile != nil, !question.devices.isEmpty {
        throw PlanningError.badQuestion(
          .init(
            key: PlanQuestion.devicesKey,
            "--profile stands for every device, so there are none to choose from; give one of "
              + "the two"))
      }
      return try CapacityPlanner(template, question: question, options: options)
    } catch let error as ScenarioError {
      printError("\(error)")
      throw ExitCode.badInput
    } catch PlanningError.badQuestion(let fault) {
      guard let option = fault.key.flatMap(arguments.option) else {
        throw scenario.refusal(fault.key.map { "\($0): \(fault.reason)" } ?? fault.reason)
      }
      throw failure("\(option): \(fault.reason)", .validationFailure)
    } catch let error as PlanningError {
      throw scenario.refusal(error)
    }
  }

  /// What is asked. What is wrong with the file by itself is said at its place; the rest is what
  /// options say.
  private func question(_ template: ScenarioTemplate) throws -> PlanQuestion {
    let own = try template.scenario().plan
    var arguments = arguments
    arguments.takePrices(of: own?.devices ?? [])
    guard !arguments.settings.isEmpty else { return own ?? .empty }
    do throws(ScenarioError) {
      return try template.scenario(arguments.settings).plan ?? .empty
    } catch {
      guard let fault = error.diagnostics.first else { throw error }
      throw PlanningError.badQuestion(.init(key: fault.keyPath, fault.message))
    }
  }
}
