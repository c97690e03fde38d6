import CSQLite

/// What somebody's own query may do on a connection, and for how long: read tables and views, call
/// functions, and nothing else. SQLite asks before it compiles any part of a statement.
enum QueryGuard {
  /// SQLite's instructions between two looks at the clock: well under a millisecond.
  static let instructionsPerLook: Int32 = 10_000

  /// Lets reads through alone.
  static func allowReadsAlone(on handle: OpaquePointer?) {
    sqlite3_set_authorizer(
      handle,
      { _, action, _, name, _, _ in
        switch action {
        case SQLITE_SELECT, SQLITE_READ, SQLITE_RECURSIVE: return SQLITE_OK
        case SQLITE_FUNCTION:
          let isLoader = name.map { String(cString: $0) == "load_extension" } ?? true
          return isLoader ? SQLITE_DENY : SQLITE_OK
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
