import ArgumentParser
import CostModel
import Foundation
import Scenario

/// The file that a command writes, whole or not at all.
struct OutputFile: ParsableArguments {
  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp("The file to write.", valueName: "file"))
  var path: String

  @Flag(help: "Overwrite the file if it exists.")
  var force = false

  /// Makes sure, before long work begins, that the file can be written.
  func check() throws { try OutputFile.check(path, overwrites: force) }

  /// The same for a file of any name.
  static func check(_ path: String, overwrites: Bool) throws {
    guard overwrites || !FileManager.default.fileExists(atPath: path) else {
      throw failure("\(path) exists; pass --force to overwrite it", .runFailed)
    }
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard FileManager.default.isWritableFile(atPath: folder) else {
      throw failure("\(path): the folder \(folder) does not exist or is read-only", .runFailed)
    }
  }

  /// Writes it.
  func write(_ bytes: some Sequence<UInt8>) throws { try OutputFile.write(bytes, to: path) }

  /// The same for a file of any name.
  static func write(_ bytes: some Sequence<UInt8>, to path: String) throws {
    do {
      try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw failure("\(path): \(error.localizedDescription)", .runFailed)
    }
  }

  /// Writes a profile, once it was read back.
  ///
  /// - Parameters:
  ///   - residuals: those of the profile, for people to read.
  ///   - input: what it was made from, which errors are about.
  func write(_ profile: Profile, residuals: [Residuals] = [], madeFrom input: String) throws {
    let text = try readingInput { () throws(ScenarioError) in
      try ProfileFile.readableText(profile, residuals: residuals, madeFrom: input)
    }
    try write(text.utf8)
  }

  /// Says on standard error what it is and where.
  func announce(_ what: String) { printError("\(what): \(path)") }
}
