import Simulator

/// The blocks of prompts while a trace is read: hashes become numbers in the order of their
/// appearance.
struct PromptBlocksBuilder {
  private let blockTokens: Int
  private var ids: [Int32] = []
  private var starts = [0]
  private var numbers: [Int: Int32] = [:]

  init(blockTokens: Int) { self.blockTokens = blockTokens }

  /// How many blocks the prompt that is not ended has so far.
  var openBlocks: Int { ids.count - starts[starts.count - 1] }

  /// Another block of this prompt.
  mutating func append(hash: Int) {
    if let number = numbers[hash] {
      ids.append(number)
    } else {
      // A file of at most a gibibyte has fewer hashes than 31 bits count.
      let number = Int32(numbers.count)
      numbers[hash] = number
      ids.append(number)
    }
  }

  /// Forgets the blocks of the prompt that is not ended. Hashes that it alone had keep their
  /// numbers, so that nothing may ask for the blocks after a prompt that had some was dropped.
  mutating func dropOpenPrompt() { ids.removeLast(openBlocks) }

  /// The prompt has no more blocks.
  mutating func endPrompt() { starts.append(ids.count) }

  /// The blocks of all prompts that were ended.
  /// - Precondition: every prompt was.
  var promptBlocks: PromptBlocks {
    PromptBlocks(blockTokens: blockTokens, ids: ids, starts: starts)
  }
}
