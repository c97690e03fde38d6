/// Memory of the host for the blocks of preempted requests, and the link that leads there. Of each
/// device: several that share the layers of a replica copy their shares at the same time.
public struct SwapSpace: Hashable, Sendable {
  /// `swap_space`: bytes of host memory.
  public let bytes: Int
  /// `host_link`.
  public let link: CopyLink

  /// A swap space, complete.
  /// - Precondition: it holds something.
  public init(bytes: Int, link: CopyLink) {
    precondition(bytes > 0)
    self.bytes = bytes
    self.link = link
  }
}

/// The swap space of a run, in blocks of its format.
public struct HostMemory: Hashable, Sendable {
  /// Blocks that it holds; 0 where requests are never swapped.
  public let blocks: Int
  /// Bytes of a block, all layers.
  public let blockBytes: Int
  private let link: CopyLink?

  /// No memory for blocks.
  public static let none = HostMemory(nil, blockBytes: 1)

  /// As many whole blocks as the space holds; none without a space.
  /// - Precondition: a block has bytes.
  public init(_ space: SwapSpace?, blockBytes: Int) {
    precondition(blockBytes > 0)
    blocks = (space?.bytes ?? 0) / blockBytes
    self.blockBytes = blockBytes
    link = space?.link
  }

  /// Nanoseconds that the copies of a step take: one in each direction in which blocks go, one
  /// after the other; a hundred years at most, so that clocks stay within 64 bits.
  func ns(of copies: BlockCopies) -> Int64 {
    guard let link, copies.blocksOut + copies.blocksIn > 0 else { return 0 }
    let sum = [copies.blocksOut, copies.blocksIn].reduce(Int64(0)) {
      $1 > 0 ? $0 + link.ns(bytes: $1 * blockBytes) : $0
    }
    return min(sum, simulationHorizonNs)
  }
}

/// What is copied before a step: between the pool and the host's memory, and within the pool.
struct BlockCopies: Hashable, Sendable {
  /// Requests that went to the host's memory.
  var requestsOut = 0
  /// Blocks that went there.
  var blocksOut = 0
  /// Blocks that came back.
  var blocksIn = 0
  /// Blocks that several sequences shared and one of them is the first to write to.
  var blocksOnWrite = 0

  /// Adds up two steps' copies.
  static func += (sum: inout BlockCopies, copies: BlockCopies) {
    sum.requestsOut += copies.requestsOut
    sum.blocksOut += copies.blocksOut
    sum.blocksIn += copies.blocksIn
    sum.blocksOnWrite += copies.blocksOnWrite
  }
}
