import Foundation

/// Runs the built `kvsim` as a person would.
struct CommandLineRun {
  let status: Int32
  let output: String
  let errors: String

  /// The program, built beside the tests.
  static let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("kvsim")

  /// Runs `kvsim` with its output and errors in files; `environment` is added to the tests' own.
  init(_ arguments: [String], in folder: URL, environment: [String: String] = [:]) throws {
    try self.init(CommandLineRun.program, arguments, in: folder, environment: environment)
  }

  /// Runs a line of shell in which `$0` is `kvsim` and `$1` a scenario.
  init(shell line: String, scenario: String, in folder: URL) throws {
    try self.init(
      URL(fileURLWithPath: "/bin/sh"), ["-c", line, CommandLineRun.program.path, scenario],
      in: folder)
  }

  /// Runs any program.
  init(
    _ program: URL, _ arguments: [String], in folder: URL, environment: [String: String] = [:]
  ) throws {
    let process = Process()
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.executableURL = program
    process.arguments = arguments
    process.currentDirectoryURL = folder
    // Files and not pipes: neither stream can fill up while the other is read.
    let (outputFile, errorFile) = (
      folder.appendingPathComponent(".stdout"), folder.appendingPathComponent(".stderr")
    )
    _ = FileManager.default.createFile(atPath: outputFile.path, contents: nil)
    _ = FileManager.default.createFile(atPath: errorFile.path, contents: nil)
    process.standardOutput = try FileHandle(forWritingTo: outputFile)
    process.standardError = try FileHandle(forWritingTo: errorFile)
    try process.run()
    process.waitUntilExit()
    status = process.terminationStatus
    output = try Repository.text(outputFile)
    errors = try Repository.text(errorFile)
    try FileManager.default.removeItem(at: outputFile)
    try FileManager.default.removeItem(at: errorFile)
  }
}

/// A folder for one test, removed with it.
final class ScratchFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent(
      "kvsim-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  var contents: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted()
  }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> URL {
    let file = url.appendingPathComponent(name)
    try Data(text.utf8).write(to: file)
    return file
  }
}
