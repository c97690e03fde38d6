import Foundation
import Testing

@Suite("Studies")
struct StudyTests {
  private static let scripts = Repository.files(in: "Scenarios/studies", endings: ["sh"])
  private static let sweeps = scripts.filter { $0.lastPathComponent != "hadamard-order.sh" }

  @Test("A study leaves a database and its report, and finds both there again", arguments: sweeps)
  func study(_ script: URL) throws {
    let folder = try ScratchFolder()
    let name = script.deletingPathExtension().lastPathComponent
    // One point of few requests, so that an unoptimised kvsim is done soon.
    let line = "KVSIM=\"$0\" sh \"$1\" . --shard 1/72 --vary workload.requests=8 --format csv"
    let run = try CommandLineRun(shell: line, scenario: script.path, in: folder.url)
    #expect(run.status == 0, "\(run.errors)")
    #expect(folder.contents == ["\(name).db", "\(name).html"])
    // A line of names, and a run of each format; what a study asks of its database comes behind.
    let lines = run.output.split(separator: "\n")
    #expect(lines.count >= 4 && lines[0].hasPrefix("point,"), "\(run.output)")
    #expect(
      zip(lines[1...3], ["fp16", "int4", "int4-rotated"]).allSatisfy { $0.contains(",\($1),") })
    let page = try Repository.text(folder.url.appendingPathComponent("\(name).html"))
    #expect(page.contains("<figure id=\"throughput\">") && page.hasSuffix("</html>\n"))
    let again = try CommandLineRun(shell: line, scenario: script.path, in: folder.url)
    #expect(again.status == 0 && again.output == run.output, "\(again.errors)")
    #expect(again.errors.contains("all points were there already"))
  }

  @Test("The study of the Hadamard order leaves what rotations keep and what they cost")
  func hadamardOrder() throws {
    let folder = try ScratchFolder()
    let script = try #require(StudyTests.scripts.first { !StudyTests.sweeps.contains($0) })
    let line =
      "KVSIM=\"$0\" sh \"$1\" . --tokens 48 --kv-heads 1 --head-dim 32 --query-tokens 4"
    let run = try CommandLineRun(shell: line, scenario: script.path, in: folder.url)
    #expect(run.status == 0, "\(run.errors)")
    #expect(folder.contents == ["hadamard-order.txt"])
    let text = try Repository.text(folder.url.appendingPathComponent("hadamard-order.txt"))
    #expect(text == run.output && text.contains("output error  decode µs"))
  }

  @Test("What studies ask of their databases comes in the order of the grid")
  func order() throws {
    var queries = 0
    for script in StudyTests.sweeps {
      // Points are numbered as they ended; the runs of a point by their formats.
      for query in try Repository.text(script).components(separatedBy: "--sql \"").dropFirst() {
        let order = query.prefix { $0 != "\"" }.components(separatedBy: "ORDER BY ").last ?? ""
        let name = script.lastPathComponent
        #expect(order.hasPrefix("point_id, run.id") || order.hasPrefix("min(point_id)"), "\(name)")
        queries += 1
      }
    }
    #expect(queries >= 4)
  }

  @Test("Without a kvsim, a study says how to get one")
  func noProgram() throws {
    let folder = try ScratchFolder()
    for script in StudyTests.scripts {
      let run = try CommandLineRun(
        shell: "KVSIM=./none sh \"$1\"", scenario: script.path, in: folder.url)
      #expect(run.status == 1 && run.errors.contains("there is no ./none; build it (make demo)"))
    }
    #expect(StudyTests.scripts.count >= 7 && folder.contents.isEmpty)
  }
}
