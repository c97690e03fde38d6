import DequeModule

/// The paged KV memory of one replica: so many blocks of so many tokens, each free or owned.
///
/// Free blocks stand in a queue and are taken from its front, the longest free first. What a
/// preempted request had computed stays in its blocks until they are taken: it may have them back,
/// from the first one on, as vLLM's prefix cache gives them back. No two requests share blocks.
struct BlockPool: Sendable {
  /// Blocks in all.
  let capacity: Int
  /// Tokens per block.
  let blockSize: Int
  /// Blocks that no sequence owns.
  private(set) var free: Int
  /// The most blocks owned at any one time.
  private(set) var peakUsed = 0

  /// Free blocks in a row of the queue.
  private struct Segment {
    var blocks: Int
    /// Whose content they still have; -1 where nobody wants it back. They stand in the queue with
    /// the sequence's last block first, so that its first ones last longest.
    var owner: Int
  }

  private var queue = Deque<Segment>()

  init(capacity: Int, blockSize: Int) {
    precondition(capacity >= 0 && blockSize > 0)
    self.capacity = capacity
    self.blockSize = blockSize
    free = capacity
    queue.append(Segment(blocks: capacity, owner: -1))
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
    var left = blocks
    while left > 0 {
      let taken = min(left, queue[0].blocks)
      queue[0].blocks -= taken
      left -= taken
      if queue[0].blocks == 0, queue.count > 1 { queue.removeFirst() }
    }
    return true
  }

  /// Gives blocks back whose content nobody wants again.
  mutating func release(_ blocks: Int) {
    precondition(blocks >= 0 && blocks <= used, "blocks are released once")
    append(Segment(blocks: blocks, owner: -1))
  }

  /// Gives blocks back whose content their owner may want again.
  mutating func retire(_ blocks: Int, of owner: Int) {
    precondition(blocks >= 0 && blocks <= used, "blocks are released once")
    append(Segment(blocks: blocks, owner: owner))
  }

  /// Takes back what is left of the blocks that an owner retired, its first ones and at most
  /// `limit`; how many they are. O(rows of the queue).
  mutating func reclaim(for owner: Int, limit: Int) -> Int {
    guard let index = queue.firstIndex(where: { $0.owner == owner }) else { return 0 }
    let blocks = min(limit, queue[index].blocks)
    queue[index].blocks -= blocks
    queue[index].owner = -1
    if queue[index].blocks == 0, queue.count > 1 { queue.remove(at: index) }
    take(blocks)
    return blocks
  }

  private mutating func take(_ blocks: Int) {
    free -= blocks
    peakUsed = max(peakUsed, used)
  }

  private mutating func append(_ segment: Segment) {
    free += segment.blocks
    if segment.owner < 0, let last = queue.indices.last, queue[last].owner < 0 {
      queue[last].blocks += segment.blocks
    } else if segment.blocks > 0 {
      if queue.last?.blocks == 0 { queue.removeLast() }
      queue.append(segment)
    }
  }

  /// Blocks in the queue; all that are free.
  var queuedBlocks: Int { queue.reduce(0) { $0 + $1.blocks } }
}
