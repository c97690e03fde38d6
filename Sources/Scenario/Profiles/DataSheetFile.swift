import CostModel
import Foundation

/// Reads data sheets: JSON of version ``DataSheetFile/schemaVersion``, described in
/// `docs/scenarios.md`.
public enum DataSheetFile {
  /// The version of a data sheet's file form that this code reads.
  public static let schemaVersion = 1

  /// Reads the data sheet that `word` names.
  ///
  /// - Parameters:
  ///   - word: an id, which is the name without `.json` of a file in the folder `data-sheets`
  ///     beside the profile, or else a path.
  ///   - folder: what a relative path is relative to, with a slash behind it; empty for the working
  ///     directory.
  ///   - profilePath: the path of the profile to derive from.
  /// - Throws: ``ScenarioError/unreadable(path:reason:)`` with the known ids where there is no such
  ///   data sheet, ``ScenarioError/invalid(_:)`` with every error of its file.
  public static func read(
    _ word: String, in folder: String, besideProfile profilePath: String
  ) throws(ScenarioError) -> DataSheet {
    guard ScenarioReader.isName(word) else {
      return try read(path: SourceFile.path(word, in: folder))
    }
    let shelf = DataSheetFile.shelf(besideProfile: profilePath)
    let known = ids(in: shelf)
    guard known.contains(word) else {
      let accepted = (known + ["a path"]).joined(separator: ", ")
      throw .unreadable(
        path: word,
        reason: "is no data sheet in `\(shelf)`"
          + Spelling.advice(for: word, among: known, accepted: accepted))
    }
    return try read(path: "\(shelf)/\(word).json")
  }

  /// Reads a data sheet of at most ``Limits/dataSheetBytes`` and checks it whole.
  public static func read(path: String) throws(ScenarioError) -> DataSheet {
    try parse(SourceFile.read(path: path, limit: Limits.dataSheetBytes))
  }

  /// The folder of the data sheets that ids name.
  static func shelf(besideProfile path: String) -> String {
    (path.lastIndex(of: "/").map { String(path[...$0]) } ?? "") + "data-sheets"
  }

  /// The ids of a folder's data sheets, in the order of the alphabet.
  static func ids(in shelf: String) -> [String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: shelf)) ?? []
    return files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }
      .filter(ScenarioReader.isName).sorted()
  }

  static func parse(_ file: SourceFile) throws(ScenarioError) -> DataSheet {
    let log = DiagnosticLog(file: file.path, dialect: .json)
    let root = file.text(into: log).flatMap { JSONSource.parse($0, into: log) }
    let sheet = root.flatMap { DataSheetFile.sheet(Cursor(node: $0, path: "", log: log)) }
    try log.throwIfAny()
    guard let sheet else { preconditionFailure("a data sheet is neither valid nor refused") }
    return sheet
  }

  /// Nil with at least one error where the data sheet is refused.
  private static func sheet(_ root: Cursor) -> DataSheet? {
    guard let any = root.anyMapping(keys: SchemaKeys.dataSheet) else { return nil }
    if let cursor = any.optional("kvsim_data_sheet"),
      let version = cursor.integer(in: 1...Int(Int32.max)), version != schemaVersion
    {
      // Of another version nothing else is judged: its rules are not known here.
      cursor.refuse(
        "this data sheet has version \(version); this kvsim reads version \(schemaVersion); "
          + "update kvsim")
      return nil
    }
    let file = any.refusingUnknownKeys()
    _ = file.required(
      "kvsim_data_sheet", accepted: "\(schemaVersion), the version of this form")
    let name = file.required("name", accepted: "the device's name")?
      .nonEmptyText(accepted: "the device's name")
    let memoryBytes = file.required("memory_bytes", accepted: "a whole number of bytes")?
      .integer(in: 1...Limits.memoryBytes, unit: "bytes")
    let bandwidth = file.required("bytes_per_second", accepted: "the memory's bandwidth")?
      .integer(in: Limits.dataSheetBandwidth, unit: "bytes per second")
    let rate = file.required("flops_per_second", accepted: "the rate of dense FP16 matrices")?
      .integer(in: Limits.dataSheetRate, unit: "operations per second")
    let accepted = "the document's title and address"
    let source = file.required("source", accepted: accepted)
      .flatMap { $0.text(accepted: accepted, limit: Limits.descriptionCharacters) }
    guard let name, let memoryBytes, let bandwidth, let rate, let source else { return nil }
    return DataSheet(
      name: name, memoryBytes: memoryBytes, bytesPerSecond: bandwidth, flopsPerSecond: rate,
      source: source)
  }
}
