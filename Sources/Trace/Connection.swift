import CSQLite

/// An open SQLite database, closed with the last reference to it. This file is the only one of the
/// module that touches SQLite's pointers.
///
/// One connection belongs to one thread at a time: it is opened without SQLite's own mutexes.
final class Connection {
  /// How to open a file.
  enum Mode {
    /// A new file, for writing.
    case create
    /// A file that somebody else may have made: read only, and trusted as little as can be.
    case readUntrusted
    /// The same, but that SQLite may take back what was not committed.
    case recoverUntrusted
  }

  /// The path that errors name, which may differ from the file that is open.
  let path: String
  private var handle: OpaquePointer?
  private let deadline = Deadline()

  /// Opens a file, never through a link.
  /// - Parameters:
  ///   - file: the file to open, absolute, links in its folders resolved.
  ///   - path: the path to name in errors.
  init(file: String, path: String, mode: Mode) throws(TraceError) {
    self.path = path
    let access =
      switch mode {
      case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
      case .readUntrusted: SQLITE_OPEN_READONLY
      case .recoverUntrusted: SQLITE_OPEN_READWRITE
      }
    let flags = access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE
    try check(sqlite3_open_v2(file, &handle, flags, nil))
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, TraceLimits.textBytes)
    if mode != .create { try harden() }
  }

  deinit {
    // Unlike sqlite3_close, this waits for statements that are still alive.
    sqlite3_close_v2(handle)
  }

  /// Closes the file; everything prepared on it must be gone.
  func close() throws(TraceError) {
    try check(sqlite3_close(handle))
    handle = nil
  }

  /// Runs statements that return no rows, or whose rows do not matter.
  func execute(_ sql: String) throws(TraceError) {
    try check(sqlite3_exec(handle, sql, nil, nil, nil))
  }

  /// Compiles one statement, to be run many times.
  func prepare(_ sql: String) throws(TraceError) -> Statement {
    var statement: OpaquePointer?
    try check(
      sqlite3_prepare_v3(
        handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil))
    return Statement(owning: statement, of: self)
  }

  /// Compiles one statement that somebody else wrote, which may only read, and has so long for it.
  /// - Throws: `badQuery` where it is none, more than one, or wants more than to read.
  func prepareQuery(_ sql: String, timeLimit: Duration?) throws(TraceError) -> Statement {
    var statement: OpaquePointer?
    var hasMore = false
    var sql = sql
    let code = sql.withUTF8 { bytes -> Int32 in
      guard let base = bytes.baseAddress else { return SQLITE_OK }
      return base.withMemoryRebound(to: CChar.self, capacity: bytes.count) { text in
        var tail: UnsafePointer<CChar>?
        let code = sqlite3_prepare_v3(handle, text, Int32(bytes.count), 0, &statement, &tail)
        var next: OpaquePointer?
        guard code == SQLITE_OK else { return code }
        let rest = tail.map { Int32(bytes.count - (UnsafePointer(text).distance(to: $0))) } ?? 0
        // Comments and spaces behind a statement compile to none.
        let more = sqlite3_prepare_v3(handle, tail, rest, 0, &next, nil)
        hasMore = statement != nil && (next != nil || more != SQLITE_OK)
        sqlite3_finalize(next)
        return code
      }
    }
    let prepared = Statement(owning: statement, of: self)
    guard code == SQLITE_OK else {
      let isDenied = code & 0xff == SQLITE_AUTH
      throw .badQuery(
        path: path, reason: isDenied ? "it wants more than to read" : message(code))
    }
    guard !hasMore else { throw .badQuery(path: path, reason: "it is more than one statement") }
    guard statement != nil else { throw .badQuery(path: path, reason: "it is empty") }
    // Some statements, such as VACUUM, do not ask before they are run.
    guard sqlite3_stmt_readonly(statement) != 0 else {
      throw .badQuery(path: path, reason: "it wants more than to read")
    }
    deadline.begin(timeLimit)
    return prepared
  }

  /// Adds a table that `module` makes of `client`, which is let go of when the connection closes.
  func addTable(
    _ name: String, _ module: UnsafePointer<sqlite3_module>, client: UnsafeMutableRawPointer,
    letGo: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void
  ) throws(TraceError) {
    try check(sqlite3_create_module_v2(handle, name, module, client, letGo))
  }

  /// The whole database, as its file has it or would have it.
  func serialized() throws(TraceError) -> [UInt8] {
    var count: sqlite3_int64 = 0
    guard let bytes = sqlite3_serialize(handle, "main", &count, 0) else {
      throw error(SQLITE_NOMEM)
    }
    defer { sqlite3_free(bytes) }
    return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
  }

  /// Puts a database in memory, to be read alone, in the place of an attached one. Its bytes are to
  /// stay as they are until the next is put there, or nobody asks for it.
  func reopen(
    _ schema: String, on bytes: UnsafeMutableRawPointer, count: Int
  ) throws(TraceError) {
    try check(
      sqlite3_deserialize(
        handle, schema, bytes.assumingMemoryBound(to: UInt8.self), Int64(count), Int64(count),
        UInt32(SQLITE_DESERIALIZE_READONLY)))
  }

  /// The rowid of the row inserted last.
  var lastRow: Int64 { sqlite3_last_insert_rowid(handle) }

  /// The first column of the first row of a query; nil without a row, or for NULL.
  func integer(_ sql: String) throws(TraceError) -> Int64? {
    let statement = try prepare(sql)
    return try statement.step() ? statement.optionalInteger(0) : nil
  }

  /// Throws as SQLite does where it checks foreign keys, unless a table has a row of this number.
  func checkPresence(of id: Int64, in table: String) throws(TraceError) {
    let row = try prepare("SELECT 1 FROM \(table) WHERE id = ?1")
    try row.bind(1, id)
    guard try row.step() else {
      throw .sqlite(
        path: path, code: SQLITE_CONSTRAINT | 3 << 8, reason: "there is no \(table) \(id)")
    }
  }

  /// Throws what a result code means, unless it means success.
  @inline(__always)
  fileprivate func check(_ code: Int32) throws(TraceError) {
    if code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE { return }
    throw error(code)
  }

  private func error(_ code: Int32) -> TraceError {
    let reason = message(code)
    switch code & 0xff {
    case SQLITE_FULL: return .diskFull(path: path)
    case SQLITE_NOTADB: return .notATrace(path: path)
    case SQLITE_CORRUPT: return .damaged(path: path, reason: reason)
    case SQLITE_BUSY: return .busy(path: path)
    case SQLITE_INTERRUPT: return .queryTimeLimit(path: path)
    case SQLITE_IOERR where sqlite3_system_errno(handle) == noRoom: return .diskFull(path: path)
    default: return .sqlite(path: path, code: code, reason: reason)
    }
  }

  private func message(_ code: Int32) -> String {
    String(cString: handle == nil ? sqlite3_errstr(code) : sqlite3_errmsg(handle))
  }

  /// Interrupts whatever runs once so much time has passed; nil sets no limit.
  func limitTime(_ limit: Duration?) {
    QueryGuard.interrupt(handle, at: deadline)
    deadline.begin(limit)
  }

  /// Lets queries of the user's own in, which read and do nothing else. They may name the file's
  /// views, and be as long as people write them.
  /// - Precondition: the file's schema is a trace's, word for word.
  func allowQueries() throws(TraceError) {
    try check(csqlite_configure(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 1))
    let limits: [(limit: Int32, value: Int32)] = [
      (SQLITE_LIMIT_COLUMN, 200), (SQLITE_LIMIT_EXPR_DEPTH, 100),
      (SQLITE_LIMIT_COMPOUND_SELECT, 50), (SQLITE_LIMIT_LENGTH, TraceLimits.queriedBytes),
    ]
    for (limit, value) in limits { sqlite3_limit(handle, limit, value) }
    QueryGuard.allowReadsAlone(on: handle)
    QueryGuard.interrupt(handle, at: deadline)
  }

  /// Gives a file from outside as little to work with as SQLite allows.
  private func harden() throws(TraceError) {
    let switches: [(option: Int32, on: Int32)] = [
      (SQLITE_DBCONFIG_DEFENSIVE, 1), (SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
      (SQLITE_DBCONFIG_ENABLE_TRIGGER, 0), (SQLITE_DBCONFIG_ENABLE_VIEW, 0),
      (SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0), (SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0),
    ]
    for (option, on) in switches { try check(csqlite_configure(handle, option, on)) }
    let limits: [(limit: Int32, value: Int32)] = [
      (SQLITE_LIMIT_SQL_LENGTH, 100_000), (SQLITE_LIMIT_COLUMN, 100), (SQLITE_LIMIT_EXPR_DEPTH, 10),
      (SQLITE_LIMIT_COMPOUND_SELECT, 3), (SQLITE_LIMIT_VDBE_OP, 25_000),
      (SQLITE_LIMIT_ATTACHED, 0), (SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    ]
    for (limit, value) in limits { sqlite3_limit(handle, limit, value) }
    // Memory-mapped reads would turn a file truncated under us into a signal.
    try execute("PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON; PRAGMA query_only = ON;")
  }
}

/// A compiled statement, finalised with the last reference to it. Parameters count from 1 and
/// columns from 0, as in SQLite.
final class Statement {
  private let handle: OpaquePointer?
  private let connection: Connection

  fileprivate init(owning handle: OpaquePointer?, of connection: Connection) {
    self.handle = handle
    self.connection = connection
  }

  deinit {
    sqlite3_finalize(handle)
  }

  /// Binds an integer. A parameter keeps its value until it is bound again.
  @inline(__always)
  func bind(_ parameter: Int32, _ value: Int64) throws(TraceError) {
    try connection.check(sqlite3_bind_int64(handle, parameter, value))
  }

  /// Binds a time, with -1 standing for NULL.
  @inline(__always)
  func bind(_ parameter: Int32, unlessNegative value: Int64) throws(TraceError) {
    if value >= 0 { return try bind(parameter, value) }
    try connection.check(sqlite3_bind_null(handle, parameter))
  }

  /// Binds a number, or NULL for nil and for what is not a number.
  func bind(_ parameter: Int32, _ value: Double?) throws(TraceError) {
    let code =
      value.map { sqlite3_bind_double(handle, parameter, $0) }
      ?? sqlite3_bind_null(handle, parameter)
    try connection.check(code)
  }

  /// Binds text, copied once; it too stays for all rows until it is bound again.
  func bind(_ parameter: Int32, _ value: String?) throws(TraceError) {
    guard var value else { return try connection.check(sqlite3_bind_null(handle, parameter)) }
    // SQLite's mark for "copy the text before this call returns".
    let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    let code = value.withUTF8 { bytes in
      // An empty string may have no address, which SQLite would take for NULL.
      guard let base = bytes.baseAddress else {
        return sqlite3_bind_text(handle, parameter, "", 0, transient)
      }
      return base.withMemoryRebound(to: CChar.self, capacity: bytes.count) {
        sqlite3_bind_text64(
          handle, parameter, $0, UInt64(bytes.count), transient, UInt8(SQLITE_UTF8))
      }
    }
    try connection.check(code)
  }

  /// Binds a parameter by its name, colon included; false where the statement has none of it.
  func bind(_ name: String, _ value: QueryValue) throws(TraceError) -> Bool {
    let parameter = sqlite3_bind_parameter_index(handle, name)
    guard parameter > 0 else { return false }
    switch value {
    case .null: try bind(parameter, String?.none)
    case .integer(let integer): try bind(parameter, integer)
    case .real(let real): try bind(parameter, real)
    case .text(let text): try bind(parameter, text)
    case .bytes: preconditionFailure("parameters are numbers and texts")
    }
    return true
  }

  /// Names of the parameters, in their order, colons included.
  var parameterNames: [String] {
    (0..<sqlite3_bind_parameter_count(handle)).compactMap {
      sqlite3_bind_parameter_name(handle, $0 + 1).map { String(cString: $0) }
    }
  }

  /// Names of the columns, as the statement gives them.
  var columnNames: [String] {
    (0..<sqlite3_column_count(handle)).map { String(cString: sqlite3_column_name(handle, $0)) }
  }

  /// A column of any type.
  func value(_ column: Int32) -> QueryValue {
    switch sqlite3_column_type(handle, column) {
    case SQLITE_NULL: .null
    case SQLITE_INTEGER: .integer(sqlite3_column_int64(handle, column))
    case SQLITE_FLOAT: .real(sqlite3_column_double(handle, column))
    case SQLITE_TEXT: .text(text(column))
    default: .bytes(count: Int(sqlite3_column_bytes(handle, column)))
    }
  }

  /// Moves to the next row; false when there is none.
  func step() throws(TraceError) -> Bool {
    let code = sqlite3_step(handle)
    if code == SQLITE_ROW { return true }
    try connection.check(code)
    return false
  }

  /// Makes it ready to run again, from the first row.
  func reset() { sqlite3_reset(handle) }

  /// Runs a statement that returns no rows, and makes it ready to run again.
  @inline(__always)
  func run() throws(TraceError) {
    let code = sqlite3_step(handle)
    // Errors are read first: the reset may replace their message.
    defer { sqlite3_reset(handle) }
    try connection.check(code)
  }

  /// How many columns the rows have.
  var columnCount: Int { Int(sqlite3_column_count(handle)) }

  /// A column that cannot be NULL, as an integer.
  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  /// A column as an integer; nil for NULL.
  func optionalInteger(_ column: Int32) -> Int64? {
    isNull(column) ? nil : sqlite3_column_int64(handle, column)
  }

  /// A column as a number; nil for NULL.
  func optionalDouble(_ column: Int32) -> Double? {
    isNull(column) ? nil : sqlite3_column_double(handle, column)
  }

  /// A column as text, ill-formed bytes replaced; nil for NULL.
  func optionalText(_ column: Int32) -> String? {
    guard let text = sqlite3_column_text(handle, column) else { return nil }
    let bytes = UnsafeBufferPointer(
      start: text, count: Int(sqlite3_column_bytes(handle, column)))
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A column that cannot be NULL, as text.
  func text(_ column: Int32) -> String { optionalText(column) ?? "" }

  private func isNull(_ column: Int32) -> Bool {
    sqlite3_column_type(handle, column) == SQLITE_NULL
  }
}
