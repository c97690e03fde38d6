import Foundation

/// The checkout that the tests were built from.
enum Repository {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// The files below a folder of the checkout that end in one of `endings`, in order.
  static func files(in folder: String, endings: [String]) -> [URL] {
    let enumerator = FileManager.default.enumerator(
      at: root.appendingPathComponent(folder), includingPropertiesForKeys: nil)
    let all = (enumerator?.allObjects as? [URL]) ?? []
    return all.filter { file in
      endings.contains(file.pathExtension)
        && !file.pathComponents.contains { $0.hasPrefix(".build") }
    }
    .sorted { $0.path < $1.path }
  }

  static func text(_ file: URL) throws -> String {
    try String(contentsOf: file, encoding: .utf8)
  }
}
