/// The moves of a request that loses its blocks, and of one that comes back from the host's memory.
extension Replica {
  /// Takes the blocks of a running sequence that is not in the batch. What is in them goes to the
  /// host's memory if that has room; otherwise the sequence goes back into the queue, to be
  /// computed again: its prompt and what it has produced, as far as its blocks are lost.
  ///
  /// It yields to a request that waits and is more `urgent`, or without one to those that decode.
  mutating func preempt(_ slot: Int, to end: WaitingQueue.End, for urgent: Int? = nil) {
    let emitted = sequences[slot].emittedTokens(step: decodes.step)
    let cached = sequences[slot].cachedTokens(step: decodes.step)
    sequences[slot].lastTokenNs = lastTokenNs(of: sequences[slot])
    sequences[slot].preemptions += 1
    preemptedNow += 1
    let isSwapped = cached > 0 && hostPool.allocate(pool.blocks(forTokens: cached))
    noteLoss(
      isSwapped ? .swappedOut : .preempted, of: slot, for: urgent, tokens: cached,
      blocks: ownBlocks(of: slot))
    if isSwapped {
      swapOut(slot, cached: cached, emitted: emitted)
      return
    }
    // Only whole blocks are found again; where there is none, nothing is kept that nobody reclaims.
    let wholeBlocks =
      cached / pool.blockSize - sequences[slot].heldUnits * unitBlocks
      - sequences[slot].sharedBlocks
    let keepsContent = options.enablePrefixCaching && wholeBlocks > 0
    // In the course of its prompt they are the beginning of a unit, found again with all units.
    let hasWholePrompt = (sequences[slot].heldUnits + 1) * unitTokens > sequences[slot].promptTokens
    sequences[slot].retiredUnits =
      hasWholePrompt ? sequences[slot].heldUnits : sequences[slot].shareableUnits
    pool.release(ownBlocks(of: slot), of: keepsContent ? .sequence(slot) : .nobody)
    withdraw(slot)
    sequences[slot].startOver(emitted: emitted)
    sequences[slot].retiredBlocks = keepsContent ? wholeBlocks : 0
    sequences[slot].isKeptBySession = false
    waitingTokens += sequences[slot].prefillTarget
    waiting.putBack(slot, of: sequences[slot], at: end)
  }

  /// All that it has in the cache is copied, what it shares too: nobody else may keep that until it
  /// comes back.
  private mutating func swapOut(_ slot: Int, cached: Int, emitted: Int) {
    let isDecoding = sequences[slot].state == .decoding
    pool.release(ownBlocks(of: slot))
    withdraw(slot)
    if isDecoding { sequences[slot].prefillTarget = cached }
    sequences[slot].state = .swapped
    sequences[slot].emitted = emitted
    sequences[slot].prefilled = cached
    // The youngest is preempted first and comes back last.
    swapped.prepend(slot)
    copies.requestsOut += 1
    copies.blocksOut += pool.blocks(forTokens: cached)
  }

  /// Brings the first swapped request back into the batch if blocks are free for it; how many
  /// tokens of the step it takes, `limit` at most. Nil if there is none, or no room in the pool, or
  /// none in the step for all that is drafted.
  mutating func swapInFirst(limit: Int) -> Int? {
    guard let slot = swapped.first else { return nil }
    if sequences[slot].isComputed, limit < options.tokensPerDecode { return nil }
    let hostBlocks = hostPool.blocks(forTokens: sequences[slot].prefilled)
    guard let found = admitComputed(slot) else { return nil }
    swapped.removeFirst()
    hostPool.release(hostBlocks)
    // What it found in the pool again is not copied.
    let copied = hostBlocks - found / pool.blockSize
    copies.blocksIn += copied
    noteReturn(.swappedIn, of: slot, tokens: sequences[slot].prefilled, blocks: copied)
    if sequences[slot].state == .decoding { return options.tokensPerDecode }
    return batchChunk(of: slot, limit: limit)
  }

  /// Admits a request whose tokens were computed before and are kept elsewhere, as far as it had
  /// come: in the decodes of the next step, or in its prompt. How many of its tokens are still in
  /// the pool; nil where there is no room.
  private mutating func admitComputed(_ slot: Int) -> Int? {
    let isComputed = sequences[slot].isComputed
    // With the step in which it comes back it writes a token, and what is drafted.
    let tokens = sequences[slot].prefillTarget + (isComputed ? options.tokensPerDecode : 0)
    guard let found = takeBlocks(forTokens: tokens, of: slot) else { return nil }
    guard isComputed else {
      beginPrompt(slot)
      return found
    }
    resumeDecoding(slot)
    countDecodes(longest: max(batch.longestContext, tokens))
    return found
  }

  /// A request whose tokens were computed before, and for which blocks were taken, decodes again.
  mutating func resumeDecoding(_ slot: Int) {
    enter(slot)
    shareUnits(of: slot, computed: sequences[slot].prefillTarget)
    joinDecodes(slot)
    resumedSlots.append(slot)
  }
}
