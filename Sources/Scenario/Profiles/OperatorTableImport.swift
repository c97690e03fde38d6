import CostModel
import Operators

/// Reads a table of operator times that other software measured, as a profile.
///
/// The table is JSON, an object whose `rows` are a list of objects, or CSV with the same names as
/// columns. A row has an `op`, its sizes, and microseconds: `us`, or one time for each KV format
/// (`fp16_us` or `bf16_us`, `int4_us`, `int4_rotated_us`); docs/cost-model.md lists them. Times are
/// those of one layer on one device; the widths of its heads come from the model's `config.json`.
public struct OperatorTableImport {
  /// What a table does not say of itself.
  public struct Context: Sendable {
    /// What the device is called; nil where the table says it.
    public var device: String?
    /// Whose kernels were timed; nil where the table says it.
    public var software: String?
    /// When, as a date or as ISO 8601 in UTC; nil where the table says it.
    public var measured: String?
    /// The device's data sheet, for its memory and bandwidth.
    public let sheet: DataSheet
    /// Bytes per second of a plain read; nil for the data sheet's bandwidth.
    public let readBytesPerSecond: Int?
    /// Tokens per page of the kernels.
    public let blockSize: Int
    /// Bytes of scale and zero of a vector in four-bit formats.
    public let metadataBytesPerVector: Int
    /// Whether the chunks of a step share one launch of attention.
    public let chunksShareLaunch: Bool

    /// A context, complete.
    public init(
      device: String?, software: String?, measured: String?, sheet: DataSheet,
      readBytesPerSecond: Int?, blockSize: Int, metadataBytesPerVector: Int,
      chunksShareLaunch: Bool
    ) {
      self.device = device
      self.software = software
      self.measured = measured
      self.sheet = sheet
      self.readBytesPerSecond = readBytesPerSecond
      self.blockSize = blockSize
      self.metadataBytesPerVector = metadataBytesPerVector
      self.chunksShareLaunch = chunksShareLaunch
    }
  }

  /// Why the import is not quite the table.
  public let notes: [String]
  /// The profile.
  public let profile: Profile

  /// Reads a table; every error of it comes out at once. What starts with a brace or a bracket is
  /// JSON.
  ///
  /// - Parameters:
  ///   - model: whose layers were timed.
  ///   - degree: the tensor parallelism: the times are of one device's share.
  public init(
    path: String, model whole: ModelArchitecture, degree: Int = 1, context: Context
  ) throws(ScenarioError) {
    if let obstacle = whole.obstacle(toDegree: degree) {
      throw .unreadable(path: path, reason: "cannot be read for \(whole.name): \(obstacle)")
    }
    let file = try SourceFile.read(path: path, limit: Limits.profileBytes)
    let first = file.bytes.first { !" \t\r\n".utf8.contains($0) }
    let isJSON = first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    let log = DiagnosticLog(file: path, dialect: isJSON ? .json : .csv)
    var reader = OperatorTableReader(log: log, model: whole, degree: degree, context: context)
    let points = isJSON ? reader.json(file) : reader.csv(file)
    let root = ImportedPoints.Place(log: log)
    let head = OperatorTableImport.head(reader.context, at: root)
    if log.isEmpty, let points {
      points.refuseGaps { (root, rows: OperatorTableReader.rows(of: $0)) }
    }
    try log.throwIfAny()
    guard let points, let head else {
      preconditionFailure("a table is neither valid nor refused")
    }
    profile = Profile(
      provenance: .imported,
      device: Device(
        name: head.device, kind: "gpu", kernelPath: head.software, threads: 0,
        memoryBytes: context.sheet.memoryBytes, lastLevelCacheBytes: 0,
        kernelVersion: "operator table of \(whole.name)"
          + (degree > 1 ? ", tensor parallelism \(degree)" : "")),
      measuredAtUTC: head.measuredAtUTC, blockSize: context.blockSize,
      readBytesPerSecond: context.readBytesPerSecond ?? context.sheet.bytesPerSecond,
      chunksShareLaunch: context.chunksShareLaunch, measurements: points.measurements)
    points.refuseUnreadable(profile, at: root)
    try log.throwIfAny()
    notes = reader.notes
  }

  /// What was measured, once table and options are read; nil with an error where neither says it.
  private static func head(
    _ context: Context, at root: ImportedPoints.Place
  ) -> (device: String, software: String, measuredAtUTC: String)? {
    guard root.log.isEmpty else { return nil }
    for (key, value, option) in [
      ("device", context.device, "--device-name"), ("software", context.software, "--software"),
      ("measured", context.measured, "--measured-at"),
    ] where value == nil {
      root.refuse("the table does not say `\(key)`; give it with \(option)")
    }
    guard let device = context.device, let software = context.software,
      let measured = context.measured
    else { return nil }
    guard let time = utc(measured) else {
      root.refuse("`measured` does not begin with a date; accepted: such as 2026-11-23")
      return nil
    }
    return (device, software, time)
  }

  /// A time in UTC, or midnight of the date with which the text begins; nil where it has none.
  private static func utc(_ text: String) -> String? {
    Timestamp.utc(text) ?? Timestamp.utc("\(text.prefix(10))T00:00:00Z")
  }
}
