/// What is known of how a workload's prompts begin, so that requests can share it in the KV cache.
///
/// Such a prompt has a number, its *row*: those of a trace come first, one a request, and behind
/// them one for each class, which all its requests with their system prompt have.
public struct KnownPrompts: Hashable, Sendable {
  /// The blocks of a trace's prompts; nil where none is known or none is played as it is.
  public let blocks: PromptBlocks?
  /// Tokens of each class's system prompt, 0 where it has none. No two classes have any of them in
  /// common.
  public let systemPromptTokens: [Int]
  /// Whether the outputs of each class are the trace's, so that its blocks name them too where they
  /// are continued. Empty where none are.
  public let playsOutputs: [Bool]

  /// - Precondition: no number of tokens is negative.
  public init(
    blocks: PromptBlocks?, systemPromptTokens: [Int] = [], playsOutputs: [Bool] = []
  ) {
    precondition(systemPromptTokens.allSatisfy { $0 >= 0 })
    self.blocks = blocks
    self.playsOutputs = playsOutputs
    self.systemPromptTokens = systemPromptTokens
  }

  /// Whether nothing is known of any prompt.
  public var isEmpty: Bool { blocks == nil && systemPromptTokens.allSatisfy { $0 == 0 } }

  /// The row of a request's prompt; nil where nothing is known of it. `isFromTrace` tells whether
  /// its prompt is the trace's.
  func row(ofRequest number: Int, class requestClass: Int, isFromTrace: Bool) -> Int? {
    if systemPromptTokens[requestClass] > 0 { return (blocks?.count ?? 0) + requestClass }
    return isFromTrace && blocks != nil ? number : nil
  }
}
