import Foundation
import Testing

/// Every shipped scenario has its expected result beside this file. After a change that is meant to
/// alter results, `KVSIM_RECORD=1 make test` writes them anew.
@Suite("Shipped scenarios")
struct ShippedScenarioTests {
  private static let scenarios = Repository.files(in: "Scenarios", endings: ["yaml"])
    .map(\.lastPathComponent)

  @Test("A shipped scenario gives its expected figures and row digests", arguments: scenarios)
  func expectedResult(name: String) throws {
    let folder = try ScratchFolder()
    let scenario = Repository.root.appendingPathComponent("Scenarios/\(name)").path
    let run = try CommandLineRun(
      ["run", scenario, "--format", "json", "--trace", "trace.db"], in: folder.url)
    #expect(run.status == 0, "\(run.errors)")
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Expected/\(name).json")
    if ProcessInfo.processInfo.environment["KVSIM_RECORD"] != nil {
      try Data(run.output.utf8).write(to: file)
    }
    #expect(try Repository.text(file) == run.output)
  }

  @Test("There is something to run")
  func scenariosExist() {
    for name in ["quickstart", "two-cores", "azure-conversation"] {
      #expect(ShippedScenarioTests.scenarios.contains("\(name).yaml"))
    }
  }
}
