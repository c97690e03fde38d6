/// Prompts before decodes, as SGLang schedules without mixed chunks: `get_next_batch_to_run` of
/// python/sglang/srt/managers/scheduler.py and `PrefillAdder` of schedule_policy.py beside it.
///
/// While a prompt is under way or a request can be admitted, a step holds prompts alone, up to
/// `max_num_batched_tokens` (SGLang's `chunked_prefill_size`), the last of them cut. Otherwise all
/// running sequences decode; where they lack blocks, the youngest are retracted to the end of the
/// queue.
///
/// Whether a request is admitted is an estimate, in tokens: those free in the pool have to exceed
/// its prompt and its output, the outputs of the other prompts in this step, and a share of what
/// the decoding sequences have still to produce, ``NewTokenRatio``. What the first request of an
/// empty engine needs is not estimated: whatever fits the pool is played.
///
/// SGLang counts 4096 tokens of an output at most. So does this for prompts; of decoding sequences
/// only the sum is kept, which cannot be cut for each, so what they have to produce counts in full.
struct PrefillFirst: Scheduler {
  private static let mostOutputTokens = 4096
  private var ratio = NewTokenRatio()

  mutating func plan(_ replica: inout Replica, now: Int64) {
    replica.beginPlan()
    if replica.runningCount == 0 { ratio = NewTokenRatio(step: replica.decodes.step) }
    batchPrompts(&replica, now: now)
    guard replica.batch.chunks.isEmpty else { return }
    replica.batchDecodes(preemptingTo: .tail)
    if replica.preemptedNow > 0 { ratio = NewTokenRatio(retracting: replica.decodes) }
  }

  private func batchPrompts(_ replica: inout Replica, now: Int64) {
    var budget = replica.options.maxNumBatchedTokens
    // Their prompts' blocks are taken, those of their outputs are not.
    var outputsOfPrompts = 0
    for slot in replica.prefilling {
      budget -= replica.batchChunk(of: slot, limit: budget)
      outputsOfPrompts += outputs(of: replica.sequences[slot])
    }
    while budget > 0, replica.runningCount < replica.options.maxNumSeqs,
      let slot = replica.waiting.first,
      replica.runningCount == 0
        || hasRoom(
          for: replica.sequences[slot], replica, freeBlocks: replica.pool.free,
          outputsOfPrompts: outputsOfPrompts),
      replica.admitFirst(now: now)
    {
      budget -= replica.batchChunk(of: slot, limit: budget)
      outputsOfPrompts += outputs(of: replica.sequences[slot])
    }
  }

  private func outputs(of sequence: Sequence) -> Int {
    min(sequence.outputTokens - sequence.emitted, PrefillFirst.mostOutputTokens)
  }

  /// The estimate, for now or for so many decode steps ahead, when `freeBlocks` will be free.
  private func hasRoom(
    for sequence: Sequence, _ replica: Replica, freeBlocks: Int, outputsOfPrompts: Int = 0,
    stepsAhead: Int = 0
  ) -> Bool {
    let toCome = replica.decodes.outputsToCome - stepsAhead * replica.decodes.count
    let kept = ratio.share(of: toCome, step: replica.decodes.step + Int64(stepsAhead))
    let needed = sequence.prefillTarget + outputs(of: sequence) + outputsOfPrompts
    return needed + kept < freeBlocks * replica.pool.blockSize
  }

  /// As steps go by, outputs to come and their ratio fall, and so do free blocks: the first step
  /// after which the estimate lets the next request in is found by trying each. O(steps).
  func decodeStepsBeforeAdmission(_ replica: Replica, limit: Int) -> Int {
    guard let slot = replica.waiting.first else { return limit }
    let blocks = replica.pool.blocks(forTokens: replica.sequences[slot].prefillTarget)
    // The first step's blocks have been taken.
    var free = replica.pool.free
    for steps in 1..<max(1, limit) {
      if steps > 1 { free -= replica.decodes.blocks(ofStep: steps) }
      if blocks <= free,
        hasRoom(
          for: replica.sequences[slot], replica, freeBlocks: free, stepsAhead: steps)
      {
        return steps
      }
    }
    return limit
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
