import ArgumentParser
import Foundation
import Planning
import Report
import Trace

/// `kvsim run`.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a scenario in each of its KV formats and compare them.",
    discussion: """
      Prints the comparison on standard output, with charts below it on a terminal, and writes \
      every request and step into one SQLite file (see docs/traces.md). Exits with 65 where the \
      scenario is wrong, 1 where the run fails; neither leaves a trace behind.
      """)

  @OptionGroup var options: ScenarioOptions

  @Option(
    help: ArgumentHelp(
      "The SQLite file to write; by default NAME.db, NAME-2.db, … in the working directory.",
      valueName: "file"))
  var trace: String?

  @Flag(
    help: "Keep no requests and steps, only the comparison: faster, and memory stays the same.")
  var noTrace = false

  @Flag(help: "Overwrite the trace if it exists.")
  var force = false

  @Option(help: "How to print the comparison: table or json.")
  var format = OutputFormat.table

  @Option(
    help: "Whether charts follow the table: auto, which is on a terminal alone, always or never.")
  var charts = ChartChoice.auto

  @Flag(help: "Walk every decode step instead of jumping over runs of them; same timings.")
  var exactSteps = false

  @Flag(
    help: ArgumentHelp(
      "Check after every event that no token, block or request is lost or there twice; slow."))
  var checkInvariants = false

  @Flag(
    help: ArgumentHelp(
      "Write when each token was ready, too: a row for each, so that the trace grows with them."))
  var tokenTimes = false

  func validate() throws {
    guard !noTrace || trace == nil && !force && !tokenTimes else {
      throw ValidationError("--no-trace goes with neither --trace nor --force nor --token-times.")
    }
    guard format == .table || charts != .always else {
      throw ValidationError("--charts always goes with --format table.")
    }
  }

  func run() throws {
    let scenario = try options.load()
    let path = noTrace ? nil : trace ?? RunCommand.freePath(scenario.name)
    let comparison: FormatComparison
    do throws(PlanningError) {
      let plan = try ComparisonPlan(scenario)
      let writer = try path.map { path throws(PlanningError) in
        try RunCommand.writer(path, overwrites: force)
      }
      let interruption = path.map {
        Interruption(
          message: "kvsim: interrupted; what was simulated stands in \($0).partial, which "
            + "`kvsim query` reads")
      }
      defer { withExtendedLifetime(interruption) {} }
      var bar = ProgressBar()
      defer { bar.clear() }
      let report: (ComparisonPlan.Progress) -> Void = {
        bar.show(Double($0.done) / Double($0.total), $0.format.name)
      }
      if let writer {
        comparison = try plan.run(
          writingTo: writer, options: playOptions, version: KVSim.version,
          startedUTC: RunCommand.now(), report: report)
      } else {
        comparison = try plan.runWithoutTrace(options: playOptions, report: report)
      }
    } catch {
      if case .trace = error { throw failure(error, .runFailed) }
      throw options.refusal(error)
    }
    switch format {
    case .table:
      let charts = drawsCharts ? ComparisonCharts(comparison).rendered(in: .standardOutput()) : ""
      try printResult(ComparisonTable(comparison).rendered() + charts)
    case .json: try printResult(try ComparisonJSON(comparison).rendered())
    }
    if let path { printError("trace: \(path)") }
  }

  private var playOptions: PlayOptions {
    PlayOptions(
      usesExactSteps: exactSteps, checksInvariants: checkInvariants, keepsTokenTimes: tokenTimes,
      keepsTimelines: drawsCharts)
  }

  private var drawsCharts: Bool {
    format == .table && charts.draws
  }

  private static func writer(
    _ path: String, overwrites: Bool
  ) throws(PlanningError) -> TraceWriter {
    do throws(TraceError) {
      return try TraceWriter(path: path, overwrite: overwrites)
    } catch {
      throw .trace(error)
    }
  }

  /// A name in the working directory that nothing has yet: a second run loses nothing of the first.
  private static func freePath(_ name: String) -> String {
    let isTaken = FileManager.default.fileExists(atPath:)
    var path = "\(name).db"
    var number = 2
    while isTaken(path) {
      path = "\(name)-\(number).db"
      number += 1
    }
    return path
  }

  private static func now() -> String {
    Date.now.formatted(.iso8601)
  }
}
