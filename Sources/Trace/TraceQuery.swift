/// What a query gives, row by row.
///
/// Belongs to one thread at a time, as its reader does.
public final class TraceQuery {
  private let statement: Statement
  /// Names of the columns.
  public let columns: [String]

  init(_ statement: Statement) {
    self.statement = statement
    columns = statement.columnNames
  }

  /// The next row; nil behind the last one.
  /// - Throws: `queryTimeLimit` once its time is over; `damaged` where the file is.
  public func next() throws(TraceError) -> [QueryValue]? {
    guard try statement.step() else { return nil }
    return columns.indices.map { statement.value(Int32($0)) }
  }
}

/// A value as SQLite has it.
public enum QueryValue: Hashable, Sendable {
  /// NULL.
  case null
  /// A whole number.
  case integer(Int64)
  /// A number.
  case real(Double)
  /// A text.
  case text(String)
  /// Bytes that are no text; traces have none, but an expression can make some.
  case bytes(count: Int)
}
