import ArgumentParser
import Planning
import Trace

/// `kvsim export`.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a trace in the form of other tools.",
    discussion: """
      perfetto opens in ui.perfetto.dev; csv and jsonl are the tables as they are; otlp has the \
      requests as spans of OpenTelemetry; prometheus is a snapshot under vLLM's metric names; \
      vllm-bench has the fields of `vllm bench serve --save-result`; mooncake has the requests of \
      one run to be replayed. docs/traces.md says what stands in each. The trace is opened as if a \
      stranger had made it. Exits with 65 where the trace is wrong or has not got what is asked \
      for, 1 where the export cannot be written.
      """)

  @Argument(help: "The trace, as `kvsim run --trace` wrote it.")
  var trace: String

  @Option(
    name: .customLong("to"),
    help: "The form: perfetto, csv, jsonl, otlp, prometheus, vllm-bench or mooncake.")
  var form: ExportForm

  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp(
      "The file to write, whole or not at all; of csv the folder of its tables. By default the "
        + "export goes to standard output.", valueName: "path"))
  var output: String?

  @Flag(help: "Overwrite files that exist.")
  var force = false

  @Option(
    name: .customLong("run"),
    help: ArgumentHelp(
      "The number of the only run to take; by default all are.", valueName: "number"))
  var onlyRun: Int64?

  @Option(help: "The KV format of the runs to take; by default all are.")
  var format: String?

  @Option(help: "The only table to take, of csv and jsonl.")
  var table: String?

  @Option(
    help: ArgumentHelp(
      "The time to show, of perfetto, in seconds since the start of the run.",
      valueName: "start..end"))
  var window: TimeWindow?

  @Option(
    help: ArgumentHelp(
      "Seconds after which the export is given up; 0 for as long as it takes.",
      valueName: "seconds"))
  var timeLimit = 600.0

  func validate() throws {
    guard timeLimit >= 0, timeLimit.isFinite else {
      throw ValidationError("--time-limit is a number of seconds, 0 or more.")
    }
    guard window == nil || form == .perfetto else {
      throw ValidationError("--window goes with --to perfetto alone.")
    }
    guard table == nil || form == .csv || form == .jsonl else {
      throw ValidationError("--table goes with --to csv and --to jsonl alone.")
    }
    guard form != .csv || table != nil || output != nil else {
      throw ValidationError(
        "--to csv writes a file for each table: name a folder with --output, or one table with "
          + "--table.")
    }
    guard !force || output != nil else {
      throw ValidationError("--force goes with --output.")
    }
  }

  func run() throws {
    let reader: TraceReader
    do throws(TraceError) {
      reader = try TraceReader(path: trace)
    } catch {
      throw failure(error, .badInput)
    }
    do throws(TraceError) {
      try TraceExport(of: reader, options: options, describe: StatedTraffic.init).write(as: form)
    } catch {
      switch error {
      case .exportRefused, .damaged, .queryTimeLimit, .sqlite: throw failure(error, .badInput)
      default: throw failure(error, .runFailed)
      }
    }
  }

  private var options: ExportOptions {
    let target: ExportOptions.Target =
      switch output {
      case nil: .standardOutput
      case let path?: form == .csv && table == nil ? .folder(path) : .file(path)
      }
    var options = ExportOptions(to: target, overwrites: force)
    options.run = onlyRun
    options.format = format
    options.table = table
    options.window = window?.ns
    options.timeLimit = timeLimit > 0 ? .seconds(timeLimit) : nil
    return options
  }
}

extension ExportForm: ExpressibleByArgument {}
