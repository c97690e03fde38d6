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
