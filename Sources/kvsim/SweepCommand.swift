import ArgumentParser
import Foundation
import KernelStudies
import Planning
import Report
import Scenario
import Synchronization
import Trace

/// `kvsim sweep`.
struct SweepCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Run a scenario at every point of a grid, and keep all figures in one database.",
    discussion: """
      Each --vary names a key and its values: `engine.max_num_seqs=8,16,32`, \
      `workload.arrivals.concurrency=1..256:x2`, `kv_cache.format=fp16,int4`. The last one varies \
      fastest. Points run on all cores; each is kept when it has ended, and the same command goes \
      on after an interruption. The figures are the same in any order and on any machine. Exits \
      with 65 where the scenario or the grid is wrong, 75 where another process writes the \
      database, 1 where a point fails: the rest goes on.
      """)

  @OptionGroup var options: ScenarioOptions

  @Option(
    help: ArgumentHelp("A key and its values; repeatable.", valueName: "path=values"))
  var vary: [String] = []

  @Option(
    help: ArgumentHelp(
      "A YAML file with more of them: `vary: {engine.max_num_seqs: [8, 16]}`.",
      valueName: "file"))
  var planFile: String?

  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp(
      "The database to write or to go on with; by default NAME-sweep.db in the working directory.",
      valueName: "file"))
  var output: String?

  @Flag(help: "Begin anew, whatever stands there.")
  var force = false

  @Flag(help: "Run points that failed before once more.")
  var retryFailed = false

  @Option(
    help: ArgumentHelp(
      "Run one share of the points, such as 3/64; `kvsim merge` puts shares together.",
      valueName: "share/of"),
    transform: SweepCommand.shard)
  var shard: SweepShard = .whole

  @Option(
    help: ArgumentHelp("Points to run at a time; by default as many as there are cores."))
  var threads: Int?

  @Flag(help: "List the points instead of running them.")
  var dryRun = false

  @Option(help: "How to print the figures: table, csv, json or markdown.")
  var format = QueryResult.Form.table

  @Option(
    help: "Whether charts follow the table: auto, which is on a terminal alone, always or never.")
  var charts = ChartChoice.auto

  func validate() throws {
    guard format == .table || charts != .always else {
      throw ValidationError("--charts always goes with --format table.")
    }
    guard !vary.isEmpty || planFile != nil else {
      throw ValidationError("Say what varies, with --vary or --plan-file.")
    }
    guard threads ?? 1 >= 1 else { throw ValidationError("--threads is 1 or more.") }
    guard !force || !retryFailed else {
      throw ValidationError("--force runs all points; --retry-failed those alone that failed.")
    }
  }

  func run() throws {
    let plan = try plan()
    if dryRun { return try list(plan) }
    let path = output ?? "\(plan.sweep.scenario.name)-sweep.db"
    let progress: SweepRun.Progress
    let wasComplete: Bool
    do throws(TraceError) {
      let store = try SweepStore(
        path: path, sweep: plan.sweep, overwrite: force, retriesFailed: retryFailed)
      wasComplete = store.wasComplete
      let interruption = Interruption(
        message: "kvsim: interrupted; the points that were run stand in \(path).partial, and the "
          + "same command goes on")
      defer { withExtendedLifetime(interruption) {} }
      let bar = Mutex(ProgressBar())
      defer { bar.withLock { $0.clear() } }
      progress = try SweepRun(plan).run(
        into: store, threads: threads ?? ProcessInfo.processInfo.activeProcessorCount,
        startedUTC: { Date.now.formatted(.iso8601) }
      ) { progress in
        let failed = progress.failed > 0 ? ", \(progress.failed) failed" : ""
        bar.withLock {
          $0.show(
            Double(progress.done) / Double(max(1, progress.total)),
            "\(progress.done) of \(Counted.of(progress.total, "point"))\(failed)")
        }
      }
    } catch {
      switch error {
      case .anotherSweep, .fileExists, .damaged, .wrongVersion:
        throw failure(error, .badInput)
      case .busy: throw failure(error, .busy)
      default: throw failure(error, .runFailed)
      }
    }
    if wasComplete { printError("\(path): note: all points were there already") }
    try printFigures(of: path)
    printError("sweep: \(path)")
    if progress.failed > 0 {
      let points = Counted.of(progress.total, "point")
      throw failure("\(progress.failed) of \(points) failed", .runFailed)
    }
  }

  /// Prints what the points of a database came to.
  private func printFigures(of path: String) throws {
    do {
      let reader = try SweepReader(path: path)
      try reader.trace.query(reader.resultsQuery).print(as: format)
      if format == .table, charts.draws {
        try printResult(SweepCharts(try reader.overview()).rendered(in: .standardOutput()))
      }
    } catch let error as TraceError {
      throw failure(error, .runFailed)
    }
  }

  private func plan() throws -> SweepPlan {
    let template = try readingInput { () throws(ScenarioError) in
      try ScenarioTemplate(
        path: options.scenario, profileOverride: options.profile, seedOverride: options.seed)
    }
    do {
      var axes: [SweepAxisDescription] = []
      if let planFile {
        axes += try SweepFile.read(path: planFile).map { try SweepAxisDescription($0) }
      }
      for text in vary { axes.append(try SweepAxisDescription(text, of: template)) }
      return try SweepPlan(template, axes: axes, shard: shard, version: KVSim.version)
    } catch let error as SweepError {
      throw failure(error, .badInput)
    } catch let error as ScenarioError {
      printError("\(error)")
      throw ExitCode.badInput
    }
  }

  private func list(_ plan: SweepPlan) throws {
    var result = QueryResult(columns: ["point"] + plan.sweep.axes.map(\.path), as: format)
    var text = result.beginning
    for point in plan.points {
      let values = plan.settings(ofPoint: point).map { QueryValue.text($0.value) }
      text += result.add([.integer(Int64(point))] + values)
    }
    try printResult(text + result.end())
    printError(
      plan.points.count == plan.sweep.points
        ? Counted.of(plan.points.count, "point")
        : "\(plan.points.count) of \(Counted.of(plan.sweep.points, "point"))")
  }

  /// A share as people write it: `3/64` is the third of 64.
  private static func shard(_ text: String) throws -> SweepShard {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let number = parts[0], let count = parts[1],
      let shard = SweepShard(number: number, of: count)
    else {
      throw ValidationError("accepted: K/N, the K-th of N shares, such as 3/64; K is from 1 to N.")
    }
    return shard
  }
}
