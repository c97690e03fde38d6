import ArgumentParser
import Foundation

/// A file that a command writes, whole or not at all.
enum OutputFile {
  /// Makes sure, before long work begins, that the file can be written.
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
  static func write(_ text: String, to path: String) throws {
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw failure("\(path): \(error.localizedDescription)", .runFailed)
    }
  }
}
