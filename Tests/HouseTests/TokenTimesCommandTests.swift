import Foundation
import Testing

/// `kvsim run --token-times` on the command line.
@Suite("kvsim run --token-times")
struct TokenTimesCommandTests {
  private let folder: ScratchFolder
  private let scenario = Repository.root.appendingPathComponent("Scenarios/two-classes.yaml").path

  init() throws {
    folder = try ScratchFolder()
  }

  private func kvsim(_ arguments: String...) throws -> CommandLineRun {
    try CommandLineRun(arguments, in: folder.url)
  }

  /// The only row of a query, without its header.
  private func row(_ sql: String) throws -> String {
    let run = try kvsim("query", "trace.db", "--format", "csv", "--sql", sql)
    #expect(run.status == 0, "\(run.errors)")
    return String(run.output.split(separator: "\n").last ?? "")
  }

  @Test(
    "Every token has a time, from the first to the last of its request, and nothing else changes")
  func run() throws {
    let kept = try kvsim(
      "run", scenario, "--trace", "trace.db", "--token-times", "--format", "json")
    let plain = try kvsim("run", scenario, "--trace", "plain.db", "--format", "json")
    #expect(kept.status == 0, "\(kept.errors)")
    #expect(kept.output == plain.output)
    let sums = try row(
      """
      SELECT count(*) > 0, count(*) = (SELECT sum(output_tokens) FROM request),
        sum(token = 0 AND time_ns <> first_token_ns),
        sum(token = output_tokens - 1 AND time_ns <> finish_ns),
        sum(time_ns > finish_ns OR time_ns < first_token_ns)
      FROM request_token_times JOIN request ON request.seq = request_seq
      """)
    #expect(sums == "1,1,0,0,0")
    // The figures of a run know the gaps to 0.1 %.
    let asked = try kvsim("query", "trace.db", "itl", "--format", "csv")
    #expect(asked.output.split(separator: "\n").count == 1 + 3 * 2, "\(asked.output)")
    let result = try kvsim("export", "trace.db", "--to", "vllm-bench", "--run", "1")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let known = try kvsim("export", "plain.db", "--to", "vllm-bench", "--run", "1")
    let figures = try #require(
      try JSONSerialization.jsonObject(with: Data(known.output.utf8)) as? [String: Any])
    for field in ["mean_itl_ms", "p50_itl_ms", "p99_itl_ms"] {
      let (exact, figure) = (object[field] as? Double ?? 0, figures[field] as? Double ?? 0)
      #expect(abs(exact / figure - 1) < 2e-3, "\(field): \(exact), \(figure)")
    }
    let gaps = try #require(object["itls"] as? [[Double]])
    #expect(gaps.count == object["num_prompts"] as? Int && figures["itls"] == nil)
  }

  @Test("Times without a trace are refused")
  func refusal() throws {
    let run = try kvsim("run", scenario, "--no-trace", "--token-times")
    #expect(run.status == 64 && run.errors.contains("--token-times"), "\(run.errors)")
  }
}
