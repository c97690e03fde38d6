/// Decides what runs in the next step.
///
/// A scheduler is a small value with two questions; it moves requests by the moves of ``Replica``
/// and leaves the batch there. The engine is generic over it, so the compiler specialises the loop.
protocol Scheduler: Sendable {
  /// Plans the step that starts at `now`: preempts, admits, and fills the replica's batch.
  mutating func plan(_ replica: inout Replica, now: Int64)

  /// Whether, after the step just planned, this policy looks at a request that waits or that comes
  /// in its course. If not, decode steps follow until a sequence ends or blocks lack. Not asked in
  /// a step that preempted.
  func looksAtRequests(_ replica: Replica) -> Bool
}
