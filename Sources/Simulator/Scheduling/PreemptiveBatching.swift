/// Continuous batching in which an urgent request takes the place of less urgent ones: by priority,
/// or by the earliest deadline.
///
/// Steps are filled as ``ContinuousBatching`` fills them. What differs is admission: where the
/// first waiting request lacks a seat or blocks, running requests that are *strictly* less urgent
/// are evicted for it, the least urgent first and no more of them than it takes; none where all of
/// them would not do. vLLM V1 with `--scheduling-policy priority` evicts for the blocks of
/// decoding sequences alone.
///
/// No request is kept from ending. The order is total and never changes, and a request yields only
/// to a strictly more urgent one, or as the least urgent of all when blocks lack. So the most
/// urgent of all that have not ended never yields once it runs, and every plan that does not admit
/// it while it waits has work under way whose end makes room: it ends, and then the next one is the
/// most urgent. Nor does one pay for it without end: an evicted request is readmitted only behind
/// all that are more urgent, none of which leaves it more room than it needs until one of them
/// ends, so that each further eviction of it comes behind an end.
struct PreemptiveBatching: Scheduler {
  mutating func plan(_ replica: inout Replica, now: Int64) {
    replica.beginPlan(now: now)
    // Whoever is evicted must not be in the batch yet, so admission comes first and leaves the
    // decodes the blocks of this step.
    if replica.decodeBlocks <= replica.pool.free {
      while admitNext(&replica, now: now) {}
    }
    replica.batchDecodes(preemptingTo: .head)
    var budget = replica.options.maxNumBatchedTokens - replica.batch.decodeTokens
    for slot in replica.prefilling {
      budget -= replica.batchChunk(of: slot, limit: budget)
    }
  }

  /// Whether the first waiting request was admitted.
  private func admitNext(_ replica: inout Replica, now: Int64) -> Bool {
    let budget = replica.unplannedTokens
    // Whoever gives up a seat gives back a token at least.
    return (budget > 0 || budget == 0 && !replica.hasSeats(for: replica.waiting.first))
      && replica.makeRoomForFirst() && replica.admitFirst()
  }

  /// Whoever comes may be more urgent than one that runs. For those that wait decode steps make
  /// nothing better: what they have and what less urgent ones own only shrinks together.
  func outlook(_ replica: Replica) -> Outlook { .whoComes }
}
