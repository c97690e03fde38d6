/// The moves of a request of which several samples are wanted (``SampleGroups``).
///
/// Until its prompt is computed it stands in queues and batches as one sequence, which keeps a seat
/// for each sample. Then its samples are sequences like others, with neighbouring places in the
/// order of admission: each is preempted, comes back and ends by itself.
extension Replica {
  // Small questions are inlined: a call would copy the whole replica to ask it.

  /// Whether a request can have its seats: one, or as many as it has samples. Without a request,
  /// whether there is one.
  @inline(__always)
  func hasSeats(for slot: Int?) -> Bool {
    takenSeats + (slot.map { sequences[$0].seats } ?? 1) <= options.maxNumSeqs
  }

  /// Whether a request that comes now is one too many (`max_queued_requests`). Those that have come
  /// since the latest step was planned may have seats as long as that step left nobody behind.
  func isQueueFull(for request: ArrivingRequest) -> Bool {
    guard let limit = options.maxQueuedRequests else { return false }
    let isOpen = options.scheduler.refillsSeats || runningCount == 0
    let leftNobody = pendingCount == unplannedArrivals
    guard isOpen, leftNobody else { return waiting.count >= limit }
    var seats = options.maxNumSeqs - runningCount - promisedSeats
    if samples.isUnused, request.samples == 1 { return waiting.count >= limit + seats }
    var seated = 0
    for slot in waiting.slots {
      guard sequences[slot].seats <= seats else { return waiting.count - seated >= limit }
      seats -= sequences[slot].seats
      seated += 1
    }
    return limit == 0 && request.samples > seats
  }

  /// A request that comes wants further samples of these output tokens.
  mutating func openSamples(_ furtherOutputs: [Int32], of slot: Int) {
    sequences[slot].group = samples.open(furtherOutputs: furtherOutputs)
    // Which output a later prompt continues nobody knows: the prompt's units alone are shared.
    guard let prefixes, sequences[slot].promptRow >= 0 else { return }
    sequences[slot].shareableUnits = prefixes.shareableUnits(
      ofPrompt: sequences[slot].promptRow, tokens: sequences[slot].promptTokens)
    sequences[slot].retiredUnits = sequences[slot].shareableUnits
  }

  // MARK: The end of the prompt

  /// The prompt of a request of several samples is computed, and each of them has its first token.
  /// The slot of the last of them, if that was all that they had to produce: then it has left.
  mutating func fork(_ slot: Int, now: Int64) -> Int? {
    let (group, count) = (sequences[slot].group, sequences[slot].seats)
    promisedSeats -= count - 1
    sequences[slot].seats = 1
    let (whole, tail) =
      sequences[slot].promptTokens.quotientAndRemainder(dividingBy: pool.blockSize)
    let units = sequences[slot].heldUnits
    sequences[slot].sharedBlocks = whole - units * unitBlocks
    samples.share(sequences[slot].sharedBlocks, tailTokens: tail, in: group)
    var siblings = [slot]
    for sample in 1..<count {
      let sibling = vacantSlot()
      sequences[sibling] = sequences[slot]
      sequences[sibling].sample = sample
      sequences[sibling].outputTokens = Int(samples[group].furtherOutputs[sample - 1])
      sequences[sibling].preemptions = 0
      if units > 0 { holdUnits(units, ofPrompt: sequences[slot].promptRow) }
      enter(sibling, behind: siblings[sample - 1])
      siblings.append(sibling)
    }
    var last: Int?
    for sibling in siblings {
      if sequences[sibling].outputTokens > 1 {
        removeFromPrefilling(sibling)
        joinDecodes(sibling)
      } else {
        remove(sibling, now: now)
        last = sibling
      }
    }
    return samples[group].unfinished == 0 ? last : nil
  }

  /// Whether a sequence that has ended was the last of its request's.
  func endsRequest(_ slot: Int) -> Bool {
    sequences[slot].group < 0 || samples[sequences[slot].group].unfinished == 0
  }

  /// What is recorded of a request whose last sample has ended.
  mutating func close(_ group: Int, into record: inout RequestRecord) {
    // Nobody wants what may be left of its prompt.
    _ = pool.reclaim(for: .samples(group), limit: 0)
    let samples = samples.close(group)
    record.samples = Int64(1 + samples.furtherOutputs.count)
    record.outputTokens = Int64(samples.outputTokens)
    record.lastSampleTokens = Int64(samples.lastSampleTokens)
    record.preemptions = Int64(samples.preemptions)
  }

  // MARK: Blocks

  /// Blocks of a running sequence that it holds with siblings.
  @inline(__always)
  func commonBlocks(of slot: Int) -> Int {
    guard sequences[slot].group >= 0 else { return 0 }
    return sequences[slot].sharedBlocks + (holdsTail(slot) ? 1 : 0)
  }

  /// Whether a running sequence holds the partly filled block of its prompt with siblings: no step
  /// has written behind the prompt since all of them joined the decodes.
  @inline(__always)
  func holdsTail(_ slot: Int) -> Bool {
    samples[sequences[slot].group].tailHolders > 0
      && sequences[slot].cachedTokens(step: decodes.step) == sequences[slot].promptTokens
  }

  /// Whole blocks of its prompt that a sequence which does not run could share with siblings that
  /// do.
  @inline(__always)
  func siblingBlocks(of slot: Int) -> Int {
    let group = sequences[slot].group
    guard group >= 0, options.enablePrefixCaching, samples[group].holders > 0 else { return 0 }
    return samples[group].wholeBlocks
  }

  /// Holds what siblings hold of the prompt of a sequence that is to run again, or else what nobody
  /// has taken of it since they held it; how many blocks. Nothing where it does not find the units
  /// before them.
  mutating func shareAgain(_ slot: Int, findsUnits: Bool) -> Int {
    let group = sequences[slot].group
    var blocks = 0
    if options.enablePrefixCaching, findsUnits {
      if samples[group].holders > 0 {
        samples.join(in: group)
      } else {
        samples.restore(pool.reclaim(for: .samples(group), limit: .max), in: group)
      }
      blocks = samples[group].wholeBlocks
    }
    sequences[slot].sharedBlocks = blocks
    return blocks
  }

  /// A running sequence lets go of what it holds with siblings. Those of them that are still to run
  /// again may find the prompt as long as nobody takes its blocks.
  mutating func letGoOfPrompt(_ slot: Int) {
    let group = sequences[slot].group
    if holdsTail(slot), samples.letGoOfTail(in: group) { pool.release(1) }
    guard sequences[slot].sharedBlocks > 0, samples.letGo(in: group) else { return }
    let isWanted = options.enablePrefixCaching && samples[group].unfinished > 0
    pool.release(samples[group].wholeBlocks, of: isWanted ? .samples(group) : .nobody)
  }

  // MARK: What schedulers ask

  /// Tokens that a request which waits or is in its prompt has still to produce, those of each
  /// sample counted up to a limit, and whether one of its samples has but one.
  func outputsToCome(of slot: Int, atMost limit: Int) -> (tokens: Int, endWithPrompt: Bool) {
    let left = sequences[slot].outputTokens - sequences[slot].emitted
    var (tokens, endWithPrompt) = (min(left, limit), left == 1)
    if sequences[slot].seats > 1 {
      for outputs in samples[sequences[slot].group].furtherOutputs {
        tokens += min(Int(outputs), limit)
        endWithPrompt = endWithPrompt || outputs == 1
      }
    }
    return (tokens, endWithPrompt)
  }

  /// Blocks that a new request owns at the most if it is not preempted.
  func mostBlocks(of slot: Int) -> Int {
    let sequence = sequences[slot]
    guard sequence.group >= 0 else {
      return pool.blocks(forTokens: options.mostOwnedTokens(of: sequence))
    }
    return SampleGroups.mostBlocks(
      promptTokens: sequence.promptTokens, outputTokens: sequence.outputTokens,
      furtherOutputs: samples[sequence.group].furtherOutputs, blockSize: pool.blockSize)
  }
}
