import Foundation
import Testing

/// `kvsim query` on the trace of a shipped scenario.
@Suite("kvsim query")
struct QueryCommandTests {
  private let folder: ScratchFolder
  private let small = Repository.root.appendingPathComponent("Scenarios/two-cores.yaml").path
  private let scenario = Repository.root.appendingPathComponent("Scenarios/two-classes.yaml").path

  init() throws {
    folder = try ScratchFolder()
  }

  private func kvsim(_ arguments: String...) throws -> CommandLineRun {
    try CommandLineRun(arguments, in: folder.url)
  }

  private func rows(_ arguments: String...) throws -> [[String: Any]] {
    let run = try CommandLineRun(
      ["query", "trace.db", "--format", "json"] + arguments, in: folder.url)
    #expect(run.status == 0, "\(run.errors)")
    return try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [[String: Any]])
  }

  private func number(_ value: Any?) -> Double { (value as? NSNumber)?.doubleValue ?? .nan }

  @Test("The queries agree with the figures of the run that wrote the trace")
  func agreement() throws {
    #expect(try kvsim("run", scenario, "--trace", "trace.db").status == 0)
    var metrics: [String: [Double]] = [:]
    for row in try rows("metrics") {
      let name = try #require(row["figure"] as? String)
      metrics[name, default: []].append(number(row["value"]))
    }
    let latencies = try rows("latency")
    #expect(latencies.count == 3 * 2 * 4)
    for row in latencies where row["time"] as? String != "queueing" {
      let name = "\(row["class"]!).\(row["time"]!)"
      let place = try #require(row["run"] as? Int) - 1
      for share in ["p50", "p95", "p99"] {
        let expected = try #require(metrics["\(name)_\(share)_ns"])[place] / 1e6
        #expect(abs(number(row[share]) - expected) < 1e-9 * expected, "\(name) \(share)")
      }
    }
    for (row, place) in zip(try rows("throughput"), 0...) {
      let expected = try #require(metrics["output_tokens_per_s"])[place]
      #expect(abs(number(row["output_tokens_per_s"]) / expected - 1) < 1e-9)
    }
    let goodput = try rows("goodput").filter { $0["class"] as? String == "interactive" }
    #expect(goodput.count == 3)
    for (row, place) in zip(goodput, 0...) {
      let expected = try #require(metrics["interactive.good_share"])[place]
      #expect(abs(number(row["good_share"]) - expected) < 1e-12)
    }
    let steps = try rows("steps").filter { !($0["operator"] as! String).hasPrefix("(") }
    for run in 1...3 {
      let shares = steps.filter { $0["run"] as? Int == run }.map { number($0["share"]) }
      #expect(abs(shares.reduce(0, +) - 1) < 1e-9)
    }
  }

  @Test("A query ends with its time even within one call of a function, and a table at its length")
  func limits() throws {
    #expect(try kvsim("run", small, "--trace", "trace.db").status == 0)
    let start = Date()
    let long = try kvsim(
      "query", "trace.db", "--time-limit", "0.5", "--sql",
      "SELECT instr(printf('%.*c', 4000000, 'a'), printf('%.*c', 2000000, 'a') || 'b')")
    #expect(long.status == 65 && long.errors.contains("Raise --time-limit"), "\(long.errors)")
    #expect(Date().timeIntervalSince(start) < 30)
    let rows =
      "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 100001) SELECT i FROM n"
    let table = try kvsim("query", "trace.db", "--sql", rows)
    #expect(table.status == 65 && table.errors.contains("use --format csv"), "\(table.errors)")
    #expect(table.output.isEmpty)
    let all = try kvsim("query", "trace.db", "--sql", rows, "--format", "csv")
    #expect(all.status == 0 && all.output.hasSuffix("\n100001\n"))
  }

  @Test("Without a query all are listed; a wrong one, a wrong file and a wrong parameter are named")
  func refusals() throws {
    try folder.write("trace.db", "no trace")
    let wrongFile = try kvsim("query", "trace.db")
    #expect(wrongFile.status == 65 && wrongFile.errors.contains("is not a trace"))
    let coloured = try kvsim("query", "\u{1b}[31m.db")
    #expect(coloured.status == 65 && coloured.errors.hasPrefix("kvsim: error: \\u{1B}[31m.db"))
    let wrongQuery = try kvsim("query", "trace.db", "latencies")
    #expect(wrongQuery.status == 65 && wrongQuery.errors.contains("accepted: runs, metrics"))
    #expect(try kvsim("run", small, "--trace", "real.db").status == 0)
    let wrongPrice = try kvsim("query", "real.db", "cost", "--set", "price=abc")
    #expect(
      wrongPrice.status == 65 && wrongPrice.output.isEmpty
        && wrongPrice.errors
          == "kvsim: error: real.db: `price` is a number, 0 or more, and not `abc`.\n"
    )
    for (name, hint) in [("itl", "`kvsim run --token-times`"), ("sweep", "`kvsim sweep`")] {
      let empty = try kvsim("query", "real.db", name)
      #expect(empty.status == 0 && empty.output == "no rows\n" && empty.errors.contains(hint))
    }
    let nowhere = try kvsim("query", "no/real.db")
    #expect(nowhere.status == 65 && nowhere.errors.contains("no folder no. Check the name"))
    let shown = try kvsim("query", "trace.db", "slowest", "--show")
    #expect(shown.status == 0 && shown.output.hasPrefix("-- The slowest requests"))
    #expect(try kvsim("query", "trace.db", "slowest", "--sql", "SELECT 1").status == 64)
  }
}
