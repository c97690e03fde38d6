/// What the prompts of later turns tell of the outputs before them.
///
/// The prompt of a later turn begins with its parent's prompt and output, so that it names the
/// blocks of both: it *continues* its parent. Nothing else in a trace says what is in an output.
extension PromptBlocks {
  /// The same prompts, and which of them continue which, where `parents` says of each request to
  /// which it says to be the later turn; -1 for none. Empty where nothing is said of any.
  ///
  /// A request is taken at its word where it can be true: its prompt is at least as long as its
  /// parent's prompt and output together, and begins with all whole blocks of its parent's prompt.
  /// Where several continue the same one, the first of them names its blocks: the others have the
  /// same, or are another answer's. Linear in the number of blocks.
  /// - Precondition: there are as many lengths as prompts, and as many parents or none.
  public func continued(
    parents: [Int32], promptTokens: [Int32], outputTokens: [Int32]
  ) -> PromptBlocks {
    precondition(promptTokens.count == count && outputTokens.count == count)
    guard !parents.isEmpty else { return self }
    precondition(parents.count == count)
    var continuations: [Int32] = Array(repeating: -1, count: parents.count)
    for (child, parent) in parents.enumerated() where parent >= 0 {
      let parent = Int(parent)
      let contextTokens = Int(promptTokens[parent]) + Int(outputTokens[parent])
      let whole = Int(promptTokens[parent]) / blockTokens
      guard continuations[parent] < 0, Int(promptTokens[child]) >= contextTokens,
        blocks(of: child).prefix(whole).elementsEqual(blocks(of: parent).prefix(whole))
      else { continue }
      continuations[parent] = Int32(child)
    }
    return PromptBlocks(
      blockTokens: blockTokens, ids: ids, starts: starts, continuations: continuations)
  }

  /// The request that continues another one; nil where none is known to.
  public func continuation(of request: Int) -> Int? {
    guard !continuations.isEmpty, continuations[request] >= 0 else { return nil }
    return Int(continuations[request])
  }
}

extension RequestTrace {
  /// ``PromptBlocks/unlimitedCacheHits()`` of a cache that keeps outputs too: a block is hit if it
  /// and all before it stand in earlier prompts, or among the whole blocks that earlier requests
  /// had in the cache when they ended, where it is known which those are. Nil where the trace does
  /// not name its blocks. Linear in their number.
  public func unlimitedCacheHits() -> (hit: Int, all: Int)? {
    guard let promptBlocks else { return nil }
    var isCached = Array(repeating: false, count: Int(promptBlocks.ids.max() ?? -1) + 1)
    var hit = 0
    for request in 0..<count {
      let blocks = promptBlocks.blocks(of: request)
      hit += blocks.prefix { isCached[Int($0)] }.count
      for block in blocks { isCached[Int(block)] = true }
      guard let continuation = promptBlocks.continuation(of: request) else { continue }
      // The last token of an output is never written to the cache.
      let tokens = Int(promptTokens[request]) + Int(outputTokens[request]) - 1
      for block in promptBlocks.blocks(of: continuation).prefix(tokens / promptBlocks.blockTokens) {
        isCached[Int(block)] = true
      }
    }
    return (hit, promptBlocks.ids.count)
  }
}
