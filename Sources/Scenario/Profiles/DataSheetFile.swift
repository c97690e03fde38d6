import CostModel

/// Reads data sheets: JSON of version ``DataSheetFile/schemaVersion``, described in
/// `docs/scenarios.md`.
public enum DataSheetFile {
  /// The version of a data sheet's file form that this code reads.
  public static let schemaVersion = 1

  /// Reads a data sheet of at most ``Limits/dataSheetBytes`` and checks it whole.
  public static func read(path: String) throws(ScenarioError) -> DataSheet {
    try parse(SourceFile.read(path: path, limit: Limits.dataSheetBytes))
  }

  static func parse(_ file: SourceFile) throws(ScenarioError) -> DataSheet {
    try file.json("a data sheet") { root, _ in sheet(root) }.value
  }

  /// Nil with at least one error where the data sheet is refused.
  private static func sheet(_ root: Cursor) -> DataSheet? {
    guard let any = root.anyMapping(keys: SchemaKeys.dataSheet),
      any.isOfVersion(schemaVersion, key: "kvsim_data_sheet", what: "this data sheet")
    else { return nil }
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
    let source = file.required("source", accepted: accepted)?
      .nonEmptyText(accepted: accepted, limit: Limits.descriptionCharacters)
    guard let name, let memoryBytes, let bandwidth, let rate, let source else { return nil }
    return DataSheet(
      name: name, memoryBytes: memoryBytes, bytesPerSecond: bandwidth, flopsPerSecond: rate,
      source: source)
  }
}
