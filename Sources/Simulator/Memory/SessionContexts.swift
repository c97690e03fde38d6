/// Which sessions a replica may still have the contexts of, in free blocks.
///
/// What a turn leaves are the whole blocks behind its system prompt, of prompts and outputs alike;
/// the pool keeps them under the session's place until others take them, the last ones first. Each
/// later context of the session begins with them, also where its turns since were elsewhere.
struct SessionContexts: Sendable {
  /// By place, the number of the session that last had it here; -1 for none.
  private var sessions: [Int32] = []

  /// A turn comes: blocks of its session that still hold the context's beginning. What an earlier
  /// session has left under its place is nobody's from now on.
  mutating func blocksKept(for turn: SessionTurn, in pool: inout BlockPool) -> Int {
    let place = Int(turn.place)
    if place >= sessions.count {
      sessions += Array(repeating: -1, count: place + 1 - sessions.count)
    }
    if sessions[place] != turn.session {
      _ = pool.reclaim(for: .session(place), limit: 0)
      sessions[place] = turn.session
    }
    return pool.blocks(of: .session(place))
  }
}

extension Replica {
  /// Gives back the blocks of a sequence that has ended here with so many tokens in the cache, its
  /// last ones first. A turn's session keeps the whole ones behind the system prompt; copies of
  /// blocks of that, which another sequence was the first to compute, nobody keeps.
  mutating func releaseAtEnd(of slot: Int, tokens: Int) {
    guard sequences[slot].sessionPlace >= 0 else { return pool.release(ownBlocks(of: slot)) }
    let sequence = sequences[slot]
    let held = sequence.heldUnits * unitBlocks
    let whole = tokens / pool.blockSize - held
    let copies = systemBlocks(of: sequence) - held
    pool.release(ownBlocks(of: slot) - whole)
    pool.release(whole - copies, of: .session(sequence.sessionPlace))
    pool.release(copies)
  }

  /// Whole blocks of the system prompt with which a sequence begins.
  private func systemBlocks(of sequence: Sequence) -> Int {
    guard let prefixes, sequence.promptRow >= 0 else { return 0 }
    let units = prefixes.shareableUnits(
      ofPrompt: sequence.promptRow, tokens: sequence.promptTokens)
    return units * unitBlocks
  }
}
