import CostModel
import Operators

/// The rows of one table of operator times.
struct OperatorTableReader {
  /// A row of a small operator, kept until all are known.
  private struct SmallRow {
    let ns: Int64
    let place: ImportedPoints.Place
  }

  let log: DiagnosticLog
  /// What one device has of the model.
  let model: ModelArchitecture
  /// What the table does not say, completed by what it does.
  private(set) var context: OperatorTableImport.Context
  /// What is left out, or made of something else.
  private(set) var notes: [String] = []
  /// How wide a row of each small operator is in the model.
  private let widths: [String: Int]
  private let head: ModelArchitecture.Projection
  private let formats: [KVFormat]
  /// The formats that rows have times of.
  private var timed: Set<String> = []
  /// Whether reading back is timed with the rotation undone, too.
  private var timesRotatedGather = false
  private var points = ImportedPoints()
  /// Rows of the small operators by their names and numbers of rows.
  private var small: [String: [Int: SmallRow]] = [:]
  /// Widths that rows of small operators have beside the model's.
  private var otherWidths: [String: (widths: Set<Int>, first: Cursor)] = [:]
  private var unknown: [String] = []
  private var firstLinear: ImportedPoints.Place?

  private static let keys = [
    "op", "name", "m", "k", "n", "batch", "context", "query", "tokens", "width", "rotated", "us",
  ]
  /// Keys of times by the name of their format.
  private static let timeKeys: [(format: String, keys: [String])] = [
    ("fp16", ["fp16_us", "bf16_us"]), ("int4", ["int4_us"]),
    ("int4-rotated", ["int4_rotated_us"]),
  ]

  /// The rows that an operator's times come from.
  static func rows(of kind: OperatorKind) -> String {
    switch kind {
    case .linear: "`op` `linear`"
    case .append: "`op` `kv_append`"
    case .decodeAttention: "`op` `attention_decode`"
    case .prefillAttention: "`op` `attention_prefill`"
    default: ""
    }
  }

  init(
    log: DiagnosticLog, model whole: ModelArchitecture, degree: Int,
    context: OperatorTableImport.Context
  ) {
    self.log = log
    model = whole.rank(ofDegree: degree)
    self.context = context
    formats = KVFormat.named.map {
      $0.with(metadataBytesPerVector: context.metadataBytesPerVector)
    }
    head = model.outputHead
    let heads = model.heads
    widths = [
      "rms_norm": model.hiddenSize, "residual_add": model.hiddenSize,
      "silu_mul": model.layerGroups[0].feedForward.activationElements / 3,
      "rotary": (heads.queryHeads + heads.kvHeads) * heads.headDim,
      // Sampling needs all logits.
      "sampling": whole.vocabSize,
    ]
  }

  /// Nil with at least one error where the table is refused. A list is one of rows.
  mutating func json(_ file: SourceFile) -> ImportedPoints? {
    guard let text = file.text(into: log), let root = JSONSource.parse(text, into: log) else {
      return nil
    }
    if case .sequence = root.kind { return rows(Cursor(node: root, path: "rows", log: log)) }
    guard
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
  mutating func csv(_ file: SourceFile) -> ImportedPoints? {
    CSVTable(file, columns: ["op"], into: log)
      .flatMap { rows(Cursor(node: $0.node, path: "rows", log: log)) }
  }

  private mutating func rows(_ list: Cursor) -> ImportedPoints? {
    guard let items = list.items(accepted: "a list of rows") else { return nil }
    guard items.count <= Limits.measurements else {
      list.refuse("\(items.count) rows; accepted: up to \(Limits.measurements)")
      return nil
    }
    let keys = OperatorTableReader.keys + OperatorTableReader.timeKeys.flatMap(\.keys)
    let rows = items.compactMap { $0.anyMapping(keys: keys) }
    // `us` and rows without rotation stand for what other rows have: look at all of them first.
    for row in rows {
      for (format, keys) in OperatorTableReader.timeKeys
      where keys.contains(where: { row.optional($0) != nil }) {
        timed.insert(format)
      }
      timesRotatedGather = timesRotatedGather || row.isWord("rotated", "true")
    }
    for row in rows {
      guard
        let op = row.required("op", accepted: "an operator's name")?
          .nonEmptyText(accepted: "an operator's name")
      else { continue }
      read(op, row)
    }
    addSmallPoints()
    checkLayers()
    notes += unknown.map {
      "\($0): left out, because no operator of kvsim is like it; steps will be priced without it"
    }
    return log.isEmpty ? points : nil
  }

  /// One row: its points, or nothing where it is refused or kept for later as a small one.
  private mutating func read(_ op: String, _ row: MappingCursor) {
    func size(_ key: String, from least: Int = 1) -> Int? {
      row.required(key, accepted: "a whole number from \(least)")?
        .integer(in: least...Limits.tokens)
    }
    let heads = model.heads
    switch op {
    case "linear":
      let sizes = (size("m"), size("k"), size("n"), time(row, "us"))
      guard let tokens = sizes.0, let inputs = sizes.1, let outputs = sizes.2, let ns = sizes.3
      else { return }
      firstLinear = firstLinear ?? row.place
      points.add(
        .linear(tokens: tokens, outputs: outputs, inputs: inputs), ns: ns,
        named: row.word("name") ?? "", at: row.place)
    case "attention_decode":
      guard let sequences = size("batch"), let context = size("context") else { return }
      addByFormat(row) {
        .decodeAttention(sequences: sequences, context: context, heads: heads, format: $0)
      }
    case "attention_prefill":
      let prefix = row.optional("context").map { $0.integer(in: 0...Limits.tokens) } ?? 0
      guard let tokens = size("query"), let prefix else { return }
      addByFormat(row, sharedBy: timed.isEmpty ? ["fp16"] : timed) {
        .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: $0)
      }
    case "kv_append":
      guard let tokens = size("tokens") else { return }
      addByFormat(row) { .append(tokens: tokens, heads: heads.withoutGroups, format: $0) }
    case "kv_dequantise":
      guard let tokens = size("tokens"), let shared = gathered(row) else { return }
      addByFormat(row, sharedBy: shared) {
        .gather(tokens: tokens, heads: heads.withoutGroups, format: $0)
      }
    case _ where widths[op] != nil:
      keepSmall(op, row, size("m"))
    default:
      if !unknown.contains(op) { unknown.append(op) }
    }
  }

  /// The four-bit formats that the one time of a row of `kv_dequantise` stands for; nil with an
  /// error where `rotated` is neither true nor false.
  private mutating func gathered(_ row: MappingCursor) -> Set<String>? {
    let fourBit = timed.intersection(["int4", "int4-rotated"])
    guard let cursor = row.optional("rotated") else { return fourBit }
    guard let isRotated = cursor.boolean() else { return nil }
    if isRotated { return fourBit.intersection(["int4-rotated"]) }
    guard fourBit.contains("int4-rotated"), !timesRotatedGather else {
      return fourBit.subtracting(["int4-rotated"])
    }
    note(
      "kv_dequantise: the table has no times of it with the rotation undone (`rotated`: true); "
        + "those without count for both")
    return fourBit
  }

  /// A point for each format that has a time in the row. Where none has, `us` counts for those
  /// that share it.
  private mutating func addByFormat(
    _ row: MappingCursor, sharedBy shared: Set<String>? = nil, _ shape: (KVFormat) -> OperatorShape
  ) {
    var isTimed = false
    for (name, keys) in OperatorTableReader.timeKeys {
      let given = keys.filter { row.optional($0) != nil }
      guard let key = given.first, let format = formats.first(where: { $0.name == name }) else {
        continue
      }
      isTimed = true
      if given.count > 1 {
        row.refuse(key: given[1], "does not go with `\(key)`: both are of 16 bits")
      }
      if let ns = time(row, key) { points.add(shape(format), ns: ns, at: row.place) }
    }
    guard !isTimed else { return }
    guard let shared else {
      row.place.refuse("no time; accepted: `bf16_us`, `fp16_us`, `int4_us`, `int4_rotated_us`")
      return
    }
    guard let ns = time(row, "us") else { return }
    for format in formats where shared.contains(format.name) {
      points.add(shape(format), ns: ns, at: row.place)
    }
  }

  private func time(_ row: MappingCursor, _ key: String) -> Int64? {
    let accepted = "a positive number of microseconds"
    return row.required(key, accepted: accepted)?
      .number(
        in: { $0 >= 0.001 && $0 * 1e3 <= Double(Limits.callNs) }, accepted: accepted
      ).map { Int64(($0 * 1e3).rounded()) }
  }

  private mutating func note(_ text: String) {
    if !notes.contains(text) { notes.append(text) }
  }

  // MARK: The model

  /// Times of attention do not say of which heads they are: that they are the model's shows in the
  /// layers beside them.
  private func checkLayers() {
    let layers = model.layerGroups.flatMap { model.projections(of: $0) } + [head]
    let isModels = points.measurements.contains { point in
      guard case .linear(_, let outputs, let inputs) = point.shape else { return false }
      return layers.contains { $0.outputs == outputs && $0.inputs == inputs }
    }
    guard !isModels, log.isEmpty, let firstLinear else { return }
    let shown = layers.prefix(Limits.choicesShown).map { "\($0.inputs) x \($0.outputs)" }
    firstLinear.refuse(
      "no `linear` of the table is of a layer of \(model.name), whose `k` x `n` are "
        + "\(shown.joined(separator: ", ")); pass the model whose layers were timed")
  }

  // MARK: Small operators

  private mutating func keepSmall(_ op: String, _ row: MappingCursor, _ count: Int?) {
    let given = row.optional("width")
    let width = given.map { $0.integer(in: 1...Limits.vocabSize) } ?? widths[op]
    guard let count, let width, let ns = time(row, "us") else { return }
    guard width == widths[op] else {
      if let given {
        otherWidths[op, default: ([], given)].widths.insert(width)
      }
      return
    }
    if let first = small[op]?[count] {
      row.place.refuse(
        "the same operator and sizes stand in line \(first.place.position.line); accepted: one row "
          + "for each")
    }
    small[op, default: [:]][count] = SmallRow(ns: ns, place: row.place)
  }

  /// Rows of other widths are of other things, such as the norms of single heads; where there are
  /// none of the model's width, they are of another model.
  private mutating func checkWidths() {
    for (op, others) in otherWidths.sorted(by: { $0.key < $1.key }) {
      let shown = others.widths.sorted().map(String.init).joined(separator: ", ")
      let own = widths[op] ?? 0
      guard small[op] != nil else {
        others.first.refuse(
          "the table's `\(op)` are of width \(shown); accepted: \(own), the width in \(model.name)")
        continue
      }
      note("\(op): rows of width \(shown) left out, because those of \(model.name) are of \(own)")
    }
  }

  /// The passes of a layer as kvsim counts them, made of those that the table has.
  private mutating func addSmallPoints() {
    checkWidths()
    let norm = small["rms_norm"] ?? [:]
    let residual = small["residual_add"] ?? [:]
    var both: [Int: SmallRow] = [:]
    for (count, row) in norm {
      guard let other = residual[count] else { continue }
      both[count] = SmallRow(ns: row.ns + other.ns, place: row.place)
    }
    var rotary = small["rotary"] ?? [:]
    if rotary.isEmpty, !both.isEmpty {
      rotary = both
      note(
        "rotary: the table has no times of it; taken as one rms_norm, of queries and keys, and one "
          + "residual_add, which moves as much")
    }
    let parts: [(kind: ElementwiseOperator, op: String, rows: [Int: SmallRow])] = [
      (.norm, "rms_norm", both), (.finalNorm, "rms_norm", norm), (.rotary, "rotary", rotary),
      (.activation, "silu_mul", small["silu_mul"] ?? [:]),
      (.sampling, "sampling", small["sampling"] ?? [:]),
    ]
    for part in parts {
      for (count, row) in part.rows.sorted(by: { $0.key < $1.key }) {
        points.add(
          .elementwise(part.kind, rows: count, width: widths[part.op] ?? 1), ns: row.ns,
          at: row.place)
      }
    }
  }
}

extension MappingCursor {
  /// Where the row stands.
  fileprivate var place: ImportedPoints.Place {
    ImportedPoints.Place(log: log, position: position, key: path)
  }

  /// The scalar that `key` holds, as it stands there; nil where it is none.
  fileprivate func word(_ key: String) -> String? {
    guard let cursor = optional(key), case .scalar(let text, _) = cursor.node.kind else {
      return nil
    }
    return text
  }

  fileprivate func isWord(_ key: String, _ text: String) -> Bool { word(key) == text }
}
