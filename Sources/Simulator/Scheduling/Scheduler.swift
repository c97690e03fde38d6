/// Decides what runs in the next step.
///
/// A scheduler is a small value with one question; it moves requests by the moves of ``Replica``
/// and leaves the batch there. The engine is generic over it, so the compiler specialises the loop.
protocol Scheduler: Sendable {
  /// Plans the step that starts at `now`: preempts, admits, and fills the replica's batch.
  mutating func plan(_ replica: inout Replica, now: Int64)
}
