import ArgumentParser
import Scenario
import Simulator

/// `kvsim trace convert`.
struct TraceConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write a request trace as Mooncake's JSON Lines.",
    discussion: """
      Reads any request trace that a scenario can replay (see docs/scenarios.md). The result has \
      the same requests to the nanosecond, and is read by kvsim, vLLM, SGLang and AIPerf.
      """)

  @Argument(help: "The request trace.")
  var file: String

  @OptionGroup var output: OutputFile

  func run() throws {
    try output.check()
    let trace = try readingInput { () throws(ScenarioError) in
      try RequestTraceFile.read(path: file)
    }
    try output.write(MooncakeTraceWriter.bytes(of: trace))
    trace.reportFailedRows(of: file)
    output.announce("request trace")
  }
}

extension RequestTrace {
  /// Says on standard error how many rows of the file are no requests, if any.
  func reportFailedRows(of file: String) {
    guard failedRows > 0 else { return }
    printError("\(file): note: rows of failed requests, left out: \(failedRows)")
  }
}
