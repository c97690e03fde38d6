import ArgumentParser
import Foundation
import Report
import Trace

/// `kvsim report`.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write a trace or a sweep as one page of HTML: the answer, charts, all figures.",
    discussion: """
      The page needs no network, no script and no other file; docs/traces.md says what it shows. \
      The trace is opened as if a stranger had made it. Exits with 65 where the trace is wrong, \
      1 where the page cannot be written.
      """)

  @Argument(help: "The trace, as `kvsim run --trace` wrote it, or the database of `kvsim sweep`.")
  var trace: String

  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp(
      "The file to write; by default beside the trace, its ending replaced by .html.",
      valueName: "file"))
  var output: String?

  @Flag(help: "Overwrite the file if it exists.")
  var force = false

  @Option(
    help: ArgumentHelp(
      "Seconds of the runs that the timeline shows, such as 10..25; by default around the longest "
        + "queue.", valueName: "start..end"))
  var window: TimeWindow?

  @Option(
    help: ArgumentHelp(
      "Seconds after which the report is given up; 0 for as long as it takes.",
      valueName: "seconds"))
  var timeLimit = 600.0

  func validate() throws {
    guard timeLimit >= 0, timeLimit.isFinite else {
      throw ValidationError("--time-limit is a number of seconds, 0 or more.")
    }
    guard ReportCommand.place(path) != ReportCommand.place(trace) else {
      throw ValidationError("The report cannot replace its trace; name another file.")
    }
  }

  func run() throws {
    try OutputFile.check(path, overwrites: force)
    let page: String
    do {
      if let sweep = try SweepReader(ofAny: trace) {
        page = SweepPage(try sweep.overview()).rendered()
      } else {
        page = ReportPage(
          try TraceReader(path: trace).overview(
            window: window?.ns, timeLimit: timeLimit > 0 ? .seconds(timeLimit) : nil)
        ).rendered()
      }
    } catch {
      throw failure(error, .badInput)
    }
    try OutputFile.write(page.utf8, to: path)
    printError("report: \(path)")
  }

  private var path: String {
    output ?? URL(fileURLWithPath: trace).deletingPathExtension().relativePath + ".html"
  }

  /// A file by the one name that it has, links in its path followed.
  private static func place(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().path
  }
}
