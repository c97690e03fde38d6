/// Which prompts of a trace begin alike: each prompt cut into blocks of so many tokens, named so
/// that two blocks have one name where they and all before them in their prompts are the same.
public struct PromptBlocks: Hashable, Sendable {
  /// Tokens of a block; a prompt's last one may have fewer.
  public let blockTokens: Int
  /// The names of all prompts' blocks, one prompt after the other: from 0, by first appearance.
  public let ids: [Int32]
  /// Those of prompt `i` are `starts[i] ..< starts[i + 1]`.
  public let starts: [Int]

  /// - Precondition: `starts` rises from 0 to the number of names, none of which is negative.
  public init(blockTokens: Int, ids: [Int32], starts: [Int]) {
    precondition(blockTokens > 0 && starts.first == 0 && starts.last == ids.count)
    precondition(zip(starts, starts.dropFirst()).allSatisfy { $0 <= $1 })
    precondition(ids.allSatisfy { $0 >= 0 })
    self.blockTokens = blockTokens
    self.ids = ids
    self.starts = starts
  }
}
