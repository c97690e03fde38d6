import CSQLite

/// Rows that SQLite fetches from memory by itself, as a table that stands in no file: so one
/// statement inserts a whole batch. Bound and run row by row, a statement's start and end take more
/// time than the row.
///
/// The table is an *eponymous virtual table* (https://sqlite.org/vtab.html, section 2): it is there
/// on its connection alone, under its name, and can only be read.
final class RowFeed {
  /// Writes a column of the row on which a cursor stands, as SQLite calls for it.
  typealias Column =
    @convention(c) (UnsafeMutablePointer<sqlite3_vtab_cursor>?, OpaquePointer?, Int32) -> Int32

  /// What the table's cursors look at.
  fileprivate struct Rows {
    let declaration: UnsafeMutablePointer<CChar>
    var first: UnsafeRawPointer?
    var count = 0
  }

  private let rows: UnsafeMutablePointer<Rows>
  private let module: UnsafeMutablePointer<sqlite3_module>

  /// Adds a table of these columns, which is empty except while it is fed.
  static func add(
    table name: String, columns: String, to connection: Connection, column: @escaping Column
  ) throws(TraceError) -> RowFeed {
    let feed = RowFeed(columns: columns, column: column)
    // The connection lets go of it when it is closed.
    let client = Unmanaged.passRetained(feed).toOpaque()
    try connection.addTable(name, feed.module, client: client) {
      Unmanaged<RowFeed>.fromOpaque($0!).release()
    }
    return feed
  }

  private init(columns: String, column: @escaping Column) {
    let declaration = "CREATE TABLE fed (\(columns))".utf8CString
    let text = UnsafeMutablePointer<CChar>.allocate(capacity: declaration.count)
    text.initialize(from: Array(declaration), count: declaration.count)
    rows = .allocate(capacity: 1)
    rows.initialize(to: Rows(declaration: text))
    var functions = sqlite3_module()
    functions.xConnect = { connection, client, _, _, table, _ in
      let feed = Unmanaged<RowFeed>.fromOpaque(client!).takeUnretainedValue()
      let code = sqlite3_declare_vtab(connection, feed.rows.pointee.declaration)
      guard code == SQLITE_OK else { return code }
      let fed = UnsafeMutablePointer<FedTable>.allocate(capacity: 1)
      fed.initialize(to: FedTable(base: sqlite3_vtab(), rows: feed.rows))
      table!.pointee = UnsafeMutableRawPointer(fed).assumingMemoryBound(to: sqlite3_vtab.self)
      return SQLITE_OK
    }
    functions.xDisconnect = { table in
      FedTable.at(table).deallocate()
      return SQLITE_OK
    }
    functions.xBestIndex = { _, _ in SQLITE_OK }
    functions.xOpen = { table, cursor in
      let fed = UnsafeMutablePointer<FedCursor>.allocate(capacity: 1)
      fed.initialize(
        to: FedCursor(base: sqlite3_vtab_cursor(), rows: FedTable.at(table).pointee.rows))
      cursor!.pointee = UnsafeMutableRawPointer(fed).assumingMemoryBound(
        to: sqlite3_vtab_cursor.self)
      return SQLITE_OK
    }
    functions.xClose = { cursor in
      FedCursor.at(cursor).deallocate()
      return SQLITE_OK
    }
    functions.xFilter = { cursor, _, _, _, _ in
      FedCursor.at(cursor).pointee.index = 0
      return SQLITE_OK
    }
    functions.xNext = { cursor in
      FedCursor.at(cursor).pointee.index += 1
      return SQLITE_OK
    }
    functions.xEof = { cursor in
      let fed = FedCursor.at(cursor)
      return fed.pointee.index < fed.pointee.rows.pointee.count ? 0 : 1
    }
    functions.xColumn = column
    functions.xRowid = { cursor, row in
      row!.pointee = Int64(FedCursor.at(cursor).pointee.index)
      return SQLITE_OK
    }
    module = .allocate(capacity: 1)
    module.initialize(to: functions)
  }

  deinit {
    rows.pointee.declaration.deallocate()
    rows.deallocate()
    module.deallocate()
  }

  /// Runs `body` while the table has these rows.
  func feed<Row>(
    _ rows: [Row], _ body: () throws(TraceError) -> Void
  ) throws(TraceError) {
    var failure: TraceError?
    rows.withUnsafeBytes { bytes in
      self.rows.pointee.first = bytes.baseAddress
      self.rows.pointee.count = rows.count
      do throws(TraceError) {
        try body()
      } catch {
        failure = error
      }
      self.rows.pointee.first = nil
      self.rows.pointee.count = 0
    }
    if let failure { throw failure }
  }

  /// The row on which a cursor stands.
  @inline(__always)
  static func row<Row>(
    of cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?, as type: Row.Type
  ) -> UnsafePointer<Row> {
    let fed = FedCursor.at(cursor)
    return fed.pointee.rows.pointee.first!.assumingMemoryBound(to: Row.self) + fed.pointee.index
  }
}

/// The table as SQLite knows it, with what is ours behind what is SQLite's.
private struct FedTable {
  var base: sqlite3_vtab
  let rows: UnsafeMutablePointer<RowFeed.Rows>

  static func at(_ table: UnsafeMutablePointer<sqlite3_vtab>?) -> UnsafeMutablePointer<FedTable> {
    UnsafeMutableRawPointer(table!).assumingMemoryBound(to: FedTable.self)
  }
}

/// A cursor, likewise.
private struct FedCursor {
  var base: sqlite3_vtab_cursor
  let rows: UnsafeMutablePointer<RowFeed.Rows>
  var index = 0

  @inline(__always)
  static func at(
    _ cursor: UnsafeMutablePointer<sqlite3_vtab_cursor>?
  ) -> UnsafeMutablePointer<FedCursor> {
    UnsafeMutableRawPointer(cursor!).assumingMemoryBound(to: FedCursor.self)
  }
}
