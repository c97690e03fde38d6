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
    let swapped = try kvsim("cost", "--model", vllm, "--device", model)
    #expect(swapped.status == 65 && swapped.errors.contains("error: "))
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
