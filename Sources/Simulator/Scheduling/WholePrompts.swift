/// Prompts before decodes and in one piece, as vLLM V0 schedules by default
/// (`_schedule_default` of vllm/core/scheduler.py).
///
/// While the first waiting request can be admitted, a step holds prompts alone, whole and together
/// at most `max_num_batched_tokens`. Otherwise all running sequences decode; where they lack blocks
/// the youngest are preempted and wait before all others.
struct WholePrompts: Scheduler {
  mutating func plan(_ replica: inout Replica, now: Int64) {
    replica.beginPlan(now: now)
    var budget = replica.options.maxNumBatchedTokens
    while let slot = replica.waiting.first, replica.hasSeats(for: slot),
      replica.sequences[slot].prefillTarget <= budget, replica.admitFirst()
    {
      budget -= replica.batchChunk(of: slot, limit: budget)
    }
    if replica.batch.chunks.isEmpty { replica.batchDecodes(preemptingTo: .head) }
  }

  /// Decode steps free neither blocks nor seats, and an arrival waits behind those that wait.
  func outlook(_ replica: Replica) -> Outlook {
    replica.waiting.isEmpty && replica.hasSeat ? .whoComes : .nobody
  }
}
