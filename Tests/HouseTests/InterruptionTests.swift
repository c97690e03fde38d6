import Foundation
import Testing

/// Runs that are ended from outside while they write a trace.
@Suite("Interrupted runs")
struct InterruptionTests {
  private let folder: ScratchFolder
  private let scenario = Repository.root
    .appendingPathComponent("Tests/Benchmarks/poisson-100k.yaml").path

  init() throws {
    folder = try ScratchFolder()
  }

  /// Starts the run, sends the signal once rows were committed, and waits for its end.
  private func interrupted(by signal: Int32) throws -> (process: Process, errors: String) {
    let process = Process()
    process.executableURL = CommandLineRun.program
    process.arguments = ["run", scenario, "--trace", "trace.db"]
    process.currentDirectoryURL = folder.url
    let errors = folder.url.appendingPathComponent("errors")
    _ = FileManager.default.createFile(atPath: errors.path, contents: nil)
    process.standardError = try FileHandle(forWritingTo: errors)
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let partial = folder.url.appendingPathComponent("trace.db.partial").path
    var committed = 0
    while committed < 16 << 20, process.isRunning {
      usleep(2_000)
      let attributes = try? FileManager.default.attributesOfItem(atPath: partial)
      committed = attributes?[.size] as? Int ?? 0
    }
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    return (process, try Repository.text(errors))
  }

  @Test(
    "They leave what was committed under another name, readable, and say so if they can",
    arguments: [SIGINT, SIGTERM, SIGKILL])
  func signals(signal: Int32) throws {
    let (process, errors) = try interrupted(by: signal)
    #expect(process.terminationReason == .uncaughtSignal)
    #expect(process.terminationStatus == signal)
    #expect(errors.contains("stands in trace.db.partial") == (signal != SIGKILL))
    #expect(!folder.contents.contains("trace.db"))
    let runs = try CommandLineRun(
      ["query", "trace.db.partial", "runs", "--format", "csv"], in: folder.url)
    #expect(runs.status == 0, "\(runs.errors)")
    #expect(runs.output.contains(",no,"))
    let sql = "SELECT count(*) > 1000 FROM request"
    let count = try CommandLineRun(
      ["query", "trace.db.partial", "--sql", sql, "--format", "csv"], in: folder.url)
    #expect(count.output.hasSuffix("\n1\n"))
  }
}
