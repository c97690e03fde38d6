import Foundation
import Testing

@Suite("Several samples of a prompt on the command line")
struct SamplesCommandTests {
  @Test("What is held at once are sequences: there are more of them than requests")
  func held() throws {
    let scenarios = Repository.root.appendingPathComponent("Scenarios").path
    let text = try String(
      contentsOfFile: scenarios + "/parallel-sampling.yaml", encoding: .utf8
    )
    .replacing("model: models/", with: "model: \(scenarios)/models/")
    .replacing("profile: devices/", with: "profile: \(scenarios)/devices/")
    .replacing("requests: 96", with: "requests: 12")
    let folder = try ScratchFolder()
    let path = try folder.write("sampled.yaml", text).path
    let run = try CommandLineRun(
      ["run", path, "--no-trace", "--charts", "always"], in: folder.url)
    #expect(run.status == 0, "\(run.errors)")
    let lines = run.output.split(separator: "\n")
    let row = try #require(lines.first { $0.hasPrefix("most sequences held at once") })
    #expect(row.split(separator: " ").suffix(2) == ["96", "96"])
    #expect(lines.count { $0.hasPrefix("most sequences held at once") } == 2)
    #expect(!run.output.contains("requests held at once"))
  }
}
