import TestSupport

@testable import Simulator

/// Requests of conversations, token by token: a later turn's prompt is all before it and something
/// new. Some say that they are a later turn and are not, because what was before was changed.
struct Conversations {
  private(set) var prompts: [[Int32]] = []
  private(set) var outputs: [[Int32]] = []
  /// -1 for none.
  private(set) var parents: [Int32] = []

  init(_ count: Int, longest: Int = 150, random: inout SeededRandom) {
    var next: Int32 = 0
    func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    /// Tokens that stand nowhere else.
    func fresh(_ tokens: Int) -> [Int32] {
      defer { next += Int32(tokens) }
      return Array(next..<next + Int32(tokens))
    }
    for row in 0..<count {
      let parent = row == 0 ? -1 : max(0, row - draw(1...8))
      let context = parent < 0 ? [] : prompts[parent] + outputs[parent]
      switch draw(0...9) {
      case _ where parent < 0 || context.count > longest, 0:
        prompts.append(fresh(draw(1...30)))
        parents.append(-1)
      case 1 where prompts[parent].count >= 16:
        // Another first message, and enough of it to tell.
        prompts.append(fresh(context.count + draw(1...10)))
        parents.append(Int32(parent))
      case 2:
        // The beginning of its parent's prompt alone.
        prompts.append(Array(prompts[parent].prefix(draw(1...prompts[parent].count))))
        parents.append(Int32(parent))
      default:
        prompts.append(context + fresh(draw(1...12)))
        parents.append(Int32(parent))
      }
      outputs.append(fresh(draw(1...30)))
    }
  }

  /// The same as a trace that names its prompts' blocks, and if it `knowsParents` of which request
  /// each is the later turn.
  func trace(
    blockTokens: Int, arrivalNs: (Int) -> Int64, knowsParents: Bool = true
  ) -> RequestTrace {
    var (names, ids, starts): ([[Int32]: Int32], [Int32], [Int]) = ([:], [], [0])
    for prompt in prompts {
      for end in stride(from: blockTokens, to: prompt.count + blockTokens, by: blockTokens) {
        let name = Int32(names.count)
        ids.append(names[Array(prompt.prefix(end)), default: name])
        if ids.last == name { names[Array(prompt.prefix(end))] = name }
      }
      starts.append(ids.count)
    }
    let promptTokens = prompts.map { Int32($0.count) }
    let outputTokens = outputs.map { Int32($0.count) }
    return RequestTrace(
      arrivalNs: prompts.indices.map(arrivalNs), promptTokens: promptTokens,
      outputTokens: outputTokens,
      promptBlocks: PromptBlocks(blockTokens: blockTokens, ids: ids, starts: starts).continued(
        parents: knowsParents ? parents : [], promptTokens: promptTokens,
        outputTokens: outputTokens),
      urgencies: prompts.indices.map {
        RequestUrgency(priority: $0 * 7 % 4, ttftObjectiveNs: Int64($0 * 5 % 11 * 400))
      })
  }
}
