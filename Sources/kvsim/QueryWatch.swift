import ArgumentParser
import Foundation
import Synchronization
import Trace

/// Ends the process where a query goes on after its time: SQLite looks at the clock between its
/// instructions, and one call of a function on long texts is one instruction.
final class QueryWatch: Sendable {
  /// Seconds after its time in which a query is to have looked at the clock.
  private static let graceSeconds = 1.0
  /// Longer limits are none.
  private static let mostSeconds = 1e8

  private let isReading = Atomic<Bool>(false)

  /// Watches from now on.
  /// - Parameter seconds: the time that the query has; 0 for as long as it takes.
  init(of trace: String, seconds: Double) {
    guard seconds > 0, seconds < QueryWatch.mostSeconds else { return }
    Thread.detachNewThread { [self] in
      Thread.sleep(forTimeInterval: seconds + QueryWatch.graceSeconds)
      // Whoever takes the rows may take his time.
      while !isReading.load(ordering: .relaxed) { Thread.sleep(forTimeInterval: 0.1) }
      _ = failure(TraceError.queryTimeLimit(path: trace), .badInput)
      // Nothing else could be waited for.
      _exit(ExitCode.badInput.rawValue)
    }
  }

  /// What `body` gives, which reads a row.
  func reading<Value>(_ body: () throws -> Value) rethrows -> Value {
    isReading.store(true, ordering: .relaxed)
    defer { isReading.store(false, ordering: .relaxed) }
    return try body()
  }
}
