/// Continuous batching with chunked prefill under a token budget, as vLLM V1 does it, and as
/// Sarathi-Serve does (OSDI'24, section 4.4, algorithm 3).
///
/// Every decoding sequence gets its token, and takes those drafted for it along; prompts under way
/// get what is left of `max_num_batched_tokens`, oldest first; then waiting requests are admitted
/// in their order while budget, `max_num_seqs` and blocks last. Where decodes lack blocks the
/// youngest running sequences are preempted (in another order than that of arrival: the last in
/// it), and nobody is admitted in that step. Those that were swapped to the host's memory come back
/// before anybody else is admitted, as in vLLM V0.
struct ContinuousBatching: Scheduler {
  mutating func plan(_ replica: inout Replica, now: Int64) {
    replica.beginPlan(now: now)
    replica.batchDecodes(preemptingTo: .head)
    var budget = replica.options.maxNumBatchedTokens - replica.batch.decodeTokens
    for index in replica.prefilling.indices {
      budget -= replica.batchChunk(of: replica.prefilling[index], limit: budget)
    }
    guard replica.preemptedNow == 0 else { return }
    while budget > 0, replica.hasSeats(for: replica.swapped.first),
      let tokens = replica.swapInFirst(limit: budget)
    {
      budget -= tokens
    }
    guard replica.swapped.isEmpty else { return }
    while budget > 0, replica.hasSeats(for: replica.waiting.first), replica.admitFirst(),
      let slot = replica.prefilling.last
    {
      budget -= replica.batchChunk(of: slot, limit: budget)
    }
  }

  /// Decode steps free neither blocks nor seats. An arrival waits behind those that wait, unless
  /// they wait in another order than that of arrival, and behind all who are to come back.
  func outlook(_ replica: Replica) -> Outlook {
    let waitsInLine = replica.waiting.order == .arrival && !replica.waiting.isEmpty
    let looksAtNobody = waitsInLine || !replica.swapped.isEmpty || !replica.hasSeat
    return looksAtNobody ? .nobody : .whoComes
  }
}
