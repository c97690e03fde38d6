import Foundation
import Testing

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
    let run = try check("--quick", "--case", "0", "--path", "scalar")
    #expect(run.status == 0)
    #expect(run.output.hasPrefix("seed ") && run.output.contains("paths: scalar;"))
    #expect(run.output.contains("passed: 4 cases, 0 above the aim"))
  }

  @Test(
    "A bad value is one clear error and exit code 64",
    arguments: [
      ["--path", "sse9"], ["--case", "-1"], ["--case", "1000000"], ["--seed", "x"],
      ["--device", "tpu"], ["--format", "yaml"],
    ])
  func badValues(arguments: [String]) throws {
    let folder = try ScratchFolder()
    let run = try CommandLineRun(["kernels", "check"] + arguments, in: folder.url)
    #expect(run.status == 64 && run.output.isEmpty, "\(run.errors)")
    #expect(run.errors.split(separator: "\n").filter { $0.hasPrefix("Error: ") }.count == 1)
  }

  @Test("Vulkan has no kernels yet, and says so")
  func vulkan() throws {
    let run = try check("--device", "vulkan")
    #expect(run.status == 1 && run.errors.contains("no kernels for Vulkan"))
  }
}
