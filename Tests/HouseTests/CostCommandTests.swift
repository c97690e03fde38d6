import Foundation
import Testing

@Suite("kvsim cost and profile import")
struct CostCommandTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
  }

  private func kvsim(_ arguments: String...) throws -> CommandLineRun {
    try CommandLineRun(arguments, in: folder.url)
  }

  private func shipped(_ path: String) -> String {
    Repository.root.appendingPathComponent("Scenarios/\(path)").path
  }

  @Test("cost prints every operator of a step, its shares adding up to all of it")
  func cost() throws {
    let run = try kvsim(
      "cost", "--model", shipped("models/Mixtral-8x7B-v0.1/config.json"), "--device",
      shipped("devices/nvidia-h200.json"), "--format", "int4", "--batch", "16", "--context", "900",
      "--prefill", "64")
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    for word in [
      "Mixtral-8x7B-v0.1", "a chunk of 64 tokens after 0", "16 sequences that decode over 900",
      "qkv", "router", "experts: gate and up", "decode attention", "head", "derived",
    ] {
      #expect(run.output.contains(word), "\(word)")
    }
    let shares = run.output.split(separator: "\n").compactMap { line -> Double? in
      let words = line.split(separator: " ")
      return words.firstIndex(of: "%").flatMap { Double(words[$0 - 1]) }
    }
    // The last one is of the read, in the sum of all.
    #expect(abs(shares.dropLast().reduce(0, +) - 100) < 1, "\(shares)")
    let step = try #require(run.output.split(separator: "\n").first { $0.hasPrefix("step ") })
    #expect(step.contains("± "), "the whole step has an estimate")
  }

  @Test("A longer context among the others makes a step longer, and its heading says so")
  func longestContext() throws {
    func decode(_ options: String...) throws -> CommandLineRun {
      try CommandLineRun(
        [
          "cost", "--model", shipped("models/Qwen3-8B/config.json"), "--device",
          shipped("devices/nvidia-h200.json"), "--format", "int4", "--batch", "64", "--context",
          "1000",
        ] + options, in: folder.url)
    }
    let (even, uneven) = (try decode(), try decode("--longest-context", "8000"))
    #expect(even.output.contains("64 sequences that decode over 1,000 tokens each"))
    #expect(
      uneven.output.contains(
        "64 sequences that decode over 1,000 tokens on average, 8,000 at most"))
    #expect(try stepMs(uneven) > stepMs(even))
    #expect(try decode("--longest-context", "999").status == 64)
  }

  /// The step's time, in milliseconds.
  private func stepMs(_ run: CommandLineRun) throws -> Double {
    let step = try #require(run.output.split(separator: "\n").first { $0.hasPrefix("step ") })
    return try #require(step.split(separator: " ").dropFirst().compactMap { Double($0) }.first)
  }

  @Test("A step's estimated error is that of a run of such steps, and one is not many")
  func estimate() throws {
    let run = try kvsim(
      "cost", "--model", shipped("models/Qwen3-8B/config.json"), "--device",
      shipped("devices/nvidia-h200.json"))
    #expect(run.output.contains("one step: 1 sequence that decodes over 1,024 tokens\n"))
    #expect(run.output.contains("1 token, ") && !run.output.contains("1 tokens"))
    try folder.write(
      "one.yaml",
      """
      kvsim: 1
      model: \(shipped("models/Qwen3-8B/config.json"))
      device: {profile: \(shipped("devices/nvidia-h200.json"))}
      kv_cache: {format: fp16}
      workload:
        requests: 1
        arrivals: {process: closed-loop, concurrency: 1}
        prompt_tokens: 1
        output_tokens: 2047
      """)
    let whole = try kvsim("run", "one.yaml")
    func estimate(_ output: String, _ start: String) -> Double? {
      let line = output.split(separator: "\n").last { $0.hasPrefix(start) }
      return line?.split(separator: " ").suffix(2).first.flatMap { Double($0) }
    }
    // A mean context of 1,024 tokens in both.
    let (step, steps) = (
      try #require(estimate(run.output, "step ")),
      try #require(estimate(whole.output, "estimated error between points"))
    )
    #expect(abs(step - steps) <= 0.1, "\(step), \(steps)")
  }

  @Test("cost prices devices and stages over a measured link, and says which")
  func link() throws {
    let arguments = [
      "cost", "--model", shipped("models/Qwen3-8B/config.json"), "--device",
      shipped("devices/nvidia-h200.json"), "--tensor-parallel-size", "2", "--link",
      shipped("devices/links/nvidia-h200-nvlink.json"), "--pipeline-parallel-size",
    ]
    let run = try CommandLineRun(arguments + ["3"], in: folder.url)
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    for words in [
      "on 6 x NVIDIA H200", "link: measured 2026-11-29", "through 3 stages", "all-reduce",
      "send to next stage", "gather in stage", "gather logits",
    ] {
      #expect(run.output.contains(words), "\(words)")
    }
    let many = try CommandLineRun(arguments + ["37"], in: folder.url)
    #expect(many.status == 65 && many.errors.contains("37 stages are more than the model's 36"))
    let both = try CommandLineRun(arguments + ["3", "--link-bandwidth", "450"], in: folder.url)
    #expect(both.status == 64 && both.errors.contains("do not go together"))
    let none = try CommandLineRun(
      Array(arguments.prefix(5)) + ["--pipeline-parallel-size", "2"], in: folder.url)
    #expect(none.status == 64 && none.errors.contains("needs --link or --link-bandwidth"))
  }

  @Test("cost warns of a step that no such device holds, and prices it")
  func beyondMemory() throws {
    let vllm = shipped("devices/nvidia-rtx4090-vllm.json")
    func cost(_ model: String, _ batch: String) throws -> CommandLineRun {
      try CommandLineRun(
        ["cost", "--model", shipped("models/\(model)/config.json"), "--device", vllm]
          + ["--batch", batch, "--context", "4096"], in: folder.url)
    }
    #expect(try cost("Llama-3.1-8B", "8").errors.isEmpty)
    for run in [try cost("Llama-3.1-70B", "1"), try cost("Llama-3.1-8B", "64")] {
      #expect(run.status == 0 && !run.output.isEmpty)
      #expect(run.errors.hasPrefix("kvsim: warning: no device like this holds the step: "))
    }
  }

  @Test("cost refuses wrong options with 64, wrong files and what was not measured with 65")
  func refusals() throws {
    let model = shipped("models/Llama-3.1-8B/config.json")
    let vllm = shipped("devices/nvidia-rtx4090-vllm.json")
    let arguments = ["cost", "--model", model, "--device", vllm]
    #expect(try CommandLineRun(arguments + ["--format", "int5"], in: folder.url).status == 64)
    #expect(try CommandLineRun(arguments + ["--batch", "0"], in: folder.url).status == 64)
    let unmeasured = try CommandLineRun(arguments + ["--format", "int4"], in: folder.url)
    #expect(unmeasured.status == 65 && unmeasured.output.isEmpty)
    #expect(unmeasured.errors.contains("`int4` was not measured there; accepted: fp16"))
    for (options, says) in [
      ("--prefix 5", "--prefix goes with --prefill"),
      ("--link-bandwidth 5", "go with --tensor-parallel-size or --pipeline-parallel-size above 1"),
      ("--link link.json", "go with --tensor-parallel-size or --pipeline-parallel-size above 1"),
      ("--link-latency 5", "--link-latency goes with --link-bandwidth"),
      ("--tensor-parallel-size 0", "takes a whole number from 1 to 1024"),
      ("--tensor-parallel-size 2", "needs --link or --link-bandwidth"),
    ] {
      let run = try CommandLineRun(
        arguments + options.split(separator: " ").map(String.init), in: folder.url)
      #expect(run.status == 64 && run.errors.contains(says), "\(run.errors)")
    }
    let long = try CommandLineRun(arguments + ["--context", "131073"], in: folder.url)
    #expect(
      long.status == 65
        && long.errors.contains("131073 tokens exceed the model's context; accepted: up to 131072"))
    let swapped = try kvsim("cost", "--model", vllm, "--device", model)
    #expect(swapped.status == 65 && swapped.errors.contains("error: "))
  }

  @Test("cost refuses steps of the largest models that 64 bits cannot count, saying which option")
  func tooLarge() throws {
    try folder.write(
      "max.json",
      """
      {"model_type": "llama", "hidden_size": 1048576, "intermediate_size": 4194304,
       "num_hidden_layers": 4096, "num_attention_heads": 1024, "num_key_value_heads": 1024,
       "head_dim": 1024, "vocab_size": 67108864, "max_position_embeddings": 16777216}
      """)
    let gpu = shipped("devices/nvidia-h200.json")
    let arguments = ["cost", "--model", "max.json", "--device", gpu]
    let most = "1048576"
    for (options, says) in [
      (["--batch", most, "--context", most], "--batch and --prefill are too large"),
      (["--batch", "1", "--prefill", most], "--batch and --prefill are too large"),
      (
        ["--batch", "500000", "--context", most, "--prefill", "300000", "--prefix", most],
        "are too large for this model"
      ),
    ] {
      let run = try CommandLineRun(arguments + options, in: folder.url)
      #expect(run.status == 65 && run.errors.contains(says), "\(run.status) \(run.errors)")
    }
    let largest = try CommandLineRun(
      arguments + ["--batch", "1000", "--context", most], in: folder.url)
    #expect(largest.status == 0, "\(largest.errors)")
  }

  @Test("profile import refuses a folder that lacks a file, and overwrites nothing")
  func profileImport() throws {
    let model = shipped("models/Llama-3.1-8B/config.json")
    let arguments = [
      "profile", "import", folder.url.path, "--from", "llmservingsim", "--model", model, "-o",
      "new.json",
    ]
    let lacking = try CommandLineRun(arguments, in: folder.url)
    #expect(lacking.status == 65 && lacking.errors.contains("profile-meta.yaml"))
    _ = try folder.write("new.json", "kept")
    let taken = try CommandLineRun(arguments, in: folder.url)
    #expect(taken.status == 1 && taken.errors.contains("--force"))
  }
}
