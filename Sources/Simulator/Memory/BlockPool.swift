/// The paged KV memory of one replica: so many blocks of so many tokens, each free or owned.
///
/// Nothing shares blocks yet, so a count says all there is to say of them.
struct BlockPool: Sendable {
  /// Blocks in all.
  let capacity: Int
  /// Tokens per block.
  let blockSize: Int
  /// Blocks that no sequence owns.
  private(set) var free: Int
  /// The most blocks owned at any one time.
  private(set) var peakUsed = 0

  init(capacity: Int, blockSize: Int) {
    precondition(capacity >= 0 && blockSize > 0)
    self.capacity = capacity
    self.blockSize = blockSize
    free = capacity
  }

  /// Blocks that sequences own.
  var used: Int { capacity - free }

  /// Blocks that hold so many tokens.
  func blocks(forTokens tokens: Int) -> Int { (tokens + blockSize - 1) / blockSize }

  /// Takes blocks, all of them or none; whether they could be had.
  mutating func allocate(_ blocks: Int) -> Bool {
    precondition(blocks >= 0)
    guard blocks <= free else { return false }
    free -= blocks
    peakUsed = max(peakUsed, used)
    return true
  }

  /// Gives blocks back.
  mutating func release(_ blocks: Int) {
    precondition(blocks >= 0 && blocks <= used, "blocks are released once")
    free += blocks
  }
}
