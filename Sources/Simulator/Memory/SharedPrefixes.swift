/// Prefixes that requests share through the KV cache, and which of them are in it.
///
/// Sharing is by *units*: the shortest pieces that are whole blocks of the pool and, where a trace
/// names those of its prompts, whole blocks of them. A unit is in the cache while a running
/// sequence holds it, and from when the last one let go of it until its blocks are taken.
///
/// A unit is named by its prompt's row (``KnownPrompts``) and its place there: a trace's prompts
/// list their units, a system prompt's are a range of numbers behind them. Where a request's prompt
/// and output are the beginning of a later prompt, that one's units are theirs.
struct SharedPrefixes: Sendable {
  /// Blocks of a unit.
  let unitBlocks: Int
  /// The trace's prompts in units; none without a trace.
  private let traced: PromptBlocks
  /// By a trace's prompt, where the units of it and of its output begin in the list of all: its own
  /// or, with the same names and more of them, those of the prompt that continues it.
  private let firstUnits: [Int]
  /// Of which classes the trace's outputs are played.
  private let playsOutputs: [Bool]
  /// The units of each class's system prompt.
  private let systemUnits: [Range<Int>]
  /// How many running sequences hold each unit.
  private var holders: [Int32]
  /// Units that sequences hold, each as often as it is held beyond once.
  private(set) var repeatedUnits = 0

  init(_ prompts: KnownPrompts, blockSize: Int) {
    let unitTokens = SharedPrefixes.leastCommonMultiple(
      prompts.blocks?.blockTokens ?? blockSize, blockSize)
    let none = PromptBlocks(blockTokens: unitTokens, ids: [], starts: [0])
    let traced = prompts.blocks?.grouped(blockTokens: unitTokens) ?? none
    self.traced = traced
    firstUnits = (0..<traced.count).map { traced.starts[traced.continuation(of: $0) ?? $0] }
    playsOutputs = prompts.playsOutputs
    var names = Int(traced.ids.max() ?? -1) + 1
    systemUnits = prompts.systemPromptTokens.map { tokens in
      defer { names += tokens / unitTokens }
      return names..<names + tokens / unitTokens
    }
    unitBlocks = unitTokens / blockSize
    holders = Array(repeating: 0, count: names)
  }

  private static func leastCommonMultiple(_ a: Int, _ b: Int) -> Int {
    var (divisor, rest) = (a, b)
    while rest > 0 { (divisor, rest) = (rest, divisor % rest) }
    return a / divisor * b
  }

  /// Tokens of a unit.
  var unitTokens: Int { traced.blockTokens }

  /// The units of a prompt of so many tokens that it may share: all whole ones that are known.
  func shareableUnits(ofPrompt row: Int, tokens: Int) -> Int {
    row < traced.count ? tokens / unitTokens : systemUnits[row - traced.count].count
  }

  /// The units of its prompt and output that a request may share: all whole ones that are known of
  /// what it has in the cache before it ends.
  func shareableUnits(of sequence: Sequence) -> Int {
    let row = sequence.promptRow
    let knowsOutput =
      row < traced.count && traced.continuation(of: row) != nil && !playsOutputs.isEmpty
      && playsOutputs[sequence.requestClass]
    return shareableUnits(
      ofPrompt: row, tokens: knowsOutput ? sequence.tokensAtEnd : sequence.promptTokens)
  }

  /// The name of a prompt's unit, or of one of its output.
  private func unit(_ index: Int, ofPrompt row: Int) -> Int {
    row < traced.count
      ? Int(traced.ids[firstUnits[row] + index])
      : systemUnits[row - traced.count].lowerBound + index
  }

  private func isCached(_ unit: Int, _ pool: BlockPool) -> Bool {
    holders[unit] > 0 || pool.blocks(of: .prefix(unit)) > 0
  }

  /// How many of a prompt's first units are in the cache, `limit` at most, and how many of these
  /// nobody holds, so that their blocks are free.
  func found(ofPrompt row: Int, limit: Int, in pool: BlockPool) -> (units: Int, idle: Int) {
    var (units, idle) = (0, 0)
    while units < limit {
      let unit = unit(units, ofPrompt: row)
      guard isCached(unit, pool) else { break }
      if holders[unit] == 0 { idle += 1 }
      units += 1
    }
    return (units, idle)
  }

  /// One sequence more holds a prompt's first units.
  /// - Precondition: they were found.
  mutating func hold(_ units: Int, ofPrompt row: Int, in pool: inout BlockPool) {
    for index in 0..<units {
      let unit = unit(index, ofPrompt: row)
      if holders[unit] == 0 {
        let blocks = pool.reclaim(for: .prefix(unit), limit: unitBlocks)
        precondition(blocks == unitBlocks)
      } else {
        repeatedUnits += 1
      }
      holders[unit] += 1
    }
  }

  /// A sequence has computed a unit in blocks of its own; whether that is now the cached one. It is
  /// not where another sequence that runs was first. One that is left behind an evicted unit, so
  /// that nobody found it, gives way.
  mutating func add(_ index: Int, ofPrompt row: Int, in pool: inout BlockPool) -> Bool {
    let unit = unit(index, ofPrompt: row)
    guard holders[unit] == 0 else { return false }
    _ = pool.reclaim(for: .prefix(unit), limit: 0)
    holders[unit] = 1
    return true
  }

  /// A sequence lets go of a prompt's first units, the last of them first, so that the first ones
  /// last longest.
  mutating func letGo(_ units: Int, ofPrompt row: Int, in pool: inout BlockPool) {
    for index in (0..<units).reversed() {
      let unit = unit(index, ofPrompt: row)
      precondition(holders[unit] > 0, "a unit is let go of once by each that holds it")
      holders[unit] -= 1
      if holders[unit] == 0 {
        pool.release(unitBlocks, of: .prefix(unit))
      } else {
        repeatedUnits -= 1
      }
    }
  }

  /// How many sequences hold each unit that is held, by its name; for checks.
  func heldUnits() -> [Int: Int] {
    var held: [Int: Int] = [:]
    for (unit, count) in holders.enumerated() where count > 0 { held[unit] = Int(count) }
    return held
  }

  /// Names of a prompt's first units; for checks.
  func names(_ units: Int, ofPrompt row: Int) -> [Int] {
    (0..<units).map { unit($0, ofPrompt: row) }
  }
}
