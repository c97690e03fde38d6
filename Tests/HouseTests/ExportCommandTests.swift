import Foundation
import Testing

/// `kvsim export` on the trace of a shipped scenario.
@Suite("kvsim export")
struct ExportCommandTests {
  private let folder: ScratchFolder
  private let scenario = Repository.root.appendingPathComponent("Scenarios/two-classes.yaml").path

  init() throws {
    folder = try ScratchFolder()
  }

  private func kvsim(_ arguments: String...) throws -> CommandLineRun {
    try CommandLineRun(arguments, in: folder.url)
  }

  private func number(_ value: Any?) -> Double { (value as? NSNumber)?.doubleValue ?? .nan }

  @Test("Results under vLLM's names are the figures of the run that wrote the trace")
  func agreement() throws {
    let printed = try kvsim("run", scenario, "--trace", "trace.db", "--format", "json")
    #expect(printed.status == 0)
    let query = try kvsim("query", "trace.db", "metrics", "--format", "json")
    var metrics: [String: Double] = [:]
    for row in try #require(
      try JSONSerialization.jsonObject(with: Data(query.output.utf8)) as? [[String: Any]])
    {
      guard row["format"] as? String == "int4" else { continue }
      metrics[try #require(row["figure"] as? String)] = number(row["value"])
    }
    let run = try kvsim("export", "trace.db", "--to", "vllm-bench", "--format", "int4")
    #expect(run.status == 0 && run.errors.isEmpty)
    let result = try #require(
      try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
    let equal: [(field: String, metric: String, scale: Double)] = [
      ("duration", "duration_ns", 1e9), ("completed", "finished_requests", 1),
      ("failed", "rejected_requests", 1), ("total_input_tokens", "prompt_tokens", 1),
      ("total_output_tokens", "output_tokens", 1), ("request_throughput", "requests_per_s", 1),
      ("output_throughput", "output_tokens_per_s", 1), ("request_goodput", "goodput", 1),
      ("mean_ttft_ms", "ttft_mean_ns", 1e6), ("mean_e2el_ms", "e2e_mean_ns", 1e6),
      ("mean_itl_ms", "itl_mean_ns", 1e6), ("p50_itl_ms", "itl_p50_ns", 1e6),
      ("p90_itl_ms", "itl_p90_ns", 1e6), ("p95_itl_ms", "itl_p95_ns", 1e6),
      ("p99_itl_ms", "itl_p99_ns", 1e6),
    ]
    for (field, metric, scale) in equal {
      let expected = try #require(metrics[metric]) / scale
      #expect(abs(number(result[field]) - expected) <= 1e-9 * expected, "\(field)")
    }
    // kvsim rounds TPOT down to the nanosecond, and takes the nearest rank for a percentile.
    let tpot = try #require(metrics["tpot_mean_ns"]) / 1e6
    #expect(abs(number(result["mean_tpot_ms"]) - tpot) < 1e-6)
    let ttft = try #require(metrics["ttft_p99_ns"]) / 1e6
    #expect(abs(number(result["p99_ttft_ms"]) / ttft - 1) < 0.05)
    #expect(result["model_id"] as? String == "Llama-3.1-8B")
    #expect(number(result["gpu_count"]) == 1)
    #expect(result["max_concurrency"] is NSNull)
    try expectPrinted(printed.output, format: 1, result)
  }

  /// Holds a format of what `kvsim run --format json` printed against the export of its trace.
  private func expectPrinted(
    _ json: String, format: Int, _ exported: [String: Any]
  ) throws {
    let printed = try #require(
      try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    let formats = try #require(printed["formats"] as? [[String: Any]])
    let result = try #require(formats[format]["vllm_bench_serve"] as? [String: Any])
    #expect(
      Set(result.keys) == Set(exported.keys).subtracting(["run", "kvsim_version"]),
      "the names of both are vLLM's and kvsim's own")
    // What a run does not know, and what would differ from run to run.
    let unknown = ["date", "max_concurrent_requests"]
    for name in unknown { #expect(result[name] is NSNull, "\(name)") }
    for (name, value) in result where !unknown.contains(name) {
      let expected = try #require(exported[name])
      switch (value, expected) {
      case (let value as NSNumber, let expected as NSNumber):
        // kvsim rounds TPOT down to the nanosecond.
        let rounding =
          name.hasSuffix("tpot_ms") ? 1.0001e-6 : 1e-9 * abs(expected.doubleValue)
        #expect(abs(value.doubleValue - expected.doubleValue) <= rounding, "\(name)")
      case (let value as String, let expected as String): #expect(value == expected, "\(name)")
      default: #expect(value is NSNull && expected is NSNull, "\(name)")
      }
    }
    #expect(number(result["std_itl_ms"]) > 0 && number(result["std_tpot_ms"]) > 0)
  }

  @Test("The printed result of a closed loop is that of its export, with and without a trace")
  func closedLoop() throws {
    let small = try folder.write("small.yaml", try smallScenario())
    let run = try kvsim("run", small.path, "--trace", "trace.db", "--format", "json")
    #expect(run.status == 0)
    let lines = try kvsim("export", "trace.db", "--to", "vllm-bench").output
      .split(separator: "\n")
    #expect(lines.count == 3)
    let alone = try kvsim("run", small.path, "--no-trace", "--format", "json")
    for (format, line) in lines.enumerated() {
      var exported = try #require(
        try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(exported["request_rate"] as? String == "inf")
      try expectPrinted(run.output, format: format, exported)
      exported["row_digest"] = NSNull()
      try expectPrinted(alone.output, format: format, exported)
    }
  }

  @Test("Every form is written to a file as to standard output, and its JSON is sound")
  func forms() throws {
    let small = try folder.write("small.yaml", try smallScenario())
    #expect(try kvsim("run", small.path, "--trace", "trace.db").status == 0)
    for form in ["perfetto", "jsonl", "otlp", "prometheus", "vllm-bench"] {
      let printed = try kvsim("export", "trace.db", "--to", form)
      #expect(printed.status == 0 && printed.errors.isEmpty, "\(form): \(printed.errors)")
      let written = try kvsim("export", "trace.db", "--to", form, "-o", "out")
      #expect(written.status == 0 && written.output.isEmpty)
      #expect(try Repository.text(folder.url.appendingPathComponent("out")) == printed.output)
      #expect(try kvsim("export", "trace.db", "--to", form, "-o", "out").status == 1)
      try FileManager.default.removeItem(at: folder.url.appendingPathComponent("out"))
      let texts =
        form == "perfetto"
        ? [printed.output[...]]
        : form == "prometheus" ? [] : printed.output.split(separator: "\n")
      for text in texts {
        _ = try JSONSerialization.jsonObject(with: Data(text.utf8))
      }
      #expect(!printed.output.isEmpty)
    }
    #expect(try kvsim("export", "trace.db", "--to", "csv", "-o", "tables").status == 0)
    let requests = try kvsim("export", "trace.db", "--to", "csv", "--table", "request")
    #expect(requests.output.split(separator: "\n").count == 1 + 3 * 20)
    #expect(
      try Repository.text(folder.url.appendingPathComponent("tables/request.csv"))
        == requests.output)
    let bench = try kvsim("export", "trace.db", "--to", "vllm-bench", "--run", "1").output
    #expect(bench.contains(#""request_rate": "inf", "burstiness": null, "max_concurrency": 32"#))
    let window = try kvsim("export", "trace.db", "--to", "perfetto", "--window", "0..0.5")
    #expect(window.status == 0 && window.output.count > 100)
  }

  @Test("Requests that were exported and are replayed have the very latencies that they had")
  func replay() throws {
    let text = try smallScenario()
    let given = try folder.write("small.yaml", text)
    #expect(try kvsim("run", given.path, "--trace", "first.db").status == 0)
    let latencies = """
      SELECT prompt_tokens, output_tokens, queue_ns, ttft_ns, tpot_ns, e2e_ns FROM request
      WHERE format = 'int4' ORDER BY id
      """
    let export = try kvsim("export", "first.db", "--to", "mooncake", "--format", "int4")
    #expect(export.status == 0 && export.output.split(separator: "\n").count == 20)
    try folder.write("requests.jsonl", export.output)
    let workload = try #require(text.range(of: "\nworkload:"))
    let again = try folder.write(
      "again.yaml",
      text[..<workload.lowerBound]
        + "\nworkload:\n  arrivals: {process: replay, trace: requests.jsonl}\n")
    let replayed = try kvsim("run", again.path, "--trace", "second.db")
    #expect(replayed.status == 0, "\(replayed.errors)")
    let (first, second) = (
      try kvsim("query", "first.db", "--sql", latencies, "--format", "csv").output,
      try kvsim("query", "second.db", "--sql", latencies, "--format", "csv").output
    )
    #expect(first == second && first.split(separator: "\n").count == 21)
  }

  @Test("What Mooncake's form cannot tell is refused: several runs, samples, prompts that share")
  func refusedRequests() throws {
    let small = try folder.write("small.yaml", try smallScenario())
    #expect(try kvsim("run", small.path, "--trace", "trace.db").status == 0)
    let several = try kvsim("export", "trace.db", "--to", "mooncake")
    #expect(several.status == 65 && several.errors.contains("room for one run"))
    for (option, mention) in [
      ("n: 2", "several samples"), ("system_prompt_tokens: 64", "prefix cache"),
    ] {
      let text = try smallScenario().replacing("\nworkload:\n", with: "\nworkload:\n  \(option)\n")
      let scenario = try folder.write("other.yaml", text)
      let run = try kvsim("run", scenario.path, "--trace", "other.db", "--force")
      #expect(run.status == 0, "\(run.errors)")
      let refused = try kvsim("export", "other.db", "--to", "mooncake", "--run", "1", "-o", "out")
      #expect(refused.status == 65 && refused.errors.contains(mention), "\(refused.errors)")
      #expect(!folder.contents.contains("out"))
    }
  }

  /// Twenty requests of the scenario of two cores, its files named by whole paths.
  private func smallScenario() throws -> String {
    let scenarios = Repository.root.appendingPathComponent("Scenarios").path
    return try String(contentsOfFile: scenarios + "/two-cores.yaml", encoding: .utf8)
      .replacingOccurrences(of: "model: models/", with: "model: \(scenarios)/models/")
      .replacingOccurrences(of: "profile: devices/", with: "profile: \(scenarios)/devices/")
      .replacingOccurrences(of: "requests: 400", with: "requests: 20")
  }

  @Test("Wrong files and wrong requests are one error each; wrong words of the line are exit 64")
  func refusals() throws {
    try folder.write("trace.db", "no trace")
    let wrongFile = try kvsim("export", "trace.db", "--to", "csv", "-o", "tables")
    #expect(wrongFile.status == 65 && wrongFile.errors.contains("is not a trace"))
    #expect(folder.contents == ["trace.db"])
    #expect(try kvsim("export", "none.db", "--to", "otlp").status == 65)
    for (arguments, mention) in [
      (["--to", "csv"], "folder"), (["--to", "parquet"], "parquet"),
      (["--to", "otlp", "--window", "0..1"], "--window"),
      (["--to", "perfetto", "--window", "2..1"], "window"),
      (["--to", "perfetto", "--window", "0..nan"], "window"),
      (["--to", "perfetto", "--table", "run"], "--table"),
      (["--to", "jsonl", "--force"], "--force"),
      (["--to", "jsonl", "--time-limit", "-1"], "--time-limit"), ([], "--to"),
    ] {
      let run = try CommandLineRun(["export", "trace.db"] + arguments, in: folder.url)
      #expect(run.status == 64 && run.errors.contains(mention), "\(arguments): \(run.errors)")
    }
  }
}
