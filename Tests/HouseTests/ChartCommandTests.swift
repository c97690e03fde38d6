import Foundation
import Testing

/// The charts below the table of `kvsim run`.
@Suite("Charts of kvsim run")
struct ChartCommandTests {
  private static let terminal = ["TERM": "xterm", "LC_ALL": "C.UTF-8", "NO_COLOR": ""]

  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
    let scenarios = Repository.root.appendingPathComponent("Scenarios").path
    var text = try String(contentsOfFile: scenarios + "/two-cores.yaml", encoding: .utf8)
    for (old, new) in [
      ("model: models/", "model: \(scenarios)/models/"),
      ("profile: devices/", "profile: \(scenarios)/devices/"),
      ("requests: 400", "requests: 40"),
    ] {
      #expect(text.contains(old), "\(old)")
      text = text.replacingOccurrences(of: old, with: new)
    }
    try folder.write("small.yaml", text)
  }

  /// What stands below the table, which itself is the same with and without charts.
  private func charts(
    _ arguments: [String] = [], environment: [String: String], below table: String
  ) throws -> String {
    let run = try CommandLineRun(
      ["run", "small.yaml", "--no-trace", "--charts", "always"] + arguments, in: folder.url,
      environment: environment)
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    #expect(run.output.hasPrefix(table))
    return String(run.output.dropFirst(table.count))
  }

  @Test("Charts come when they are asked for, as wide as COLUMNS says, in the locale's characters")
  func widths() throws {
    let table = try CommandLineRun(["run", "small.yaml", "--no-trace"], in: folder.url).output
    #expect(table.hasSuffix(" %\n"))
    for columns in [24, 40, 71, 72, 80, 100, 300] {
      for locale in ["C.UTF-8", "C"] {
        let text = try charts(
          environment: ["COLUMNS": "\(columns)", "LC_ALL": locale], below: table)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.map(\.count).max()! <= min(columns, 100), "\(columns)")
        #expect(!text.contains("\u{1B}"))
        #expect(lines.allSatisfy { !$0.hasSuffix(" ") })
        if locale == "C" {
          #expect(text.utf8.allSatisfy { $0 < 0x80 } && text.contains("###"))
        } else {
          #expect(text.contains("███"))
        }
        // Beside each other or one below the other: three rows a figure and their title.
        let blocks = text.components(separatedBy: "\n\n").map {
          $0.split(separator: "\n").count
        }
        #expect(blocks == (columns < 72 ? [4, 4, 13, 13, 13] : [4, 13, 13]))
        for part in ["output tokens/s", "TTFT, ", "TPOT, ", "over time, 0 to", "waiting"] {
          #expect(text.contains(String(part.prefix(columns - 1))), "\(part)")
        }
      }
    }
    #expect(try charts(environment: ["COLUMNS": "23"], below: table).isEmpty)
  }

  @Test("Figures are those of the table, with a trace and without")
  func figures() throws {
    let table = try CommandLineRun(["run", "small.yaml", "--no-trace"], in: folder.url).output
    let text = try charts(
      environment: ["COLUMNS": "40", "LC_ALL": "C.UTF-8"], below: table)
    /// The cells of a row of the table.
    func cells(_ name: String) throws -> [Substring] {
      let line = try #require(table.split(separator: "\n").first { $0.hasPrefix(name) })
      return line.dropFirst(name.count).split(separator: " ")
    }
    /// The figures behind the bars of a chart.
    func drawn(_ title: String) throws -> [Substring] {
      let block = try #require(
        text.components(separatedBy: "\n\n").first {
          $0.split(separator: "\n").first?.hasPrefix(title) == true
        })
      return block.split(separator: "\n").dropFirst().compactMap { $0.split(separator: " ").last }
    }
    #expect(try drawn("output tokens/s") == cells("output tokens/s"))
    #expect(
      try drawn("most requests held at once") == cells("most requests held at once"))
    let ttft = try drawn("TTFT, ")
    #expect(try Array(ttft.prefix(3)) == Array(cells("TTFT p50, ").dropFirst()))
    #expect(try Array(ttft.suffix(3)) == Array(cells("TTFT p99, ").dropFirst()))
    #expect(ttft.count == 12)
    let traced = try CommandLineRun(
      ["run", "small.yaml", "--charts", "always"], in: folder.url,
      environment: ["COLUMNS": "40", "LC_ALL": "C.UTF-8"])
    #expect(traced.output == table + text)
  }

  @Test("On a terminal charts come by themselves, as wide as it is and in colours")
  func onTerminal() throws {
    let run = try TerminalRun(
      ["run", "small.yaml", "--no-trace"], in: folder.url, columns: 50,
      environment: ChartCommandTests.terminal)
    #expect(run.status == 0)
    let piped = try CommandLineRun(
      ["run", "small.yaml", "--no-trace"], in: folder.url,
      environment: ChartCommandTests.terminal)
    #expect(run.output.hasPrefix(piped.output) && run.output != piped.output)
    let charts = run.output.dropFirst(piped.output.count)
    #expect(charts.contains("\u{1B}[36m█") && charts.contains("\u{1B}[39m"))
    let plain = String(charts).replacing(#/\u{1B}\[[0-9]+m/#, with: "")
    let asked = try CommandLineRun(
      ["run", "small.yaml", "--no-trace", "--charts", "always"], in: folder.url,
      environment: ChartCommandTests.terminal.merging(["COLUMNS": "50"]) { $1 })
    #expect(asked.output == piped.output + plain)
  }

  @Test(
    "A terminal gets no charts in JSON or where they are refused, and no colours it has not got")
  func quietTerminal() throws {
    for arguments in [["--format", "json"], ["--charts", "never"]] {
      let arguments = ["run", "small.yaml", "--no-trace"] + arguments
      let run = try TerminalRun(
        arguments, in: folder.url, columns: 80, environment: ChartCommandTests.terminal)
      #expect(run.output == (try CommandLineRun(arguments, in: folder.url).output))
    }
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
      let run = try TerminalRun(
        ["run", "small.yaml", "--no-trace"], in: folder.url, columns: 80,
        environment: ChartCommandTests.terminal.merging([name: value]) { $1 })
      #expect(run.output.contains("███") && !run.output.contains("\u{1B}"), "\(name)")
    }
  }

  @Test("The charts in the README are those of its command")
  func readme() throws {
    let readme = try Repository.text(Repository.root.appendingPathComponent("README.md"))
    let block = try #require(
      readme.components(separatedBy: "```\n").first { $0.hasPrefix("over time, 0 to ") })
    let run = try CommandLineRun(
      [
        "run", Repository.root.appendingPathComponent("Scenarios/quickstart.yaml").path,
        "--no-trace", "--charts", "always",
      ], in: folder.url, environment: ["COLUMNS": "80", "LC_ALL": "C.UTF-8"])
    #expect(run.output.hasSuffix("\n\n" + block))
  }

  @Test("Charts in JSON and charts of another kind are wrong words of the line")
  func refusals() throws {
    for arguments in [["--charts", "always", "--format", "json"], ["--charts", "sometimes"]] {
      let run = try CommandLineRun(["run", "small.yaml"] + arguments, in: folder.url)
      #expect(run.status == 64 && run.errors.contains("--charts"))
      #expect(folder.contents == ["small.yaml"])
    }
  }
}
