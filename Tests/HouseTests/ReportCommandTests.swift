import Foundation
import Testing

/// `kvsim report` on the command line.
@Suite("kvsim report")
struct ReportCommandTests {
  private let folder: ScratchFolder
  private let scenario = Repository.root.appendingPathComponent("Scenarios/two-classes.yaml").path

  init() throws {
    folder = try ScratchFolder()
  }

  private func kvsim(_ arguments: String...) throws -> CommandLineRun {
    try CommandLineRun(arguments, in: folder.url)
  }

  @Test("The page stands beside its trace, is the same each time, and replaces nothing unasked")
  func files() throws {
    #expect(try kvsim("run", scenario, "--trace", "trace.db").status == 0)
    let first = try kvsim("report", "trace.db")
    #expect(first.status == 0 && first.errors == "report: trace.html\n" && first.output.isEmpty)
    #expect(folder.contents == ["trace.db", "trace.html"])
    #expect(try kvsim("report", "trace.db", "-o", "other.html").status == 0)
    let pages = try ["trace.html", "other.html"].map {
      try Repository.text(folder.url.appendingPathComponent($0))
    }
    #expect(pages[0] == pages[1])
    try folder.write("mine.html", "mine")
    let refused = try kvsim("report", "trace.db", "-o", "mine.html")
    #expect(refused.status == 1 && refused.errors.contains("--force"))
    #expect(try Repository.text(folder.url.appendingPathComponent("mine.html")) == "mine")
    #expect(try kvsim("report", "trace.db", "-o", "mine.html", "--force").status == 0)
    #expect(try Repository.text(folder.url.appendingPathComponent("mine.html")) == pages[0])
    let window = try kvsim("report", "trace.db", "-o", "mine.html", "--force", "--window", "1..2.5")
    #expect(window.status == 0)
    let windowed = try Repository.text(folder.url.appendingPathComponent("mine.html"))
    #expect(windowed.contains("from 1.00 s to 2.50 s of each run") && windowed != pages[0])
    let nowhere = try kvsim("report", "trace.db", "-o", "no/where.html")
    #expect(nowhere.status == 1 && nowhere.errors.contains("does not exist"))
  }

  @Test("What is no trace, no window or no other file is refused, and nothing is written")
  func refusals() throws {
    try folder.write("trace.db", "no trace")
    let foreign = try kvsim("report", "trace.db")
    #expect(foreign.status == 65 && foreign.errors.contains("is not a trace"))
    #expect(try kvsim("report", "none.db").status == 65)
    let itself = try kvsim("report", "trace.db", "-o", "./trace.db", "--force")
    #expect(itself.status == 64 && itself.errors.contains("cannot replace its trace"))
    for window in ["5", "5..5", "9..1", "-1..2", "a..b", "0..1e30", "0..nan", "1..2..3"] {
      #expect(try kvsim("report", "trace.db", "--window=\(window)").status == 64, "\(window)")
    }
    #expect(try kvsim("report", "trace.db", "--time-limit", "-1").status == 64)
    #expect(folder.contents == ["trace.db"])
  }
}
