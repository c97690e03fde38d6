import Foundation
import Testing

@Suite("kvsim validate")
struct ValidateCommandTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
    try folder.write(
      "table.csv",
      """
      input_tokens,output_tokens,kv_format,concurrency,requests,output_tokens_per_s,\
      mean_output_tps_per_request,mean_ttft_ms,e2e_mean_s
      64,8,bf16,2,4,40,20,400,0.75
      64,8,int4,2,4,40,20,400,0.75
      64,8,int4,3,6,60,20,400,0.75

      """)
  }

  @Test("docs/validation.md shows the published runs beside those with the bundled kernels")
  func publishedRuns() throws {
    // What is printed names files as they were given, from the project's folder.
    try FileManager.default.createSymbolicLink(
      at: folder.url.appendingPathComponent("Scenarios"),
      withDestinationURL: Repository.root.appendingPathComponent("Scenarios"))
    let derived = try CommandLineRun(
      [
        "profile", "derive", "Scenarios/devices/nvidia-h200.json", "--source", "nvidia-h200-sxm",
        "--device", "nvidia-h100-sxm", "-o", "h100.json",
      ], in: folder.url)
    #expect(derived.status == 0, "\(derived.errors)")
    let run = try kvsim("Scenarios/saw-int4", "--beside", "h100.json")
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    let page = try String(
      contentsOf: Repository.root.appendingPathComponent("docs/validation.md"), encoding: .utf8)
    #expect(page.contains(run.output.trimmingCharacters(in: .newlines)))
  }

  private func kvsim(_ arguments: String...) throws -> CommandLineRun {
    try CommandLineRun(["validate"] + arguments, in: folder.url)
  }

  private func shipped(_ path: String) -> String {
    Repository.root.appendingPathComponent("Scenarios/\(path)").path
  }

  private var cores: String { shipped("devices/amd-epyc-zen5-2c.json") }

  /// A scenario of so many clients, and twice as many requests, that names the table.
  private func write(_ name: String, clients: Int) throws {
    try folder.write(
      name,
      """
      kvsim: 1
      model: \(shipped("models/Qwen3-0.6B/config.json"))
      device: {profile: \(cores)}
      engine: {max_num_seqs: 4, max_num_batched_tokens: 64, kv_cache_memory_bytes: 64 MiB}
      workload:
        requests: \(2 * clients)
        arrivals: {process: closed-loop, concurrency: \(clients)}
        prompt_tokens: 64
        output_tokens: 8
      reference: {published: table.csv, run_overhead: 500 ms}
      """)
  }

  @Test("It plays every scenario of a folder, and refuses one without a reference")
  func recordedRuns() throws {
    let run = try kvsim(shipped("validation"))
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    for word in ["vllm-rtx4090", "TTFT mean", "TPOT p99", "latency p95", "waiting requests"] {
      #expect(run.output.contains(word), "\(word)")
    }
    // docs/validation.md shows what it prints.
    let page = try String(
      contentsOf: Repository.root.appendingPathComponent("docs/validation.md"), encoding: .utf8)
    #expect(page.contains(run.output.trimmingCharacters(in: .newlines)))
    let plain = try kvsim(shipped("quickstart.yaml"))
    #expect(plain.status == 65 && plain.errors.contains("names no run of a real engine"))
    let empty = try kvsim(folder.url.path)
    #expect(empty.status == 65 && empty.errors.contains("has no scenario"))
  }

  @Test("Published results have a table a scenario, and one of the mean errors over all rows")
  func publishedResults() throws {
    try write("two.yaml", clients: 2)
    try write("three.yaml", clients: 3)
    let run = try kvsim(".")
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    let lines = run.output.split(separator: "\n").map(String.init)
    #expect(lines.allSatisfy { $0.count <= 100 })
    #expect(lines[0] == "three: 6 requests of 64 + 8 tokens, 3 clients, Qwen3-0.6B")
    #expect(lines[1].hasPrefix("on AMD EPYC, 2 threads, avx512 kernels, measured "))
    #expect(lines[2] == "published: ./table.csv; runs take 0.500 s beside the requests")
    #expect(lines[3].split(separator: " ") == ["figure", "published", "simulated", "error"])
    // One row for three clients and two for two; the table has no percentiles.
    func cells(_ start: String) -> [[Substring]] {
      lines.filter { $0.hasPrefix(start) }.map { $0.split(separator: " ") }
    }
    #expect(cells("int4 output tokens/s").map { $0[3] } == ["60.0", "40.0"])
    #expect(cells("fp16 TPOT, ms").map { $0[3] } == ["50.0"])
    #expect(cells("fp16 requests held at most").map { $0[5] } == ["2"])
    #expect(cells("int4 preemptions").map { $0[2] } == ["0", "0"])
    #expect(!run.output.contains("p90"))
    // Each mean is that of the errors above it.
    for name in ["output tokens/s", "TTFT mean", "TPOT", "latency mean"] {
      let errors = lines.filter { $0.contains(" \(name)") }.map { line in
        abs(Double(line.split(separator: " ").dropLast().last!)!)
      }
      #expect(errors.count == 3)
      let total = try #require(lines.last { $0.hasPrefix(name) }).split(separator: " ")
      #expect(total[total.count - 3] == "3")
      let mean = try #require(Double(total[total.count - 2]))
      #expect(abs(mean - errors.reduce(0, +) / 3) <= 0.1, "\(name)")
    }
  }

  @Test("--beside adds what another profile gives; --profile replaces the scenarios' own")
  func profiles() throws {
    try write("two.yaml", clients: 2)
    let gpu = shipped("devices/nvidia-h200.json")
    let run = try kvsim("two.yaml", "--beside", gpu)
    let lines = run.output.split(separator: "\n").map(String.init)
    #expect(lines[2].hasPrefix("beside it: on NVIDIA H200, "))
    let own = try kvsim("two.yaml", "--profile", gpu).output.split(separator: "\n").map(String.init)
    #expect(own[1] == lines[2].dropFirst("beside it: ".count))
    // A name of three words, published, simulated, error and %, beside, change and %.
    let name = "fp16 output tokens/s"
    let row = try #require(lines.first { $0.hasPrefix(name) }).split(separator: " ")
    let ownRow = try #require(own.first { $0.hasPrefix(name) }).split(separator: " ")
    #expect(row.count == 10 && row[7] == ownRow[4] && row[4] != ownRow[4])
    let recorded = try kvsim(shipped("validation"), "--beside", gpu)
    #expect(recorded.status == 65 && recorded.errors.contains("goes with published results"))
    #expect(try kvsim(shipped("validation"), "two.yaml", "--beside", gpu).status == 0)
  }

  @Test("Formats that the profile beside lacks have a dash and a note; with none it is refused")
  func missingFormats() throws {
    try write("two.yaml", clients: 2)
    let vllm = shipped("devices/nvidia-rtx4090-vllm.json")
    let run = try kvsim("two.yaml", "--beside", vllm)
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    let lines = run.output.split(separator: "\n").map(String.init)
    let wide = try #require(lines.first { $0.hasPrefix("fp16 output tokens/s") })
    #expect(wide.split(separator: " ").count == 10)
    for name in ["int4 output tokens/s", "int4 preemptions"] {
      #expect(try #require(lines.first { $0.hasPrefix(name) }).hasSuffix(" –"), "\(name)")
    }
    #expect(lines.contains("–: not measured beside, on NVIDIA GeForce RTX 4090: int4"))
    let text = try Repository.text(folder.url.appendingPathComponent("two.yaml"))
    try folder.write(
      "narrow.yaml", text.replacing("engine:", with: "kv_cache: {format: int4}\nengine:"))
    let refused = try kvsim("narrow.yaml", "--beside", vllm)
    #expect(refused.status == 65 && refused.errors.contains("not measured in"), "\(refused.errors)")
  }

  @Test("Every wrong scenario of a folder is reported, *.yml too")
  func wrongFolder() throws {
    try write("four.yaml", clients: 4)
    try write("five.yml", clients: 5)
    try write("two.yaml", clients: 2)
    let run = try kvsim(".")
    #expect(run.status == 65 && run.output.isEmpty)
    for clients in [4, 5] {
      #expect(run.errors.contains("has concurrency \(clients); accepted: 2; 3"), "\(run.errors)")
    }
  }

  @Test("Whatever is wrong is said before anything is played")
  func badInput() throws {
    try write("two.yaml", clients: 2)
    try write("wrong.yaml", clients: 4)
    for (arguments, says) in [
      (["two.yaml", "wrong.yaml"], "has concurrency 4; accepted: 2; 3"),
      (["two.yaml", "--beside", "no.json"], "no.json: error: cannot be read"),
      (["two.yaml", "--profile", "no.json"], "no.json: error: cannot be read"),
      ([], "there is no Scenarios/validation or Scenarios/saw-int4 here"),
    ] {
      let run = try CommandLineRun(["validate"] + arguments, in: folder.url)
      #expect(run.status == 65 && run.output.isEmpty && run.errors.contains(says), "\(run.errors)")
    }
  }

  @Test("Without paths it plays those of its folders that exist")
  func defaultPaths() throws {
    try FileManager.default.createDirectory(
      at: folder.url.appendingPathComponent("Scenarios/saw-int4"),
      withIntermediateDirectories: true)
    try write("Scenarios/saw-int4/two.yaml", clients: 2)
    try FileManager.default.copyItem(
      at: folder.url.appendingPathComponent("table.csv"),
      to: folder.url.appendingPathComponent("Scenarios/saw-int4/table.csv"))
    let run = try kvsim()
    #expect(run.status == 0 && run.output.hasPrefix("two: 4 requests"), "\(run.errors)")
  }
}
