import CostModel
import Foundation

/// Folders in which data sheets stand that are named by their ids.
public struct DataSheetShelf {
  /// The plain read of a device is at most its data sheet's bandwidth; a tenth more is left for
  /// what is measured or rounded otherwise.
  private static let mostOverSheet = 1.1

  private let folders: [String]

  /// The folders `data-sheets` beside these files, or in these folders where a slash ends them; of
  /// ids that several have, the first one's count.
  public init(beside paths: [String]) {
    var folders: [String] = []
    for path in paths {
      let shelf = (path.lastIndex(of: "/").map { String(path[...$0]) } ?? "") + "data-sheets"
      if !folders.contains(shelf) { folders.append(shelf) }
    }
    self.folders = folders
  }

  /// The ids of the sheets, in the order of the alphabet.
  var ids: [String] { paths.keys.sorted() }

  /// The paths of the sheets by their ids.
  private var paths: [String: String] {
    var paths: [String: String] = [:]
    for folder in folders {
      let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      for file in files where file.hasSuffix(".json") {
        let id = String(file.dropLast(5))
        if ScenarioReader.isName(id), paths[id] == nil { paths[id] = "\(folder)/\(file)" }
      }
    }
    return paths
  }

  /// Reads the data sheet that `word` names.
  ///
  /// - Parameters:
  ///   - word: an id, which is the name without `.json` of a file in one of the folders, or else a
  ///     path.
  ///   - folder: what a relative path is relative to, with a slash behind it; empty for the working
  ///     directory.
  /// - Throws: ``ScenarioError/unreadable(path:reason:)`` with the known ids where there is no such
  ///   data sheet, ``ScenarioError/invalid(_:)`` with every error of its file.
  public func read(_ word: String, in folder: String = "") throws(ScenarioError) -> DataSheet {
    guard ScenarioReader.isName(word) else {
      return try DataSheetFile.read(path: SourceFile.path(word, in: folder))
    }
    let paths = paths
    guard let path = paths[word] else {
      let places = folders.map { "`\($0)`" }.joined(separator: " or ")
      throw .unreadable(
        path: word,
        reason: "is no data sheet in \(places)"
          + Spelling.advice(for: word, among: paths.keys.sorted(), accepted: accepted(paths)))
    }
    return try DataSheetFile.read(path: path)
  }

  /// Reads the data sheet of the device that a profile was measured on.
  ///
  /// - Parameters:
  ///   - word: as of ``read(_:in:)``; nil for the one sheet whose name says the profile's device.
  ///   - folder: as of ``read(_:in:)``.
  /// - Throws: what ``read(_:in:)`` throws, and ``ScenarioError/unreadable(path:reason:)`` where
  ///   the sheet cannot be that of the device, or none or several are named like it.
  public func source(
    _ word: String?, of loaded: LoadedProfile, in folder: String = ""
  ) throws(ScenarioError) -> DataSheet {
    let (profile, device) = (loaded.profile, loaded.profile.device)
    guard device.kind != "cpu" else {
      throw .unreadable(
        path: loaded.path,
        reason: "is the profile of a CPU, \(device.name): times are derived from those of GPUs "
          + "alone, whose data sheets say what bounds them")
    }
    guard let word else { return try sheet(named: device.name, profile: loaded.path) }
    let sheet = try read(word, in: folder)
    let read = Double(profile.readBytesPerSecond)
    guard read <= DataSheetShelf.mostOverSheet * Double(sheet.bytesPerSecond) else {
      throw .unreadable(
        path: word,
        reason: "is not the data sheet of the profile's device, \(device.name): a plain read gives "
          + "\(profile.readBytesPerSecond) bytes per second there, and the memory of "
          + "\(sheet.name) \(sheet.bytesPerSecond)")
    }
    return sheet
  }

  /// The one sheet that has the device's name, or else all of its words, or no other.
  private func sheet(named name: String, profile path: String) throws(ScenarioError) -> DataSheet {
    let paths = paths
    // What is wrong with a sheet that nobody asked for is nobody's business.
    let sheets = paths.compactMap { id, path in
      (try? DataSheetFile.read(path: path)).map { (id: id, sheet: $0) }
    }
    let words = DataSheetShelf.words(name)
    let exact = sheets.filter { DataSheetShelf.words($0.sheet.name) == words }
    let alike = sheets.filter {
      let own = DataSheetShelf.words($0.sheet.name)
      return own.isSubset(of: words) || words.isSubset(of: own)
    }
    let matching = exact.isEmpty ? alike : exact
    guard let only = matching.first, matching.count == 1 else {
      let several = matching.map { "`\($0.id)`" }.sorted().joined(separator: ", ")
      throw .unreadable(
        path: path,
        reason: "is of \(Escaping.quoted(name)), which "
          + (matching.isEmpty ? "no data sheet is named like" : "\(several) are named like")
          + "; say with `source` which data sheet is that device's; accepted: \(accepted(paths))")
    }
    return only.sheet
  }

  private func accepted(_ paths: [String: String]) -> String {
    (paths.keys.sorted() + ["a path"]).joined(separator: ", ")
  }

  /// The words of a name, in lower case: what is neither a letter nor a digit parts them.
  private static func words(_ name: String) -> Set<Substring> {
    Set(name.lowercased().split { !$0.isLetter && !$0.isNumber })
  }
}
