/// Static batching, as engines before Orca served (FasterTransformer; OSDI'22, section 2): the
/// requests that wait when the engine is empty start together, up to `max_num_seqs`, and nobody
/// joins them until all have ended.
///
/// All prompts are computed, up to `max_num_batched_tokens` in a step; then all decode. A request
/// leaves with its own last token, but its seat stays empty. Each is admitted with room for its
/// whole output, and all that is drafted behind its end, as these engines allocate it, so that none
/// is preempted.
struct StaticBatching: Scheduler {
  /// Members of the batch that are still to be admitted, and seats for them.
  private var toAdmit = 0
  private var seats = 0
  /// Blocks that its members own before they end.
  private var reserved = 0

  mutating func plan(_ replica: inout Replica, now: Int64) {
    replica.beginPlan(now: now)
    if replica.runningCount == 0 {
      toAdmit = replica.waiting.count
      seats = replica.options.maxNumSeqs
      reserved = 0
    }
    var budget = replica.options.maxNumBatchedTokens
    for slot in replica.prefilling {
      budget -= replica.batchChunk(of: slot, limit: budget)
    }
    while budget > 0, toAdmit > 0, let slot = replica.waiting.first {
      let (blocks, ownSeats) = (replica.mostBlocks(of: slot), replica.sequences[slot].seats)
      guard ownSeats <= seats, reserved + blocks <= replica.pool.capacity,
        replica.admitFirst()
      else {
        toAdmit = 0
        break
      }
      toAdmit -= 1
      seats -= ownSeats
      reserved += blocks
      budget -= replica.batchChunk(of: slot, limit: budget)
    }
    guard replica.batch.chunks.isEmpty else { return }
    replica.batchDecodes(preemptingTo: .head)
    precondition(replica.preemptedNow == 0, "its members have room to their ends")
  }

  func outlook(_ replica: Replica) -> Outlook { .nobody }
}
