import CSQLite

/// What somebody's own query may do on a connection, and for how long: read tables and views, call
/// functions, and nothing else. SQLite asks before it compiles any part of a statement.
enum QueryGuard {
  /// SQLite's instructions between two looks at the clock: some microseconds, where each is not a
  /// call that goes through megabytes of text.
  static let instructionsPerLook: Int32 = 1_000

  /// What a query may call: functions of SQLite that compute and do nothing else.
  private static let functions: Set<String> = [
    // Values and texts.
    "char", "coalesce", "concat", "concat_ws", "format", "glob", "hex", "ifnull", "iif", "instr",
    "length", "like", "likelihood", "likely", "lower", "ltrim", "max", "min", "nullif",
    "octet_length", "printf", "quote", "random", "randomblob", "replace", "rtrim", "soundex",
    "sqlite_version", "substr", "substring", "trim", "typeof", "unhex", "unicode", "unlikely",
    "upper", "zeroblob",
    // Numbers.
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "ceiling", "cos",
    "cosh", "degrees", "exp", "floor", "ln", "log", "log10", "log2", "mod", "pi", "pow", "power",
    "radians", "round", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
    // Dates.
    "current_date", "current_time", "current_timestamp", "date", "datetime", "julianday",
    "strftime", "time", "timediff", "unixepoch",
    // Of several rows.
    "avg", "count", "group_concat", "median", "percentile", "percentile_cont", "percentile_disc",
    "string_agg", "sum", "total",
    "cume_dist", "dense_rank", "first_value", "lag", "last_value", "lead", "nth_value", "ntile",
    "percent_rank", "rank", "row_number",
    // JSON.
    "->", "->>", "json", "json_array", "json_array_length", "json_error_position", "json_extract",
    "json_group_array", "json_group_object", "json_insert", "json_object", "json_patch",
    "json_pretty", "json_quote", "json_remove", "json_replace", "json_set", "json_type",
    "json_valid",
  ]

  /// Lets reads through alone.
  static func allowReadsAlone(on handle: OpaquePointer?) {
    sqlite3_set_authorizer(
      handle,
      { _, action, _, name, _, _ in
        switch action {
        case SQLITE_SELECT, SQLITE_READ, SQLITE_RECURSIVE: return SQLITE_OK
        case SQLITE_FUNCTION:
          let isKnown = name.map { QueryGuard.functions.contains(String(cString: $0)) } ?? false
          return isKnown ? SQLITE_OK : SQLITE_DENY
        default: return SQLITE_DENY
        }
      }, nil)
  }

  /// Interrupts what runs on a connection once the deadline has passed.
  /// - Parameter deadline: lives as long as the connection.
  static func interrupt(_ handle: OpaquePointer?, at deadline: Deadline) {
    sqlite3_progress_handler(
      handle, instructionsPerLook,
      { context in
        let deadline = Unmanaged<Deadline>.fromOpaque(context!).takeUnretainedValue()
        return deadline.hasPassed ? 1 : 0
      }, Unmanaged.passUnretained(deadline).toOpaque())
  }
}

/// When a query has had its time.
final class Deadline {
  private let clock = ContinuousClock()
  private var end: ContinuousClock.Instant?

  /// Counts from now on; nil sets no limit.
  func begin(_ limit: Duration?) { end = limit.map { clock.now + $0 } }

  var hasPassed: Bool {
    guard let end else { return false }
    return clock.now >= end
  }
}
