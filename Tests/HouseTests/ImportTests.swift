import Foundation
import Testing

@Suite("Who may import whom")
struct ImportTests {
  /// The house's plan (docs/architecture.md): what each target may import.
  static let allowed: [String: Set<String>] = [
    "Operators": [],
    "CAttention": [],
    "CVulkan": [],
    "CSQLite": [],
    "Kernels": ["Operators", "CAttention", "CVulkan", "Glibc", "Synchronization"],
    "KernelStudies": ["Operators", "Kernels", "Glibc", "Foundation"],
    "CostModel": ["Operators"],
    "Calibration": ["Operators", "Kernels", "CostModel"],
    "Simulator": ["Operators", "CostModel", "DequeModule", "Dispatch"],
    "Scenario": [
      "Operators", "CostModel", "Simulator", "Yams", "Glibc", "Foundation", "Synchronization",
    ],
    "Trace": ["CostModel", "Simulator", "CSQLite", "Glibc", "Musl", "Darwin"],
    "Planning": [
      "Operators", "CostModel", "Simulator", "Scenario", "Trace", "Dispatch", "Synchronization",
    ],
    "Report": [
      "Operators", "KernelStudies", "CostModel", "Simulator", "Scenario", "Trace", "Planning",
      "Foundation",
    ],
    "kvsim": [
      "Operators", "Kernels", "KernelStudies", "CostModel", "Calibration", "Simulator",
      "Scenario", "Trace", "Planning", "Report", "ArgumentParser", "Foundation", "Dispatch",
      "Synchronization",
    ],
  ]

  @Test("Each target imports what the plan allows, and nothing else", arguments: allowed.keys)
  func imports(target: String) throws {
    let files = Repository.files(in: "Sources/\(target)", endings: ["swift"])
    for file in files {
      for line in try Repository.text(file).split(separator: "\n") {
        let words = line.split(separator: " ")
        guard let index = words.firstIndex(of: "import"), index <= 1, !line.hasPrefix("//"),
          words.count > index + 1
        else { continue }
        let module = String(words.last!.split(separator: ".")[0])
        #expect(
          ImportTests.allowed[target]!.contains(module),
          "\(file.lastPathComponent) of \(target) imports \(module)")
      }
    }
  }

  @Test("Every target stands in the plan")
  func planIsComplete() throws {
    let folders = try FileManager.default.contentsOfDirectory(
      atPath: Repository.root.appendingPathComponent("Sources").path)
    #expect(Set(folders) == Set(ImportTests.allowed.keys))
  }

  @Test("Kernels in C include their own headers and the system's alone")
  func includes() throws {
    for file in Repository.files(in: "Sources/CAttention", endings: ["c", "h"]) {
      for line in try Repository.text(file).split(separator: "\n")
      where line.hasPrefix("#include \"") {
        let name = line.split(separator: "\"")[1]
        let folder = file.deletingLastPathComponent()
        let isOwn = [folder, folder.appendingPathComponent("include")].contains {
          FileManager.default.fileExists(atPath: $0.appendingPathComponent(String(name)).path)
        }
        #expect(isOwn, "\(file.lastPathComponent) includes \(name)")
      }
    }
  }
}
