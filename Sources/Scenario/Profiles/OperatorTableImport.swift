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

  /// Reads a table; every error of it comes out at once. What starts with a brace is JSON.
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
    let model = whole.rank(ofDegree: degree)
    let file = try SourceFile.read(path: path, limit: Limits.profileBytes)
    let isJSON = file.bytes.first { !" \t\r\n".utf8.contains($0) } == UInt8(ascii: "{")
    let log = DiagnosticLog(file: path, dialect: isJSON ? .json : .csv)
    var reader = TableReader(
      log: log, model: model, vocabulary: whole.vocabSize, context: context)
    let measurements = isJSON ? reader.json(file) : reader.csv(file)
    let context = reader.context
    for (key, value, option) in [
      ("device", context.device, "--device-name"), ("software", context.software, "--software"),
      ("measured", context.measured, "--measured-at"),
    ] where value == nil && log.isEmpty {
      log.report(at: .start, "the table does not say `\(key)`; give it with \(option)")
    }
    let time = context.measured.flatMap(OperatorTableImport.utc)
    if time == nil, log.isEmpty {
      log.report(
        at: .start, "`measured` does not begin with a date; accepted: such as 2026-11-23")
    }
    if log.isEmpty, let measurements {
      for gap in ProfileCoverage(measurements).gaps { log.report(at: .start, gap) }
      for finding in ProfilePlausibility(measurements).findings {
        let shape = measurements[finding.index].shape
        log.report(at: .start, "`\(shape.kind.name)` \(finding.message)")
      }
    }
    try log.throwIfAny()
    guard let measurements, let device = context.device, let software = context.software,
      let time
    else { preconditionFailure("a table is neither valid nor refused") }
    profile = Profile(
      provenance: .imported,
      device: Device(
        name: device, kind: "gpu", kernelPath: software, threads: 0,
        memoryBytes: context.sheet.memoryBytes, lastLevelCacheBytes: 0,
        kernelVersion: "operator table of \(model.name)"
          + (degree > 1 ? ", tensor parallelism \(degree)" : "")),
      measuredAtUTC: time, blockSize: context.blockSize,
      readBytesPerSecond: context.readBytesPerSecond ?? context.sheet.bytesPerSecond,
      chunksShareLaunch: context.chunksShareLaunch, measurements: measurements)
    notes = reader.notes
  }

  /// A time in UTC, or midnight of the date with which the text begins; nil where it has none.
  private static func utc(_ text: String) -> String? {
    if Timestamp.isISO8601UTC(text) { return text }
    let midnight = "\(text.prefix(10))T00:00:00Z"
    return Timestamp.isISO8601UTC(midnight) ? midnight : nil
  }
}

/// The rows of one table.
private struct TableReader {
  let log: DiagnosticLog
  /// What one device has of the model.
  let model: ModelArchitecture
  /// The whole model's: sampling needs all logits.
  let vocabulary: Int
  private(set) var context: OperatorTableImport.Context
  private(set) var notes: [String] = []
  private let formats: [KVFormat]
  /// Times of the small operators in nanoseconds, by their names and rows.
  private var small: [String: [Int: Int64]] = [:]
  private var unknown: [String] = []

  private static let keys = [
    "op", "m", "k", "n", "batch", "context", "query", "tokens", "width", "us",
  ]
  /// Keys of times by the name of their format.
  private static let timeKeys: [(format: String, keys: [String])] = [
    ("fp16", ["fp16_us", "bf16_us"]), ("int4", ["int4_us"]),
    ("int4-rotated", ["int4_rotated_us"]),
  ]
  private static let smallOperators = [
    "rms_norm", "residual_add", "silu_mul", "rotary", "sampling",
  ]

  init(
    log: DiagnosticLog, model: ModelArchitecture, vocabulary: Int,
    context: OperatorTableImport.Context
  ) {
    self.log = log
    self.model = model
    self.vocabulary = vocabulary
    self.context = context
    formats = KVFormat.named.map {
      $0.with(metadataBytesPerVector: context.metadataBytesPerVector)
    }
  }

  /// Nil with at least one error where the table is refused.
  mutating func json(_ file: SourceFile) -> [Measurement]? {
    guard let text = file.text(into: log), let root = JSONSource.parse(text, into: log),
      let table = Cursor(node: root, path: "", log: log)
        .anyMapping(keys: ["device", "software", "measured", "rows"])
    else { return nil }
    func word(_ key: String, unless given: String?) -> String? {
      given ?? table.optional(key)?.nonEmptyText(accepted: "text")
    }
    context.device = word("device", unless: context.device)
    context.software = word("software", unless: context.software)
    context.measured = word("measured", unless: context.measured)
    return table.required("rows", accepted: "a list of rows")
      .flatMap { rows($0) }
  }

  /// Nil with at least one error where the table is refused.
  mutating func csv(_ file: SourceFile) -> [Measurement]? {
    CSVTable(file, columns: ["op"], into: log)
      .flatMap { rows(Cursor(node: $0.node, path: "rows", log: log)) }
  }

  private mutating func rows(_ list: Cursor) -> [Measurement]? {
    guard let items = list.items(accepted: "a list of rows") else { return nil }
    guard items.count <= Limits.measurements else {
      list.refuse("\(items.count) rows; accepted: up to \(Limits.measurements)")
      return nil
    }
    let keys = TableReader.keys + TableReader.timeKeys.flatMap(\.keys)
    var measurements: [Measurement] = []
    for item in items {
      guard let row = item.anyMapping(keys: keys),
        let op = row.required("op", accepted: "an operator's name")?
          .nonEmptyText(accepted: "an operator's name")
      else { continue }
      measurements += points(op, row)
    }
    measurements += smallPoints()
    notes += unknown.map {
      "\($0): left out, because no operator of kvsim is like it; steps will be priced without it"
    }
    return log.isEmpty ? measurements : nil
  }

  /// The points of one row; none where it is refused, or kept for later as one of the small ones.
  private mutating func points(_ op: String, _ row: MappingCursor) -> [Measurement] {
    func size(_ key: String, from least: Int = 1) -> Int? {
      row.required(key, accepted: "a whole number from \(least)")?
        .integer(in: least...Limits.tokens)
    }
    let heads = model.heads
    switch op {
    case "linear":
      let sizes = (size("m"), size("k"), size("n"), time(row, "us"))
      guard let tokens = sizes.0, let inputs = sizes.1, let outputs = sizes.2, let ns = sizes.3
      else { return [] }
      return [point(.linear(tokens: tokens, outputs: outputs, inputs: inputs), ns)]
    case "attention_decode":
      guard let sequences = size("batch"), let context = size("context") else { return [] }
      return byFormat(row) {
        .decodeAttention(sequences: sequences, context: context, heads: heads, format: $0)
      }
    case "attention_prefill":
      let prefix = row.optional("context").map { $0.integer(in: 0...Limits.tokens) } ?? 0
      guard let tokens = size("query"), let prefix else { return [] }
      return byFormat(row, sharedBy: { _ in true }) {
        .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: $0)
      }
    case "kv_append":
      guard let tokens = size("tokens") else { return [] }
      return byFormat(row) { .append(tokens: tokens, heads: heads.withoutGroups, format: $0) }
    case "kv_dequantise":
      guard let tokens = size("tokens") else { return [] }
      return byFormat(row, sharedBy: { $0.bitsPerElement < 16 }) {
        .gather(tokens: tokens, heads: heads.withoutGroups, format: $0)
      }
    case _ where TableReader.smallOperators.contains(op):
      if let rows = size("m"), let ns = time(row, "us") { small[op, default: [:]][rows] = ns }
      return []
    default:
      if !unknown.contains(op) { unknown.append(op) }
      return []
    }
  }

  /// A point for each format that has a time in the row. Where none has, `us` counts for those that
  /// share it.
  private func byFormat(
    _ row: MappingCursor, sharedBy isShared: ((KVFormat) -> Bool)? = nil,
    _ shape: (KVFormat) -> OperatorShape
  ) -> [Measurement] {
    var points: [Measurement] = []
    for (name, keys) in TableReader.timeKeys {
      guard let key = keys.first(where: { row.optional($0) != nil }), let ns = time(row, key),
        let format = formats.first(where: { $0.name == name })
      else { continue }
      points.append(point(shape(format), ns))
    }
    guard points.isEmpty, log.isEmpty else { return points }
    guard let isShared else {
      log.report(
        at: row.position, key: row.path,
        "no time; accepted: `bf16_us`, `fp16_us`, `int4_us`, `int4_rotated_us`")
      return []
    }
    guard let ns = time(row, "us") else { return [] }
    return formats.filter(isShared).map { point(shape($0), ns) }
  }

  private func time(_ row: MappingCursor, _ key: String) -> Int64? {
    let accepted = "a positive number of microseconds"
    return row.required(key, accepted: accepted)?
      .number(
        in: { $0 >= 0.001 && $0 * 1e3 <= Double(Limits.callNs) }, accepted: accepted
      ).map { Int64(($0 * 1e3).rounded()) }
  }

  private func point(_ shape: OperatorShape, _ ns: Int64) -> Measurement {
    Measurement(shape: shape, isHeldOut: false, timesNs: [ns])
  }

  // MARK: Small operators

  /// The passes of a layer as kvsim counts them, made of those that the table has.
  private mutating func smallPoints() -> [Measurement] {
    let norm = small["rms_norm"] ?? [:]
    let residual = small["residual_add"] ?? [:]
    let both = norm.merging(residual) { $0 + $1 }.filter {
      norm[$0.key] != nil && residual[$0.key] != nil
    }
    var rotary = small["rotary"] ?? [:]
    if rotary.isEmpty, !both.isEmpty {
      rotary = both
      notes.append(
        "rotary: the table has no times of it; taken as one rms_norm, of queries and keys, and one "
          + "residual_add, which moves as much")
    }
    let heads = model.heads
    let group = model.layerGroups[0].feedForward
    let parts: [(ElementwiseOperator, Int, [Int: Int64])] = [
      (.norm, model.hiddenSize, both),
      (.finalNorm, model.hiddenSize, norm),
      (.rotary, (heads.queryHeads + heads.kvHeads) * heads.headDim, rotary),
      (.activation, group.activationElements / 3, small["silu_mul"] ?? [:]),
      (.sampling, vocabulary, small["sampling"] ?? [:]),
    ]
    return parts.flatMap { kind, width, times in
      times.sorted { $0.key < $1.key }.map { rows, ns in
        point(.elementwise(kind, rows: rows, width: width), ns)
      }
    }
  }
}
