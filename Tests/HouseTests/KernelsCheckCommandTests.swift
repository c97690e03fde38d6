import ArgumentParser
import Foundation
import Kernels
import Testing

@testable import kvsim

@Suite("kvsim kernels check on the command line")
struct KernelsCheckCommandTests {
  private func check(_ arguments: String...) throws -> CommandLineRun {
    let folder = try ScratchFolder()
    return try CommandLineRun(["kernels", "check"] + arguments, in: folder.url)
  }

  @Test("One case gives the same figures again from its seed and number")
  func oneCase() throws {
    let arguments = ["--quick", "--seed", "3", "--case", "7", "--format", "json"]
    let folder = try ScratchFolder()
    let first = try CommandLineRun(["kernels", "check"] + arguments, in: folder.url)
    let second = try CommandLineRun(["kernels", "check"] + arguments, in: folder.url)
    #expect(first.status == 0 && first.output == second.output)
    let json = try JSONSerialization.jsonObject(with: Data(first.output.utf8))
    let report = try #require(json as? [String: Any])
    #expect(report["seed"] as? Int == 3 && report["passed"] as? Bool == true)
    let paths = try #require(report["paths"] as? [String])
    #expect(paths.contains("scalar") && report["cases"] as? Int == 4 * paths.count)
    #expect((report["operators"] as? [Any])?.count == 4 * paths.count)
  }

  @Test("The table prints its seed, and a path alone runs alone")
  func table() throws {
    let run = try check("--quick", "--seed", "9", "--case", "0", "--path", "scalar")
    #expect(run.status == 0)
    #expect(run.output.hasPrefix("seed 9;") && run.output.contains("paths: scalar;"))
    for line in ["head sizes: ", "query heads per KV head: ", "tokens per page: ", "contexts: "] {
      #expect(run.output.contains("\n\(line)"))
    }
    #expect(!run.output.contains("property"), "a case alone tries no properties")
    #expect(run.output.contains("passed: 4 cases, 0 above the aim"))
  }

  @Test(
    "A bad value is one clear error and exit code 64",
    arguments: [
      ["--path", "sse9"], ["--seed", "1", "--case", "-1"], ["--seed", "1", "--case", "1000000"],
      ["--case", "5"], ["--seed", "x"],
      ["--device", "tpu"], ["--format", "yaml"],
    ])
  func badValues(arguments: [String]) throws {
    let folder = try ScratchFolder()
    let run = try CommandLineRun(["kernels", "check"] + arguments, in: folder.url)
    #expect(run.status == 64 && run.output.isEmpty, "\(run.errors)")
    #expect(run.errors.split(separator: "\n").filter { $0.hasPrefix("Error: ") }.count == 1)
    #expect(run.errors.contains("Usage: kvsim kernels check"))
  }

  private let aCase = ["kernels", "check", "--quick", "--seed", "3", "--case", "7"]

  @Test("KVSIM_CPU_PATH makes one path run, and --path wins over it")
  func environment() throws {
    let folder = try ScratchFolder()
    func check(_ path: String, _ arguments: [String] = []) throws -> CommandLineRun {
      try CommandLineRun(aCase + arguments, in: folder.url, environment: ["KVSIM_CPU_PATH": path])
    }
    #expect(try check("scalar").output.contains("paths: scalar;"))
    let unset = try check("")
    #expect(unset.status == 0 && unset.output.contains("paths: scalar"))
    let won = try check("sse9", ["--path", "scalar"])
    #expect(won.status == 0 && won.output.contains("paths: scalar;"))
  }

  @Test("A path that is unknown or does not run here fails as in kvsim accuracy")
  func badEnvironment() throws {
    let folder = try ScratchFolder()
    for path in ["sse9", "neon", "avx2"] {
      let environment = ["KVSIM_CPU_PATH": path]
      let other = try CommandLineRun(
        ["accuracy", "--tokens", "16"], in: folder.url, environment: environment)
      let run = try CommandLineRun(aCase, in: folder.url, environment: environment)
      #expect(run.status == other.status && run.errors == other.errors, "\(path)")
      #expect(path != "sse9" || run.status == 1)
    }
  }

  @Test(
    "Every command that runs kernels says how to choose them",
    arguments: [
      ["kernels", "check"], ["kernels", "bench"], ["accuracy"], ["devices"], ["calibrate"],
    ])
  func help(command: [String]) throws {
    let folder = try ScratchFolder()
    let run = try CommandLineRun(command + ["--help"], in: folder.url)
    #expect(run.status == 0 && run.output.contains("KVSIM_CPU_PATH"))
  }

  @Test(
    "What is printed to repeat a case names the device as a shell takes it, or the path",
    arguments: [
      ("cpu", " --path avx2"), ("vulkan", " --device vulkan --path scalar"),
      ("vulkan:0", " --device vulkan:0 --path scalar"),
      ("vulkan:NVIDIA H200", " --device 'vulkan:NVIDIA H200' --path scalar"),
      ("vulkan:it's", #" --device 'vulkan:it'\''s' --path scalar"#),
    ])
  func repeating(device: String, ending: String) throws {
    let command = try KernelsCheckCommand.parse(["--quick", "--device", device])
    let isCPU = device == "cpu"
    #expect(
      command.repeatCommand(
        seed: 7, path: isCPU ? "avx2" : "vulkan", peer: isCPU ? nil : "scalar")
        == "kvsim kernels check --seed 7 --quick" + ending)
  }

  @Test("A Vulkan device is held against the CPU's kernels too, in table and JSON")
  func againstCPU() throws {
    guard case .devices = VulkanListing.list() else { return }
    let arguments = [
      "--quick", "--seed", "3", "--case", "7", "--device", "vulkan", "--path", "scalar",
    ]
    let folder = try ScratchFolder()
    let table = try CommandLineRun(["kernels", "check"] + arguments, in: folder.url)
    #expect(table.status == 0 && table.output.contains("; 4 compared with scalar;"))
    #expect(table.output.contains("against the scalar kernels of the CPU"))
    let run = try CommandLineRun(
      ["kernels", "check"] + arguments + ["--format", "json"], in: folder.url)
    let json = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
    let report = try #require(json as? [String: Any])
    let device = try #require(report["device"] as? String)
    #expect(table.output.hasPrefix("seed 3; \(device); paths: vulkan;"))
    let compared = try #require(report["against_cpu"] as? [String: Any])
    #expect(compared["path"] as? String == "scalar" && compared["cases"] as? Int == 4)
    #expect((compared["operators"] as? [Any])?.count == 4)
  }

  @Test("A Vulkan device that is not there is an error that names it")
  func vulkan() throws {
    let run = try check("--device", "vulkan:no-such-device")
    #expect(run.status == 1 && run.errors.contains("--device vulkan:no-such-device"))
  }
}
