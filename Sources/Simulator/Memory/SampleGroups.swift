/// Requests of which several samples are wanted (`n`), and what their samples share.
///
/// Such a request is one sequence until its prompt is computed, and from then on one for each
/// sample. These *siblings* hold the prompt's whole blocks together, those behind the units of
/// ``SharedPrefixes``, and each of these blocks is owned once however many hold it. The prompt's
/// last, partly filled block is theirs together too, until the first decode step writes there: then
/// all but one of those that still hold it take a copy, as in vLLM V0's block manager.
struct SampleGroups: Sendable {
  /// One request.
  struct Group: Sendable {
    /// Output tokens of the samples behind the first.
    var furtherOutputs: [Int32]
    /// Samples that have not ended.
    var unfinished: Int
    /// Whole blocks of the prompt that are shared; of a prompt under way none.
    var wholeBlocks = 0
    /// Running siblings that hold these.
    var holders = 0
    /// Tokens in the partly filled block, and the siblings that still hold it together.
    var tailTokens = 0
    var tailHolders = 0
    /// Of the samples that have ended: tokens and preemptions, when the last one did, and the
    /// tokens of that; of several that ended then, the fewest.
    var outputTokens = 0
    var preemptions = 0
    var lastFinishNs: Int64 = -1
    var lastSampleTokens = 0
  }

  private let blockSize: Int
  private var groups: [Group] = []
  private var vacant: [Int] = []
  /// Groups whose partly filled block may be shared.
  private var tailed: [Int] = []
  /// Blocks that the next decode step copies.
  private(set) var pendingCopies = 0
  /// Tokens in shared blocks, each as often as it is held beyond once.
  private(set) var repeatedTokens = 0

  init(blockSize: Int) { self.blockSize = blockSize }

  /// The request at a place.
  subscript(place: Int) -> Group { groups[place] }

  /// Whether no request has ever had several samples here.
  var isUnused: Bool { groups.isEmpty }

  /// A request comes; its place.
  mutating func open(furtherOutputs: [Int32]) -> Int {
    let group = Group(furtherOutputs: furtherOutputs, unfinished: 1 + furtherOutputs.count)
    guard let place = vacant.popLast() else {
      groups.append(group)
      return groups.count - 1
    }
    groups[place] = group
    return place
  }

  /// The prompt of a request is computed, and all its samples hold so many of its blocks, and the
  /// tokens behind them in one more.
  mutating func share(_ blocks: Int, tailTokens: Int, in place: Int) {
    let samples = groups[place].unfinished
    groups[place].wholeBlocks = blocks
    groups[place].holders = blocks > 0 ? samples : 0
    if blocks > 0 { repeatedTokens += (samples - 1) * blocks * blockSize }
    guard tailTokens > 0 else { return }
    groups[place].tailTokens = tailTokens
    groups[place].tailHolders = samples
    repeatedTokens += (samples - 1) * tailTokens
    pendingCopies += samples - 1
    tailed.append(place)
  }

  /// Whether blocks are to be taken for the next decode step beside those that it needs anyway.
  var hasTails: Bool { !tailed.isEmpty }

  /// The next decode step writes behind the prompts: each sibling has a block of its own there, one
  /// of them the one that all had. How many are copies.
  mutating func copyTails() -> Int {
    let copies = pendingCopies
    for place in tailed where groups[place].tailHolders > 0 {
      repeatedTokens -= (groups[place].tailHolders - 1) * groups[place].tailTokens
      groups[place].tailHolders = 0
    }
    tailed.clear()
    pendingCopies = 0
    return copies
  }

  /// A sibling lets go of the partly filled block; whether it was the last.
  mutating func letGoOfTail(in place: Int) -> Bool {
    groups[place].tailHolders -= 1
    precondition(groups[place].tailHolders >= 0, "a block is let go of once by each that holds it")
    guard groups[place].tailHolders > 0 else { return true }
    repeatedTokens -= groups[place].tailTokens
    pendingCopies -= 1
    return false
  }

  /// A sibling lets go of the whole blocks; whether it was the last.
  mutating func letGo(in place: Int) -> Bool {
    groups[place].holders -= 1
    precondition(groups[place].holders >= 0, "blocks are let go of once by each that holds them")
    guard groups[place].holders > 0 else { return true }
    repeatedTokens -= groups[place].wholeBlocks * blockSize
    return false
  }

  /// A sibling that runs again holds the whole blocks that others hold.
  mutating func join(in place: Int) {
    precondition(groups[place].holders > 0)
    groups[place].holders += 1
    repeatedTokens += groups[place].wholeBlocks * blockSize
  }

  /// A sibling that runs again is the first to hold what was left of the whole blocks.
  mutating func restore(_ blocks: Int, in place: Int) {
    precondition(groups[place].holders == 0)
    groups[place].wholeBlocks = blocks
    groups[place].holders = blocks > 0 ? 1 : 0
  }

  /// A sample has produced its last token.
  mutating func ended(_ sample: Sequence, now: Int64) {
    let (place, tokens) = (sample.group, sample.outputTokens)
    groups[place].unfinished -= 1
    groups[place].outputTokens += tokens
    groups[place].preemptions += sample.preemptions
    let isLater = now > groups[place].lastFinishNs
    groups[place].lastSampleTokens =
      isLater ? tokens : min(tokens, groups[place].lastSampleTokens)
    groups[place].lastFinishNs = now
  }

  /// A request has left; what it was.
  /// - Precondition: all its samples have ended.
  mutating func close(_ place: Int) -> Group {
    precondition(groups[place].unfinished == 0 && groups[place].holders == 0)
    vacant.append(place)
    return groups[place]
  }

  /// Blocks that the samples of a prompt own together at the most if none is preempted.
  static func mostBlocks(
    promptTokens: Int, outputTokens: Int, furtherOutputs: [Int32], blockSize: Int
  ) -> Int {
    // The last token of an output is never written to the cache.
    func blocks(_ outputs: Int) -> Int {
      (promptTokens + outputs - 1 + blockSize - 1) / blockSize
    }
    guard !furtherOutputs.isEmpty else { return blocks(outputTokens) }
    let (whole, tail) = promptTokens.quotientAndRemainder(dividingBy: blockSize)
    var own = outputTokens > 1 ? blocks(outputTokens) - whole : 0
    for outputs in furtherOutputs where outputs > 1 { own += blocks(Int(outputs)) - whole }
    return whole + max(own, tail > 0 ? 1 : 0)
  }
}
