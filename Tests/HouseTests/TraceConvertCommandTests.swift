import Foundation
import Testing

@Suite("kvsim trace convert")
struct TraceConvertCommandTests {
  private let folder: ScratchFolder
  private let scenarios = Repository.root.appendingPathComponent("Scenarios").path

  init() throws {
    folder = try ScratchFolder()
  }

  private func kvsim(_ arguments: String...) throws -> CommandLineRun {
    try CommandLineRun(arguments, in: folder.url)
  }

  /// What 300 requests of a trace come to, in the scenario of Azure's with `options` beside it.
  private func run(_ trace: String, options: String = "") throws -> String {
    let text = try String(contentsOfFile: scenarios + "/azure-conversation.yaml", encoding: .utf8)
      .replacing("model: models/", with: "model: \(scenarios)/models/")
      .replacing("profile: devices/", with: "profile: \(scenarios)/devices/")
      .replacing("workload:\n", with: "workload:\n  requests: 300\n")
      .replacing("trace: traces/azure-conversation.csv", with: "trace: \(trace)\(options)")
    let scenario = try folder.write("scenario.yaml", text).path
    let run = try kvsim("run", scenario, "--format", "json", "--trace", "run.db", "--force")
    #expect(run.status == 0, "\(run.errors)")
    return run.output
  }

  @Test("A trace that was exported gives the very latencies of the original, request by request")
  func replay() throws {
    let original = scenarios + "/traces/azure-conversation.csv"
    let converted = try kvsim("trace", "convert", original, "-o", "azure.jsonl")
    #expect(converted.status == 0 && converted.output.isEmpty)
    #expect(converted.errors == "request trace: azure.jsonl\n")
    let (first, second) = (try run(original), try run("azure.jsonl"))
    #expect(first.contains("\"row_digest\"") && first == second)
    let jitter = "\n    start: 10 s\n    jitter: 3 s"
    let moved = try run("azure.jsonl", options: jitter)
    #expect(moved == (try run(original, options: jitter)) && moved != first)
  }

  @Test("A trace with blocks keeps them: Mooncake's own comes out as it went in")
  func blocks() throws {
    let original = scenarios + "/traces/mooncake-conversation.jsonl"
    #expect(try kvsim("trace", "convert", original, "-o", "copy.jsonl").status == 0)
    // Its hashes are numbered in the order of their appearance already.
    let copy = try Repository.text(folder.url.appendingPathComponent("copy.jsonl"))
    #expect(try copy == String(contentsOfFile: original, encoding: .utf8))
  }

  @Test("Requests that failed are counted; an existing file is kept; bad input exits with 65")
  func messages() throws {
    try folder.write(
      "burst.csv",
      "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        + "5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,10,0,10,Conversation log\n")
    let first = try kvsim("trace", "convert", "burst.csv", "-o", "out.jsonl")
    #expect(
      first.errors == "burst.csv: note: rows of failed requests, left out: 1\n"
        + "request trace: out.jsonl\n")
    let written = try Repository.text(folder.url.appendingPathComponent("out.jsonl"))
    #expect(written == "{\"timestamp\": 0, \"input_length\": 472, \"output_length\": 18}\n")
    let second = try kvsim("trace", "convert", "burst.csv", "-o", "out.jsonl")
    #expect(second.status == 1 && second.errors.contains("pass --force"))
    try folder.write("bad.csv", "a,b\n1,2\n")
    let bad = try kvsim("trace", "convert", "bad.csv", "-o", "bad.jsonl")
    #expect(bad.status == 65 && bad.errors.contains("bad.csv:1:1: error: the first line is `a,b`"))
    #expect(folder.contents == ["bad.csv", "burst.csv", "out.jsonl"])
  }
}
