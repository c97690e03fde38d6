import Foundation
import Testing

@Suite("kvsim sweep and kvsim merge")
struct SweepCommandTests {
  private let folder: ScratchFolder
  private let scenario = Repository.root.appendingPathComponent("Scenarios/two-cores.yaml").path
  private let grid = [
    "--vary", "workload.requests=20", "--vary", "workload.arrivals.concurrency=1..4:x2",
    "--vary", "kv_cache.format=fp16,int4",
  ]

  init() throws {
    folder = try ScratchFolder()
  }

  private func kvsim(_ arguments: [String]) throws -> CommandLineRun {
    try CommandLineRun(arguments, in: folder.url)
  }

  private func sweep(_ more: String...) throws -> CommandLineRun {
    try kvsim(["sweep", scenario] + grid + more)
  }

  @Test("Every point stands in the table with what it sets, and the database answers queries")
  func figures() throws {
    let run = try sweep("--format", "csv")
    #expect(run.status == 0 && run.errors == "sweep: two-cores-sweep.db\n")
    let lines = run.output.split(separator: "\n")
    #expect(
      lines[0].hasPrefix(
        "point,workload.requests,workload.arrivals.concurrency,kv_cache.format,format,requests"))
    #expect(lines.count == 7 && lines[6].hasPrefix("5,20,4,int4,int4,"))
    #expect(folder.contents == ["two-cores-sweep.db"])
    let query = try kvsim(["query", "two-cores-sweep.db", "sweep", "--format", "csv"])
    #expect(query.status == 0 && query.output.split(separator: "\n").count == 7)
    // Once more, nothing is run, and the figures are the same.
    let again = try sweep("--format", "csv")
    #expect(again.output == run.output && again.errors.contains("all points were there already"))
  }

  @Test("What is made of records is refused of a sweep, which keeps none; its tables are exported")
  func exports() throws {
    #expect(try sweep("-o", "s.db").status == 0)
    for form in ["perfetto", "otlp", "prometheus", "vllm-bench", "mooncake"] {
      let run = try kvsim(["export", "s.db", "--to", form, "-o", "out"])
      #expect(run.status == 65 && run.errors.contains("keeps the figures of its runs"), "\(form)")
    }
    #expect(folder.contents == ["s.db"])
    let tables = try kvsim(["export", "s.db", "--to", "jsonl"])
    #expect(tables.status == 0 && tables.output.contains(#"{"table":"sweep_point""#))
    let empty = try kvsim(["query", "s.db", "latency"])
    #expect(empty.status == 0 && empty.output == "no rows\n")
    #expect(empty.errors.contains("ask `sweep` or `metrics`"))
  }

  @Test("Shares on several machines give, merged, what one sweep gives")
  func shares() throws {
    let whole = try sweep("--format", "csv", "-o", "whole.db", "--threads", "1")
    for share in 1...4 {
      #expect(try sweep("--shard", "\(share)/4", "-o", "\(share).db").status == 0)
    }
    let missing = try kvsim(["merge", "1.db", "2.db", "4.db", "-o", "merged.db"])
    #expect(missing.status == 65 && missing.errors.contains("look at 3"), "\(missing.errors)")
    let twice = try kvsim(["merge", "1.db", "2.db", "3.db", "4.db", "2.db", "-o", "merged.db"])
    #expect(twice.status == 65 && twice.errors.contains("is in 2.db and in 2.db"))
    #expect(try kvsim(["run", scenario, "--trace", "run.db"]).status == 0)
    let trace = try kvsim(["merge", "run.db", "1.db", "-o", "merged.db"])
    #expect(trace.status == 65 && !trace.errors.contains("--force"))
    #expect(trace.errors.contains("run.db does not belong to this sweep: it is a trace of"))
    #expect(!folder.contents.contains("merged.db"))
    let over = try kvsim(["merge", "1.db", "2.db", "3.db", "4.db", "-o", "./2.db", "--force"])
    #expect(over.status == 65 && over.errors.contains("2.db is one of the databases to merge"))
    let nowhere = try kvsim(["merge", "1.db", "2.db", "3.db", "4.db", "-o", "none/all.db"])
    #expect(nowhere.status == 1 && nowhere.errors.contains("no folder none"), "\(nowhere.errors)")
    #expect(try kvsim(["merge", "none/1.db", "2.db", "-o", "all.db"]).status == 65)
    let merge = try kvsim(["merge", "4.db", "2.db", "3.db", "1.db", "-o", "merged.db"])
    #expect(merge.status == 0 && merge.errors == "sweep: merged.db: 6 points\n")
    // Asked for the whole sweep, it is complete.
    let figures = try sweep("--format", "csv", "-o", "merged.db")
    #expect(figures.output == whole.output && figures.errors.contains("there already"))
    let digests = "SELECT point_id, format, row_digest FROM run ORDER BY point_id, format"
    #expect(
      try kvsim(["query", "merged.db", "--sql", digests]).output
        == kvsim(["query", "whole.db", "--sql", digests]).output)
  }

  @Test("A killed sweep goes on where it was")
  func killed() throws {
    let grid = ["--vary", "seed=1..400", "--vary", "workload.requests=60", "-o", "cut.db"]
    let process = Process()
    process.executableURL = CommandLineRun.program
    process.arguments = ["sweep", scenario, "--threads", "1"] + grid
    process.currentDirectoryURL = folder.url
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    let partial = folder.url.appendingPathComponent("cut.db.partial").path
    func points() throws -> Int {
      let sql = "SELECT count(*) AS points FROM sweep_point"
      let run = try kvsim(["query", "cut.db.partial", "--sql", sql, "--format", "csv"])
      return Int(run.output.split(separator: "\n").last ?? "") ?? -1
    }
    // Several points in: the file holds more than the profile and the tables.
    let limit = ContinuousClock.now + .seconds(60)
    var size = 0
    while size < 400_000, ContinuousClock.now < limit, process.isRunning {
      size = (try? FileManager.default.attributesOfItem(atPath: partial)[.size] as? Int) ?? 0
      usleep(20_000)
    }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    let before = try points()
    #expect(before > 0 && before < 400, "\(before)")
    let rest = try kvsim(["sweep", scenario, "--format", "csv"] + grid)
    #expect(rest.status == 0 && rest.output.split(separator: "\n").count == 1 + 3 * 400)
    let sql = "SELECT count(DISTINCT started_utc) > 0 AS is_there FROM run WHERE point_id = 0"
    #expect(try kvsim(["query", "cut.db", "--sql", sql]).status == 0)
    #expect(!folder.contents.contains("cut.db.partial"))
  }

  @Test("A point that fails is told with its reason, and ends in exit code 1")
  func failures() throws {
    let run = try kvsim([
      "sweep", scenario, "--vary", "workload.requests=10", "--vary", "engine.max_num_seqs=0,4",
      "--format", "json",
    ])
    #expect(run.status == 1 && run.errors.contains("1 of 2 points failed"))
    #expect(run.output.contains(#""reason": "engine.max_num_seqs: `0` is out of range"#))
  }

  @Test("What is to be varied may stand in a file, and --dry-run lists the points")
  func planFile() throws {
    try folder.write(
      "plan.yaml",
      """
      vary:
        engine.max_num_seqs: [8, 16]
        workload.prompt_tokens:
          - 64
          - {uniform: {min: 10, max: 20}}
        workload.arrivals.concurrency: 1..4:x2

      """)
    let run = try kvsim([
      "sweep", scenario, "--plan-file", "plan.yaml", "--vary", "seed=1,2", "--dry-run", "--format",
      "csv",
    ])
    let lines = run.output.split(separator: "\n")
    #expect(run.status == 0 && run.errors == "24 points\n" && lines.count == 25)
    #expect(lines[8] == "7,8,\"{uniform: {min: 10, max: 20}}\",1,2")
    #expect(folder.contents == ["plan.yaml"])
    let share = try kvsim([
      "sweep", scenario, "--plan-file", "plan.yaml", "--dry-run", "--shard", "2/5",
    ])
    #expect(share.errors == "3 of 12 points\n")
    let single = try kvsim(["sweep", scenario, "--vary", "seed=1", "--dry-run"])
    #expect(single.errors == "1 point\n")
  }

  @Test("What is wrong gets one error, and nothing is written")
  func refusals() throws {
    try folder.write("bad.yaml", "vary: {engine.max_num_seq: [1]}\n")
    try folder.write("broken.yaml", "kvsim: 1\n")
    try folder.write("junk.db", "not a database\n")
    for (arguments, status, mention) in [
      ([scenario, "--vary", "engine.max_num_seq=1"], 65, "did you mean `engine.max_num_seqs`?"),
      (
        [scenario, "--vary", "concurrency=1"], 65, "did you mean `workload.arrivals.concurrency`? ("
      ),
      ([scenario, "--vary", "plan.rate=1/s"], 65, "is part of what `kvsim plan` is asked"),
      ([scenario, "--vary", "seed=1", "-o", "junk.db"], 65, "another name, or pass --force"),
      ([scenario, "--vary", "seed=2..1"], 65, "is no range"), ([scenario], 64, "--vary"),
      ([scenario, "--vary", "seed=1", "--shard", "4/3"], 64, "'4/3' is invalid for '--shard"),
      ([scenario, "--vary", "seed=1", "--shard", "0/3"], 64, "K is from 1 to N"),
      ([scenario, "--vary", "seed=1", "--shard", "a/b"], 64, "accepted: K/N"),
      ([scenario, "--vary", "seed=1", "--threads", "0"], 64, "--threads"),
      ([scenario, "--vary", "seed=1", "--force", "--retry-failed"], 64, "--retry-failed"),
      ([scenario, "--plan-file", "bad.yaml"], 65, "bad.yaml:1:8: error: vary: no scenario has"),
      ([scenario, "--plan-file", "none.yaml"], 65, "none.yaml"),
      (["broken.yaml", "--vary", "seed=1"], 65, "broken.yaml:1:1: error: model: missing"),
      (["none.yaml", "--vary", "seed=1"], 65, "none.yaml"),
    ] {
      let run = try kvsim(["sweep"] + arguments)
      #expect(run.status == status && run.errors.contains(mention), "\(arguments): \(run.errors)")
      #expect(run.output.isEmpty)
    }
    #expect(Set(folder.contents) == ["bad.yaml", "broken.yaml", "junk.db"])
  }
}
