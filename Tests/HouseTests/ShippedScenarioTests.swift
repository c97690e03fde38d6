import Foundation
import Testing

/// Every shipped scenario has its expected result beside this file. After a change that is meant to
/// alter results, `KVSIM_RECORD=1 make test` writes them anew.
@Suite("Shipped scenarios")
struct ShippedScenarioTests {
  private static let scenarios = Repository.files(in: "Scenarios", endings: ["yaml"])

  @Test("A shipped scenario gives its expected figures and row digests", arguments: scenarios)
  func expectedResult(scenario: URL) throws {
    let folder = try ScratchFolder()
    let name = scenario.lastPathComponent
    let run = try CommandLineRun(
      ["run", scenario.path, "--format", "json", "--trace", "trace.db"], in: folder.url)
    #expect(run.status == 0, "\(run.errors)")
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Expected/\(name).json")
    if ProcessInfo.processInfo.environment["KVSIM_RECORD"] != nil {
      try Data(run.output.utf8).write(to: file)
    }
    #expect(try Repository.text(file) == run.output)
    let report = try CommandLineRun(["report", "trace.db"], in: folder.url)
    #expect(report.status == 0, "\(report.errors)")
    let page = try Repository.text(folder.url.appendingPathComponent("trace.html"))
    // A chart of latencies, of load, over time and of steps, and every figure is a number.
    for id in ["ttft", "pareto", "waiting", "steps", "timeline-0"] {
      #expect(page.contains("<figure id=\"\(id)\">"), "\(id)")
    }
    #expect(!page.contains(">nan") && !page.contains(">inf") && page.hasSuffix("</html>\n"))
  }

  @Test("There is something to run")
  func scenariosExist() {
    for name in ["quickstart", "two-cores", "azure-conversation", "vllm-rtx4090"] {
      #expect(ShippedScenarioTests.scenarios.contains { $0.lastPathComponent == "\(name).yaml" })
    }
  }
}
