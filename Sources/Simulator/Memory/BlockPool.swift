/// The paged KV memory of one replica: so many blocks of so many tokens, each free or owned.
///
/// Free blocks stand in a ``FreeQueue`` and are taken from its front, the longest free first. What
/// they hold stays until then, and its owner may have it back, from its first block on, as vLLM's
/// prefix cache gives it back.
struct BlockPool: Sendable {
  /// Blocks in all.
  let capacity: Int
  /// Tokens per block.
  let blockSize: Int
  /// Blocks that no sequence owns.
  private(set) var free: Int
  /// The most blocks owned at any one time.
  private(set) var peakUsed = 0
  private var queue = FreeQueue()

  init(capacity: Int, blockSize: Int) {
    precondition(capacity >= 0 && blockSize > 0)
    self.capacity = capacity
    self.blockSize = blockSize
    free = capacity
    queue.append(capacity, of: .nobody)
  }

  /// Blocks that sequences own.
  var used: Int { capacity - free }

  /// Blocks that hold so many tokens.
  func blocks(forTokens tokens: Int) -> Int { (tokens + blockSize - 1) / blockSize }

  /// Takes blocks, all of them or none; whether they could be had.
  mutating func allocate(_ blocks: Int) -> Bool {
    precondition(blocks >= 0)
    guard blocks <= free else { return false }
    take(blocks)
    queue.removeFirst(blocks)
    return true
  }

  /// Gives blocks back whose content `owner` may want again.
  mutating func release(_ blocks: Int, of owner: FreeQueue.Owner = .nobody) {
    precondition(blocks >= 0 && blocks <= used, "blocks are released once")
    free += blocks
    queue.append(blocks, of: owner)
  }

  /// Free blocks that still hold what an owner had in them.
  func blocks(of owner: FreeQueue.Owner) -> Int { queue.blocks(of: owner) }

  /// Takes back what is left of the blocks that an owner released, its first ones and at most
  /// `limit`; how many they are. The others are nobody's from then on.
  mutating func reclaim(for owner: FreeQueue.Owner, limit: Int) -> Int {
    let blocks = queue.remove(of: owner, limit: limit)
    take(blocks)
    return blocks
  }

  private mutating func take(_ blocks: Int) {
    free -= blocks
    peakUsed = max(peakUsed, used)
  }

  /// Blocks in the queue; all that are free. O(rows of the queue).
  var queuedBlocks: Int { queue.blocks }
}
