/// Which blocks of tokens the prompts of a trace are made of.
///
/// Two prompts have a block in common where all their tokens up to its end are the same: traces
/// name a block by a hash of it and all before it. So an engine that kept the block once does not
/// have to compute it again.
public struct PromptBlocks: Hashable, Sendable {
  /// Tokens of a block; the last one of a prompt may have fewer.
  public let blockTokens: Int
  /// The blocks of all prompts, one prompt after the other. Numbers count from 0 in the order in
  /// which blocks first appear.
  public let ids: [Int32]
  /// Where each prompt's blocks start in ``ids``, and at last where they end: request i owns
  /// `ids[starts[i]..<starts[i + 1]]`.
  public let starts: [Int]
  /// For each request the one whose prompt begins with its prompt and its output, so that it names
  /// the blocks of both; -1 where none is known. Empty where none is known of any.
  public let continuations: [Int32]

  /// - Precondition: blocks have tokens; `starts` begins with 0, does not fall and ends with the
  ///   number of `ids`; each id is one that appeared before or the next number; there are as many
  ///   `continuations` as prompts, each a prompt or -1, or none.
  public init(blockTokens: Int, ids: [Int32], starts: [Int], continuations: [Int32] = []) {
    precondition(blockTokens > 0)
    precondition(starts.first == 0 && starts.last == ids.count)
    precondition(zip(starts, starts.dropFirst()).allSatisfy { $0 <= $1 })
    var next: Int32 = 0
    for id in ids {
      precondition(id >= 0 && id <= next, "ids are numbered as they appear")
      if id == next { next += 1 }
    }
    self.blockTokens = blockTokens
    self.ids = ids
    self.starts = starts
    precondition(continuations.isEmpty || continuations.count == starts.count - 1)
    precondition(continuations.allSatisfy { (-1..<starts.count - 1).contains(Int($0)) })
    self.continuations = continuations.contains { $0 >= 0 } ? continuations : []
  }

  /// How many requests have prompts here.
  public var count: Int { starts.count - 1 }

  /// The blocks of one request's prompt, first to last.
  public func blocks(of request: Int) -> ArraySlice<Int32> {
    ids[starts[request]..<starts[request + 1]]
  }

  /// How many blocks a prompt of so many tokens fills or begins.
  public func blocks(for tokens: Int) -> Int { (tokens + blockTokens - 1) / blockTokens }

  /// How many blocks a prefix cache without a limit spares the requests, if each starts when the
  /// one before it is done: a block is hit if it and all before it in its prompt stand in earlier
  /// prompts. `all` is every block. Linear in their number.
  public func unlimitedCacheHits() -> (hit: Int, all: Int) {
    var hit = 0
    // By their numbering, the blocks of earlier prompts are those below this.
    var seen: Int32 = 0
    for request in 0..<count {
      let blocks = blocks(of: request)
      hit += blocks.prefix { $0 < seen }.count
      seen = max(seen, (blocks.max() ?? -1) + 1)
    }
    return (hit, ids.count)
  }

  /// The same prompts in larger blocks: two are the same where all their blocks here are, and all
  /// before them. The last one of a prompt may be partial. Linear in the number of blocks.
  /// - Precondition: `blockTokens` is a multiple of the tokens of a block here.
  public func grouped(blockTokens larger: Int) -> PromptBlocks {
    precondition(larger % blockTokens == 0)
    guard larger > blockTokens else { return self }
    let groupSize = larger / blockTokens
    /// A prompt's blocks up to one of them: the node of those before it, and that one.
    struct Path: Hashable {
      let parent: Int32
      let block: Int32
    }
    var nodes: [Path: Int32] = [:]
    // By node: which larger block ends there.
    var numbering = Numbering()
    var grouped: [Int32] = []
    var starts = [0]
    for request in 0..<count {
      let blocks = blocks(of: request)
      var node: Int32 = -1
      for (index, block) in blocks.enumerated() {
        let path = Path(parent: node, block: block)
        if let known = nodes[path] {
          node = known
        } else {
          node = Int32(nodes.count)
          nodes[path] = node
        }
        guard index % groupSize == groupSize - 1 || index == blocks.count - 1 else { continue }
        grouped.append(numbering.number(of: node))
      }
      starts.append(grouped.count)
    }
    return PromptBlocks(
      blockTokens: larger, ids: grouped, starts: starts, continuations: continuations)
  }

  /// The blocks of some of the requests in another order, numbered anew. Those whose continuation
  /// is not among them have none. Linear in the number of blocks.
  /// - Precondition: none is picked twice.
  func picking(_ requests: [Int]) -> PromptBlocks {
    var numbering = Numbering()
    var picked: [Int32] = []
    var starts = [0]
    picked.reserveCapacity(ids.count)
    starts.reserveCapacity(requests.count + 1)
    for request in requests {
      for id in blocks(of: request) { picked.append(numbering.number(of: id)) }
      starts.append(picked.count)
    }
    return PromptBlocks(
      blockTokens: blockTokens, ids: picked, starts: starts,
      continuations: continuations(picking: requests))
  }

  /// The prompts so many times, each time of blocks that no other time has.
  /// - Precondition: numbers of requests and blocks fit 32 bits.
  func repeated(_ times: Int) -> PromptBlocks {
    let blocks = (ids.max() ?? -1) + 1
    let requests = Int32(count)
    return PromptBlocks(
      blockTokens: blockTokens,
      ids: (0..<Int32(times)).flatMap { time in ids.map { $0 + time * blocks } },
      starts: [0]
        + (0..<times).flatMap { time in starts.dropFirst().map { $0 + time * ids.count } },
      continuations: (0..<Int32(times)).flatMap { time in
        continuations.map { $0 < 0 ? -1 : $0 + time * requests }
      })
  }
}

extension PromptBlocks {
  fileprivate func continuations(picking requests: [Int]) -> [Int32] {
    guard !continuations.isEmpty else { return [] }
    var places: [Int32] = Array(repeating: -1, count: count)
    for (place, request) in requests.enumerated() { places[request] = Int32(place) }
    return requests.map { request in
      continuations[request] < 0 ? -1 : places[Int(continuations[request])]
    }
  }
}

/// Numbers what it is asked for from 0, in the order in which it first is.
private struct Numbering {
  /// By what is numbered; -1 for what was not asked for.
  private var numbers: [Int32] = []
  private var next: Int32 = 0

  mutating func number(of item: Int32) -> Int32 {
    let index = Int(item)
    if index >= numbers.count {
      numbers += repeatElement(-1, count: index + 1 - numbers.count)
    }
    if numbers[index] < 0 {
      numbers[index] = next
      next += 1
    }
    return numbers[index]
  }
}
