import Foundation
import Testing

@Suite("kvsim plan")
struct PlanCommandTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
  }

  /// Short requests on a CPU, so that an unoptimised kvsim plays thousands of them.
  private func answer(
    _ plan: String, _ more: [String] = [], prompt: String = "16"
  ) throws -> CommandLineRun {
    let shipped = Repository.root.appendingPathComponent("Scenarios").path
    let text = """
      kvsim: 1
      name: short
      model: \(shipped)/models/Qwen3-0.6B/config.json
      device: {profile: \(shipped)/devices/amd-epyc-zen5-2c.json, price_per_hour: 0.5}
      kv_cache: {format: [fp16, int4-rotated]}
      engine: {max_num_seqs: 4, max_num_batched_tokens: 64, kv_cache_memory_bytes: 64 MiB}
      workload:
        requests: 100
        arrivals: {process: closed-loop, concurrency: 2}
        prompt_tokens: \(prompt)
        output_tokens: 3
      plan: {\(plan)}
      """
    try Data(text.utf8).write(to: folder.url.appendingPathComponent("short.yaml"))
    let devices = folder.url.appendingPathComponent("devices")
    try? FileManager.default.createSymbolicLink(
      atPath: devices.path, withDestinationPath: "\(shipped)/devices")
    return try CommandLineRun(["plan", "short.yaml"] + more, in: folder.url)
  }

  @Test("The answer stands first, then the options with what they hold, take and cost, and why")
  func table() throws {
    let run = try answer(
      "objectives: e2e.mean <= 500 ms, concurrency: 20, reserve: 1", ["--tolerance", "0.1"])
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    let lines = run.output.split(separator: "\n")
    #expect(
      lines.prefix(3) == [
        "short: Qwen3-0.6B on AMD EPYC", "objectives: e2e.mean <= 500 ms",
        "to hold: 20 clients, and 1 replica in reserve",
      ])
    #expect(lines[4].contains(" is best: plan one replica with ") && lines[4].contains(" an hour."))
    for words in [
      "format", "ended by", "cost/M tokens", "int4-rotated", "Simulated as a whole",
      "What a tenth more would add", "Half as much traffic again", "Pareto front",
      "How far times of steps are expected to be off", "AMD EPYC ± ", " % (measured)",
    ] {
      #expect(run.output.contains(words), "\(words)")
    }
  }

  @Test("Columns say once what is chosen from, and the heading names no model that is")
  func chosen() throws {
    let model = "\(Repository.root.path)/Scenarios/models/Qwen3-0.6B/config.json"
    let run = try answer(
      "objectives: e2e.mean <= 10 s",
      ["--vary", "kv_cache.format=fp16", "--vary", "model=\(model)"])
    #expect(run.status == 0 && run.output.hasPrefix("short on AMD EPYC\n"), "\(run.errors)")
    #expect(run.output.contains("   format  model "))
    #expect(run.output.contains("\nfp16 (model \(model)) is best: "))
  }

  @Test("A device that the scenario knows the price of costs that, unless told otherwise")
  func price() throws {
    let own = "\(Repository.root.path)/Scenarios/devices/amd-epyc-zen5-2c.json"
    func price(_ device: String) throws -> Double {
      let run = try answer(
        "objectives: e2e.mean <= 10 s",
        ["--device", device, "--vary", "kv_cache.format=fp16", "--format", "json"])
      let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
      let option = try #require((object?["options"] as? [[String: Any]])?.first, "\(run.errors)")
      return try #require(option["price_per_million_output_tokens"] as? Double)
    }
    let (known, told) = (try price(own), try price("\(own)=2"))
    #expect(abs(told / known - 4) < 1e-9)
    // The same machine by another path, which nobody has priced.
    let other = "\(Repository.root.path)/Scenarios/devices/../devices/amd-epyc-zen5-2c.json"
    let mixed = try answer(
      "objectives: e2e.mean <= 500 ms",
      ["--device", own, "--device", other, "--tolerance", "0.1"])
    #expect(mixed.output.contains("The price of AMD EPYC is unknown, so that options stand in"))
    // What would help is tried of the first of both alone.
    let lines = mixed.output.split(separator: "\n")
    #expect(lines.count { $0.hasSuffix("*") } == 2, "\(mixed.output)")
    #expect(lines.contains("*: by its pool and its seats alone; a tenth more was not tried"))
  }

  @Test("As JSON it has the same, and the number of threads changes nothing")
  func json() throws {
    let runs = try ["1", "2"].map {
      try answer("objectives: e2e.mean <= 10 s", ["--format", "json", "--threads", $0])
    }
    #expect(runs.allSatisfy { $0.status == 0 } && runs[0].output == runs[1].output)
    let object = try JSONSerialization.jsonObject(with: Data(runs[0].output.utf8))
    let plan = try #require(object as? [String: Any])
    #expect(plan["load_unit"] as? String == "clients")
    let options = try #require(plan["options"] as? [[String: Any]])
    #expect(options.count == 2)
    for option in options {
      let load = try #require(option["load"] as? [String: Any])
      #expect((load["by_seed"] as? [Double])?.count ?? 0 >= 3)
      #expect(load["planned"] as? Double ?? 0 >= 1)
    }
  }

  @Test(
    "Objectives that no load meets are told with what they come to at the lightest, exit code 1")
  func unmet() throws {
    let run = try answer("objectives: e2e.mean <= 10 s", ["--objective", "ttft.mean <= 1 us"])
    #expect(run.status == 1)
    #expect(run.output.contains("No option holds the objectives"))
    #expect(
      run.output.contains("fp16: no load meets `ttft.mean <= 1 us` (it is ")
        && run.output.contains("): so it is at 1 client already"))
  }

  @Test("Where requests are rejected, the words say how many of how many, and why; so does JSON")
  func rejected() throws {
    // FP16 has room for 585 tokens in 64 MiB.
    let long = "{uniform: {min: 8, max: 600}}"
    let run = try answer(
      "objectives: e2e.max <= 1 h", ["--vary", "kv_cache.format=fp16"], prompt: long)
    #expect(run.status == 1)
    #expect(run.output.contains("(it is ∞)"))
    #expect(run.output.contains(" are rejected: longer than the pool"))
    let json = try answer(
      "objectives: e2e.p50 <= 1 h", ["--vary", "kv_cache.format=fp16", "--format", "json"],
      prompt: long)
    let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    let option = try #require((object?["options"] as? [[String: Any]])?.first)
    let rejections = try #require(option["rejections"] as? [String: Any])
    let causes = try #require(rejections["causes"] as? [String: Int])
    #expect(causes == ["pool": try #require(rejections["rejected"] as? Int)])
    #expect(option["load"] != nil && rejections["requests"] as? Int ?? 0 > causes["pool"] ?? 0)
  }

  @Test("What is rejected above the load alone is told with what ends it")
  func fullQueue() throws {
    let run = try answer(
      "objectives: e2e.mean <= 1 h",
      [
        "--vary", "engine.max_queued_requests=1", "--vary", "kv_cache.format=fp16",
        "--max-seeds", "3",
      ])
    #expect(run.output.contains(" of max_num_seqs; "))
    #expect(run.output.contains(" requests are rejected: the queue was full; below it"))
  }

  @Test("With prompts and decodes apart, words and JSON name the side that ends the load")
  func sides() throws {
    let apart =
      "cluster={kv_transfer: {bandwidth: 10 GB/s, latency: 20 us}, "
      + "groups: [{name: a, role: prefill}, {name: b, role: decode, engine: {max_num_seqs: 64}}]}"
    let run = try answer(
      "objectives: ttft.mean <= 300 ms",
      ["--vary", apart, "--vary", "kv_cache.format=fp16", "--format", "json", "--max-seeds", "3"])
    let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
    let options = try #require(object?["options"] as? [[String: Any]])
    #expect(options.map { $0["binding_side"] as? String } == ["prefill"])
    let sentences = try #require(object?["answer"] as? [String])
    #expect(sentences.contains { $0.contains(" on the prefill side: above it, ") })
    #expect(sentences.contains { $0.contains(" % (prefill) and ") })
  }

  @Test("A wrong question ends with 65 and one error")
  func wrong() throws {
    for (question, says) in [
      ("reserve: 1", "no objective is stated; say what has to hold, such as --objective"),
      ("objectives: fast", "plan.objectives: `fast` is no objective"),
      (
        "objectives: e2e.mean <= 1 s, devices: [{name: nvidia-h2000}]",
        "plan.devices: `nvidia-h2000` is neither a profile in `devices` nor a data sheet; did you"
      ),
    ] {
      let run = try answer(question)
      #expect(run.status == 65 && run.output.isEmpty, "\(run.errors)")
      #expect(run.errors.contains(says), "\(run.errors)")
    }
  }

  @Test(
    "A wrong option ends with 64 and one line that names it and quotes no line of the file",
    arguments: [
      ("--objective", "ttft.p99 < 500ms", "`ttft.p99 < 500ms` is no objective; accepted: such as"),
      ("--objective", "itl.p99 <= 5 ms", "`itl.p99 <= 5 ms`: `itl.p99` is nothing to"),
      ("--objective", "vip.ttft.p99 <= 5 ms", "that the workload has not got; it has no `classes`"),
      ("--objective", "goodput >= 99 %", "none are stated; give `workload` some"),
      ("--device", "nvidia-l40s=", "--device takes NAME or NAME=PRICE, not 'nvidia-l40s='"),
      ("--objective", "goodput <= 5 %", "`goodput <= 5 %`: a goodput is bounded by `>=`"),
      ("--rate", "3/s", "ask for `concurrency`"), ("--rate", "3", "`3` has no unit"),
      ("--vary", "engine.max_seqs=1", "no scenario has a key"),
      ("--vary", "seed=1..3", "`seed` is not chosen from"),
      ("--vary", "engine.scheduler=vllm,sjf", "`engine.scheduler=sjf`: engine.scheduler: `sjf` is"),
      ("--device", "nvidia-h2000=3", "did you mean `nvidia-h200`?"),
      ("--device", "h100-n", "did you mean `nvidia-h100-nvl`? accepted: amd-epyc-zen5-2c, "),
      ("--device", "none.json", "there is no file `none.json`"),
      ("--tolerance", "2", "--tolerance is a share"),
    ])
  func wrongOption(_ option: String, _ text: String, _ says: String) throws {
    let run = try answer("objectives: e2e.mean <= 1 s", [option, text])
    #expect(run.status == 64 && run.output.isEmpty, "\(run.errors)")
    #expect(run.errors.contains(says) && run.errors.contains(option), "\(run.errors)")
    #expect(!run.errors.contains("short.yaml:"))
    #expect(run.errors.split(separator: "\n").count { $0.contains("rror: ") } == 1)
  }

  @Test("A device is named once")
  func deviceTwice() throws {
    let run = try answer(
      "objectives: e2e.mean <= 1 s", ["--device", "short.yaml", "--device", "short.yaml=3"])
    #expect(
      run.status == 64 && run.output.isEmpty
        && run.errors == "kvsim: error: --device: `short.yaml` stands twice in the list\n")
  }
}
