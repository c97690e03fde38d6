/// Prompts before decodes, as SGLang schedules without mixed chunks: `get_next_batch_to_run` of
/// python/sglang/srt/managers/scheduler.py and `PrefillAdder` of schedule_policy.py beside it.
///
/// While a prompt is under way or a request can be admitted, a step holds prompts alone, up to
/// `max_num_batched_tokens` (SGLang's `chunked_prefill_size`), the last of them cut. Otherwise all
/// running sequences decode; where they lack blocks, the youngest are retracted to the end of the
/// queue.
///
/// Once a request was refused the batch is *full*: none is looked at until it has shrunk, because a
/// sequence ended or was retracted, or beside a prompt under way. An end among the decodes is
/// noticed by the decode step behind it, so that the step after that one can admit.
///
/// Whether a request is admitted is an estimate, in tokens: those free in the pool have to exceed
/// its prompt and its output, or those of all its samples, the outputs of the other prompts in this
/// step, and a share of what the decoding sequences have still to produce, ``NewTokenRatio``. What
/// the first request of an empty engine needs is not estimated: whatever fits the pool is played.
///
/// SGLang counts 4096 tokens of an output at most. So does this for prompts; of decoding sequences
/// only the sum is kept, which cannot be cut for each, so what they have to produce counts in full.
struct PrefillFirst: Scheduler {
  private static let mostOutputTokens = 4096
  private var ratio = NewTokenRatio()

  /// SGLang's `batch_is_full`.
  private var isFull = false
  /// Sequences that had left the decodes when a decode step was last planned: those that have left
  /// since still count as running.
  private var noticedDepartures = 0

  mutating func plan(_ replica: inout Replica, now: Int64) {
    replica.beginPlan(now: now)
    if replica.runningCount == 0 {
      ratio = NewTokenRatio(step: replica.decodes.step)
      noticedDepartures = replica.decodes.departures
    }
    if replica.runningCount == 0 || !replica.prefilling.isEmpty { isFull = false }
    if !isFull { batchPrompts(&replica, now: now) }
    guard replica.batch.chunks.isEmpty else { return }
    replica.batchDecodes(preemptingTo: .tail)
    if replica.preemptedNow > 0 { ratio = NewTokenRatio(retracting: replica.decodes) }
    if replica.decodes.departures > noticedDepartures { isFull = false }
    noticedDepartures = replica.decodes.departures
  }

  private mutating func batchPrompts(_ replica: inout Replica, now: Int64) {
    var budget = replica.options.maxNumBatchedTokens
    // Their prompts' blocks are taken, those of their outputs are not.
    var outputsOfPrompts = 0
    var endsRequests = false
    let departures = replica.decodes.departures - noticedDepartures
    func add(_ slot: Int) {
      budget -= replica.batchChunk(of: slot, limit: budget)
      let outputs = replica.outputsToCome(of: slot, atMost: PrefillFirst.mostOutputTokens)
      outputsOfPrompts += outputs.tokens
      endsRequests = endsRequests || outputs.endWithPrompt
    }
    for slot in replica.prefilling { add(slot) }
    while budget > 0, let slot = replica.waiting.first {
      let seats = replica.sequences[slot].seats
      guard replica.takenSeats + departures + seats <= replica.options.maxNumSeqs,
        replica.runningCount == 0
          || hasRoom(for: slot, replica, outputsOfPrompts: outputsOfPrompts),
        replica.admitFirst()
      else {
        isFull = true
        break
      }
      add(slot)
    }
    // What was refused beside the first prompts of an empty engine is looked at once more.
    if !replica.batch.chunks.isEmpty, endsRequests || replica.decodes.count == 0 { isFull = false }
  }

  /// The estimate.
  private func hasRoom(
    for slot: Int, _ replica: Replica, outputsOfPrompts: Int
  ) -> Bool {
    let outputs = replica.outputsToCome(of: slot, atMost: PrefillFirst.mostOutputTokens)
    // What is found is not computed; of it, what nobody holds is free no longer.
    let found = replica.foundTokens(of: slot)
    let kept = ratio.share(of: replica.decodes.outputsToCome, step: replica.decodes.step)
    let needed =
      replica.sequences[slot].prefillTarget - found.tokens + outputs.tokens + outputsOfPrompts
    return needed + kept < replica.pool.free * replica.pool.blockSize - found.idle
  }

  func outlook(_ replica: Replica) -> Outlook {
    isFull ? .nobody : replica.waiting.isEmpty ? .whoComes : .whoWaits
  }
}

/// SGLang's `new_token_ratio`: the share of the outputs to come for which room is kept. It falls
/// with every decode step, and starts anew when the engine was empty and after a retraction. The
/// constants are those of python/sglang/global_config.py.
///
/// A function of the number of decode steps, so that one jump over several gives the same ratio as
/// walking them, to the last bit.
struct NewTokenRatio: Sendable {
  private static let first = 0.7
  private static let least = 0.098
  private static let fallPerStep = (first - least) / 600
  /// Decode steps for which each sequence shall last after a retraction.
  private static let stepsAfterRetraction = 20

  private let start: Double
  private let startStep: Int64

  /// The ratio of an engine that was empty, after so many decode steps.
  init(step: Int64 = 0) {
    start = NewTokenRatio.first
    startStep = step
  }

  /// The ratio behind the decode step for which others were retracted: what those that stayed have
  /// produced and will in the next steps, as a share of their outputs.
  /// - Precondition: some stayed.
  init(retracting decodes: DecodeSet) {
    let produced = decodes.outputTokens - decodes.outputsToCome
    let soon = produced + NewTokenRatio.stepsAfterRetraction * decodes.count
    start = min(1, Double(soon) / Double(decodes.outputTokens))
    startStep = decodes.step + 1
  }

  /// The share of so many tokens after so many decode steps, rounded down.
  func share(of tokens: Int, step: Int64) -> Int {
    let fallen = start - Double(step - startStep) * NewTokenRatio.fallPerStep
    return Int(max(fallen, NewTokenRatio.least) * Double(tokens))
  }
}
