import Simulator

/// Takes nearly all of a trace's rows: lays them out in memory as SQLite stores them, and has
/// SQLite copy them, a batch at a time.
///
/// An `INSERT INTO … SELECT *` from a table with the very same declaration copies rows as they
/// stand, without looking into them; SQLite compacts databases by it, too. Rows that it puts
/// together of columns and checks, and of which it computes the generated columns only to forget
/// them, take three times as long. All that a record changes stands in this one value: in several
/// properties of the writer, it would take as long to reach as a row's digest.
struct PendingRows: ~Copyable {
  /// Tables of which each record makes a row; all begin with `seq`, their rowid.
  private static let tables = ["request", "step", "event"]
  /// What the database of the rows is called on the writer's connection.
  private static let name = "pending"

  /// What was recorded of the run.
  private(set) var totals = RecordTotals()
  /// The place of the last record.
  private(set) var seq: Int64 = 0
  /// Rows that are not in the file.
  private(set) var count = 0

  /// What inserts the rows of each table.
  private var inserts: [String] = []
  private var run: Int64 = 0
  private var format: [UInt8] = []
  private var row = RowEncoder()
  private var pages: RowPages
  private var requests: RowTable
  private var steps: RowTable
  private var events: RowTable

  /// No rows, for a connection that has a trace's tables.
  /// - Precondition: no transaction is open.
  static func attached(to connection: Connection) throws(TraceError) -> PendingRows {
    var declarations: [String] = []
    for table in PendingRows.tables {
      let row = try connection.prepare("SELECT sql FROM sqlite_schema WHERE name = ?1")
      try row.bind(1, table)
      _ = try row.step()
      declarations.append(row.text(0))
    }
    try connection.execute("ATTACH ':memory:' AS \(PendingRows.name)")
    var rows = PendingRows(try RowPages.Template(declarations))
    try rows.pages.open(as: name, on: connection)
    for table in tables { rows.inserts.append(try insert(into: table, on: connection)) }
    return rows
  }

  /// What copies a table's rows; where this SQLite does not copy, and so refuses to take generated
  /// columns for others, what takes all other columns one by one.
  private static func insert(
    into table: String, on connection: Connection
  ) throws(TraceError) -> String {
    let copy = "INSERT INTO main.\(table) SELECT * FROM \(name).\(table)"
    do throws(TraceError) {
      _ = try connection.prepare(copy)
      return copy
    } catch {
      let row = try connection.prepare(
        "SELECT group_concat(name) FROM pragma_table_xinfo(?1) WHERE hidden = 0")
      try row.bind(1, table)
      _ = try row.step()
      let columns = row.text(0)
      return "INSERT INTO main.\(table) (\(columns)) SELECT \(columns) FROM \(name).\(table)"
    }
  }

  private init(_ template: RowPages.Template) {
    pages = RowPages(template)
    (requests, steps, events) = (template.tables[0], template.tables[1], template.tables[2])
  }

  /// A run begins.
  mutating func begin(run: Int64, format: String) {
    self.run = run
    self.format = Array(format.utf8)
    totals = RecordTotals()
  }

  /// Appends all rows to the file, in a transaction of their own and of what `others` inserts.
  /// - Precondition: no transaction is open.
  mutating func insertAll(
    on connection: Connection, with others: () throws(TraceError) -> Void
  ) throws(TraceError) {
    guard count > 0 else { return }
    pages.close(&requests)
    pages.close(&steps)
    pages.close(&events)
    try pages.open(as: PendingRows.name, on: connection)
    try connection.execute("BEGIN")
    for insert in inserts { try connection.execute(insert) }
    try others()
    try connection.execute("COMMIT")
    pages.removeRows()
    requests.removeRows()
    steps.removeRows()
    events.removeRows()
    count = 0
  }

  /// Begins the next row of the file.
  @inline(__always)
  private mutating func beginRow() {
    seq += 1
    count += 1
    row.begin()
    row.put(run)
  }

  /// Adds a request.
  mutating func append(_ request: RequestRecord) {
    beginRow()
    format.withUnsafeBytes { row.put(text: $0) }
    row.put(request.id)
    row.put(request.arrivalNs)
    row.put(unlessNegative: request.scheduledNs)
    row.put(unlessNegative: request.firstTokenNs)
    row.put(request.finishNs)
    row.put(request.promptTokens)
    row.put(request.cachedTokens)
    row.put(request.outputTokens)
    row.put(request.preemptions)
    row.put(request.outcome.stored)
    row.put(request.requestClass)
    row.put(request.priority)
    row.put(request.replica)
    row.put(request.samples)
    row.put(request.lastSampleTokens)
    pages.append(row, seq: seq, to: &requests)
    totals.record(request)
  }

  /// Adds a row of steps.
  mutating func append(_ run: StepRecord) {
    beginRow()
    row.put(totals.stepRows)
    row.put(run.startNs)
    row.put(run.endNs)
    row.put(run.steps)
    row.put(run.decodeSequences)
    row.put(run.contextTokens)
    row.put(run.prefillSequences)
    row.put(run.prefillTokens)
    row.put(run.waitingRequests)
    row.put(run.preemptedRequests)
    row.put(run.usedBlocks)
    row.put(run.emptySlots)
    row.put(run.cost.linearNs)
    row.put(run.cost.appendNs)
    row.put(run.cost.decodeAttentionNs)
    row.put(run.cost.prefillAttentionNs)
    row.put(run.cost.elementwiseNs)
    row.put(run.cost.collectiveNs)
    row.put(run.cost.hostNs)
    row.put(run.cost.swapNs)
    row.put(run.cost.extrapolatedNs)
    row.put(run.cost.derivedNs)
    row.put(run.replica)
    pages.append(row, seq: seq, to: &steps)
    totals.record(run)
  }

  /// Adds an event.
  mutating func append(_ event: EventRecord) {
    beginRow()
    row.put(event.kind.stored)
    row.put(event.timeNs)
    row.put(event.startNs)
    row.put(event.replica)
    row.put(unlessNegative: event.toReplica)
    row.put(unlessNegative: event.request)
    row.put(event.sample)
    row.put(event.cause.stored)
    row.put(unlessNegative: event.yieldedTo)
    row.put(event.tokens)
    row.put(event.blocks)
    pages.append(row, seq: seq, to: &events)
    totals.record(event)
  }
}
