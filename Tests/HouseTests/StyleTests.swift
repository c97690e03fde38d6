import Foundation
import Testing

/// What the formatter does not see.
@Suite("Style")
struct StyleTests {
  private static let sources =
    Repository.files(in: "Sources", endings: ["swift", "c", "h", "comp", "glsl"])
    + Repository.files(in: "Tests", endings: ["swift", "c", "h"])

  @Test("No file is longer than 500 lines, no line than 100 columns")
  func lengths() throws {
    for file in StyleTests.sources {
      let lines = try Repository.text(file).split(
        separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.count <= 501, "\(file.lastPathComponent) has \(lines.count) lines")
      for (number, line) in lines.enumerated() where line.count > 100 {
        // A doc comment's symbol link cannot be broken.
        if line.contains("``") { continue }
        Issue.record("\(file.lastPathComponent):\(number + 1) has \(line.count) columns")
      }
    }
  }

  @Test("No function is longer than 70 lines")
  func functions() throws {
    for file in StyleTests.sources where file.pathExtension == "swift" {
      var start: (line: Int, indent: Int)?
      let lines = try Repository.text(file).split(
        separator: "\n", omittingEmptySubsequences: false)
      for (number, line) in lines.enumerated() {
        let indent = line.prefix { $0 == " " }.count
        let words = line.split(separator: " ")
        if start == nil, words.contains("func") || words.first?.hasPrefix("init(") == true,
          !line.contains("//"), !line.hasSuffix("}")
        {
          start = (number, indent)
        } else if let open = start, indent == open.indent, line.hasSuffix("}") {
          let length = number - open.line + 1
          #expect(length <= 70, "\(file.lastPathComponent):\(open.line + 1) has \(length) lines")
          start = nil
        }
      }
    }
  }

  @Test("Names say what a thing is: no Manager, Helper, Utils or Common")
  func names() throws {
    for file in StyleTests.sources {
      let name = file.deletingPathExtension().lastPathComponent
      for word in ["Manager", "Helper", "Util", "Common"] {
        #expect(!name.contains(word), "\(name)")
      }
    }
  }

  @Test("Only what is agreed stands at the top level")
  func topLevel() throws {
    let agreed: Set<String> = [
      "Package.swift", "Sources", "Scenarios", "Tests", "docs", "README.md", "CHANGELOG.md",
      "CONTRIBUTING.md", "LICENSE", "Makefile", ".ci", ".gitignore", ".gitattributes",
      ".swift-format",
    ]
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["git", "-C", Repository.root.path, "ls-files"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let tracked = String(decoding: output, as: UTF8.self).split(separator: "\n")
    #expect(process.terminationStatus == 0 && !tracked.isEmpty)
    let top = Set(tracked.map { String($0.split(separator: "/")[0]) })
    #expect(top.subtracting(agreed).isEmpty)
  }
}
