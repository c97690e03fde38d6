/// What a waiting request finds in the cache, and how it gets its blocks.
extension Replica {
  /// How many units of what a waiting request has to compute are in the cache, and how many of them
  /// nobody holds. At least one token is computed: the next one comes of it. A swapped one has use
  /// for those that it had computed.
  @inline(__always)
  func foundUnits(of slot: Int) -> (units: Int, idle: Int) {
    guard sequences[slot].shareableUnits > 0, let prefixes else { return (0, 0) }
    let isKept = sequences[slot].state == .swapped || sequences[slot].state == .inbound
    let useful = isKept ? sequences[slot].prefilled : sequences[slot].prefillTarget - 1
    let limit = min(sequences[slot].shareableUnits, useful / prefixes.unitTokens)
    return prefixes.found(ofPrompt: sequences[slot].promptRow, limit: limit, in: pool)
  }

  /// The same in tokens, with those that it would share with siblings.
  func foundTokens(of slot: Int) -> (tokens: Int, idle: Int) {
    let found = foundUnits(of: slot)
    return (
      found.units * unitTokens + siblingBlocks(of: slot) * pool.blockSize, found.idle * unitTokens
    )
  }

  // Small questions are inlined: a call would copy the whole replica to ask it.

  /// Blocks that have to be free for a waiting request to be admitted: those of its whole prompt,
  /// less what others hold of it, and beside others the watermark.
  func blocksToAdmit(_ slot: Int) -> Int {
    blocksNeeded(
      forTokens: sequences[slot].prefillTarget, found: foundUnits(of: slot),
      siblings: siblingBlocks(of: slot))
  }

  @inline(__always)
  func blocksNeeded(
    forTokens tokens: Int, found: (units: Int, idle: Int), siblings: Int
  ) -> Int {
    pool.blocks(forTokens: tokens) - (found.units - found.idle) * unitBlocks - siblings
      + (runningCount > 0 ? options.watermarkBlocks(of: pool.capacity) : 0)
  }

  /// Admits the first waiting request if enough blocks are free; whether it did.
  ///
  /// It begins behind the units that are in the cache; a preempted one that finds all of its own
  /// also behind the tokens whose blocks nobody has taken meanwhile, and a turn of a session behind
  /// those of the turns before.
  mutating func admitFirst() -> Bool {
    guard let slot = waiting.first,
      let found = takeBlocks(forTokens: sequences[slot].prefillTarget, of: slot)
    else { return false }
    waiting.removeFirst()
    waitingTokens -= sequences[slot].prefillTarget
    sequences[slot].prefilled = found
    if sequences[slot].scheduledNs < 0 {
      sequences[slot].scheduledNs = planNs
      sequences[slot].foundTokens = found
    } else {
      noteReturn(.resumed, of: slot, tokens: found, blocks: 0)
    }
    beginPrompt(slot)
    return true
  }

  /// Takes the blocks of so many tokens for a request that owns none, and holds the units of its
  /// prompt that are in the cache, and what siblings have of it; for how many tokens these and
  /// blocks of its own, or of its session, that nobody has taken meanwhile stand. Nil where there
  /// is no room.
  mutating func takeBlocks(forTokens target: Int, of slot: Int) -> Int? {
    let found = foundUnits(of: slot)
    let needed = blocksNeeded(
      forTokens: target, found: found, siblings: siblingBlocks(of: slot))
    guard needed <= pool.free else { return nil }
    let units = found.units
    if units > 0 {
      holdUnits(units, ofPrompt: sequences[slot].promptRow)
      sequences[slot].heldUnits = units
    }
    // Behind units that it does not find nothing is of use.
    let findsUnits = units == sequences[slot].shareableUnits
    let sharedBefore = sequences[slot].sharedBlocks
    let shared = sequences[slot].group < 0 ? 0 : shareAgain(slot, findsUnits: findsUnits)
    let common = units * unitBlocks + shared
    var reclaimed = 0
    if sequences[slot].retiredBlocks > 0 {
      let limit = min(sequences[slot].retiredBlocks, (target - 1) / pool.blockSize - common)
      let isOfSession = sequences[slot].isKeptBySession
      reclaimed = pool.reclaim(
        for: isOfSession ? .session(sequences[slot].sessionPlace) : .sequence(slot),
        limit: units == sequences[slot].retiredUnits && shared == sharedBefore ? limit : 0)
      sequences[slot].retiredBlocks = 0
    }
    let isAllocated = pool.allocate(pool.blocks(forTokens: target) - common - reclaimed)
    precondition(isAllocated)
    return units * unitTokens + (shared + reclaimed) * pool.blockSize
  }
}
