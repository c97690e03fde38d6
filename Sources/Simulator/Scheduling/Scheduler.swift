/// Decides what runs in the next step.
///
/// A scheduler is a small value with two questions; it moves requests by the moves of ``Replica``
/// and leaves the batch there. The engine is generic over it, so the compiler specialises the loop.
protocol Scheduler: Sendable {
  /// Plans the step that starts at `now`: preempts, admits, and fills the replica's batch.
  mutating func plan(_ replica: inout Replica, now: Int64)

  /// At whom this policy looks after the step just planned, one of decodes alone. Not asked in a
  /// step that preempted.
  func outlook(_ replica: Replica) -> Outlook
}

/// Which requests can change the steps that follow on one of decodes alone, before a sequence ends
/// or blocks lack.
enum Outlook: Sendable {
  /// None.
  case nobody
  /// One that comes in their course; none of those that wait.
  case whoComes
  /// One that waits.
  case whoWaits
}
