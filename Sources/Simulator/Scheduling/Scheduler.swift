/// Decides what runs in the next step.
///
/// A scheduler is a small value with two questions; it moves requests by the moves of ``Replica``
/// and leaves the batch there. The engine is generic over it, so the compiler specialises the loop.
protocol Scheduler: Sendable {
  /// Plans the step that starts at `now`: preempts, admits, and fills the replica's batch.
  mutating func plan(_ replica: inout Replica, now: Int64)

  /// How many decode steps, the one just planned included and `limit` at most, pass before a
  /// request that waits now could be admitted, if no sequence ends and all decodes have their
  /// blocks. Only asked while one waits and a seat is free, and not in a step that preempted.
  func decodeStepsBeforeAdmission(_ replica: Replica, limit: Int) -> Int
}
