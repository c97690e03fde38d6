/// Which running sequences yield, and to whom.
extension Replica {
  /// Tokens of the next step that neither decodes nor prompts under way will take; below 0 where
  /// prompts have to wait.
  var unplannedTokens: Int {
    let decodeTokens = decodes.count * options.tokensPerDecode
    return prefilling.reduce(options.maxNumBatchedTokens - decodeTokens) {
      $0 - chunkTokens(of: $1)
    }
  }

  /// The running sequence that is preempted first: the youngest, or in another order than that of
  /// arrival the last in it. O(running) there.
  /// - Precondition: something runs.
  var firstToYield: Int {
    precondition(youngest >= 0)
    guard waiting.order != .arrival else { return youngest }
    var last = youngest
    var slot = sequences[last].older
    while slot >= 0 {
      if rank(of: last) < rank(of: slot) { last = slot }
      slot = sequences[slot].older
    }
    return last
  }

  /// Gives the first waiting request a seat, and blocks beside those of the next decode step.
  /// Running ones that are less urgent are preempted for it, the least urgent first and as few as
  /// it takes; none where all of them would not do. Whether it has what it needs.
  ///
  /// O(running) where something lacks or tokens are drafted, and once more for each that is
  /// preempted.
  /// - Precondition: nothing is in the batch yet.
  mutating func makeRoomForFirst() -> Bool {
    guard let slot = waiting.first else { return false }
    if hasRoom(for: slot) { return true }
    guard lessUrgentHaveRoom(for: slot) else { return false }
    repeat { preempt(firstToYield, to: .head, for: slot) } while !hasRoom(for: slot)
    return true
  }

  private func rank(of slot: Int) -> RequestOrder.Rank { waiting.order.rank(of: sequences[slot]) }

  private func hasRoom(for slot: Int) -> Bool {
    hasSeats(for: slot) && blocksToAdmit(slot) + decodeBlocks <= pool.free
  }

  /// Whether a waiting request would surely have room if all that are less urgent were preempted.
  /// Blocks that are shared count for nothing here: others may hold them.
  private func lessUrgentHaveRoom(for slot: Int) -> Bool {
    let rank = rank(of: slot)
    var yielding = 0
    var seats = options.maxNumSeqs - takenSeats
    var blocks = pool.free - decodeBlocks
    var other = youngest
    while other >= 0 {
      let sequence = sequences[other]
      if rank < self.rank(of: other) {
        yielding += 1
        seats += sequence.seats
        blocks += ownBlocks(of: other)
        // And what the next step would have taken for it.
        if sequence.state == .decoding { blocks += decodeBlocks(of: other) }
      }
      other = sequence.older
    }
    // An empty replica holds whatever was not rejected.
    if yielding == runningCount, !handovers.ownBlocks { return yielding > 0 }
    return yielding > 0 && sequences[slot].seats <= seats
      && pool.blocks(forTokens: sequences[slot].prefillTarget)
        + options.watermarkBlocks(of: pool.capacity) <= blocks
  }
}
