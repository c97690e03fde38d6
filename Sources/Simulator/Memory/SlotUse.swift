/// How many slots of the pool's owned blocks hold a token.
struct SlotCount: Hashable, Sendable {
  static let none = SlotCount(blocks: 0, owned: 0, empty: 0)

  /// Owned blocks.
  var blocks: Int
  /// Their slots.
  var owned: Int
  /// Of these, slots without a token: taken ahead for the rest of a prompt, or behind the last
  /// token of a sequence.
  var empty: Int

  static func += (sum: inout SlotCount, other: SlotCount) {
    sum.blocks += other.blocks
    sum.owned += other.owned
    sum.empty += other.empty
  }
}

extension Replica {
  /// The slots as the step of the batch ends, after its decodes were completed and before its
  /// chunks are. O(prompts under way).
  func slotsOfBatch() -> SlotCount { slots(withChunks: batch.prefillTokens) }

  /// The slots with what steps have computed, and so many tokens of prompts beside that: blocks
  /// that are shared count once, and those that are being copied are full. O(prompts under way).
  func slots(withChunks chunkTokens: Int = 0) -> SlotCount {
    var tokens =
      decodes.contextTokens + chunkTokens + handovers.parkedTokens + handovers.incomingTokens
    for slot in prefilling { tokens += sequences[slot].prefilled }
    if let prefixes { tokens -= prefixes.repeatedUnits * prefixes.unitTokens }
    tokens -= samples.repeatedTokens
    let owned = pool.used * pool.blockSize
    return SlotCount(blocks: pool.used, owned: owned, empty: owned - tokens)
  }
}

/// Internal fragmentation over a run: slots of owned blocks, and those among them without a token,
/// weighted by the time for which they are so. A step counts as it ends, before finished sequences
/// leave.
///
/// Sums are whole numbers of slots times nanoseconds in 128 bits, so that a jump over steps gives
/// what walking them gives.
struct SlotUse: Sendable {
  private var ownedNs: Int128 = 0
  private var emptyNs: Int128 = 0
  /// The last step with the most owned blocks.
  private var fullest = SlotCount.none

  /// Adds a run of steps, each `growthNs` longer than the one before: several are of decodes alone,
  /// in which every sequence gets a token. `end` is what the last one left.
  ///
  /// Tokens grow by a constant a step. Empty slots come back with the step's number modulo the
  /// block size: a step fills one of each sequence, and brings those that begin a block as many
  /// as a block has. O(block size).
  mutating func add(
    _ end: SlotCount, decodes: DecodeSet, steps: Int, firstStepNs: Int64, growthNs: Int64
  ) {
    // Never fewer blocks from one step of the run to the next.
    if end.blocks >= fullest.blocks { fullest = end }
    guard steps > 1 else {
      ownedNs += Int128(end.owned) * Int128(firstStepNs)
      emptyNs += Int128(end.empty) * Int128(firstStepNs)
      return
    }
    let (blockSize, first, growth) = (decodes.phases.count, Int128(firstStepNs), Int128(growthNs))
    let emptyBefore = emptyNs
    var empty = end.empty
    for back in 0..<min(steps, blockSize) {
      // The run's steps as many whole blocks before this one, and this one.
      let last = steps - 1 - back
      let count = Int128(last / blockSize + 1)
      let growths = count * Int128(last) - Int128(blockSize) * (count * (count - 1) / 2)
      emptyNs += Int128(empty) * (count * first + growth * growths)
      empty += decodes.count - blockSize * decodes.blocks(ofStep: -back)
    }
    let n = Int128(steps)
    let each = Int128(decodes.count)
    let tokens = Int128(end.owned - end.empty) - (n - 1) * each
    let sum = n * (n - 1) / 2
    let squares = (n - 1) * n * (2 * n - 1) / 6
    ownedNs += first * tokens * n + (first * each + growth * tokens) * sum + growth * each * squares
    ownedNs += emptyNs - emptyBefore
  }

  /// Adds those of another replica.
  static func += (sum: inout SlotUse, other: SlotUse) {
    sum.ownedNs += other.ownedNs
    sum.emptyNs += other.emptyNs
    if other.fullest.blocks > sum.fullest.blocks { sum.fullest = other.fullest }
  }

  /// The share of owned slots without a token, over the run; 0 if none was ever owned.
  var emptyShare: Double { ownedNs == 0 ? 0 : Double(emptyNs) / Double(ownedNs) }

  /// The same at the end of the last step with the most owned blocks.
  var emptyShareWhenFullest: Double {
    fullest.owned == 0 ? 0 : Double(fullest.empty) / Double(fullest.owned)
  }
}
