/// The sequences that decode, as sums: a step changes them all alike, so it costs the same whatever
/// their number.
///
/// A sequence needs a new block every `blockSize` steps. Which steps those are is its *phase*, the
/// step's number modulo the block size; counting sequences by phase tells the blocks of any step.
struct DecodeSet: Sendable {
  /// Sequences.
  private(set) var count = 0
  /// Sequences that have left so far.
  private(set) var departures = 0
  /// Tokens in the cache, all sequences together.
  private(set) var contextTokens = 0
  /// Output tokens that they will have in the end, all sequences together.
  private(set) var outputTokens = 0
  /// Of these, tokens that are still to be produced.
  private(set) var outputsToCome = 0
  /// Decode steps done.
  private(set) var step: Int64 = 0
  /// Sequences by the step, modulo the block size, in which they need a block.
  private(set) var phases: [Int]

  init(blockSize: Int) {
    phases = Array(repeating: 0, count: blockSize)
  }

  /// The phase of a sequence that has `cached` tokens now.
  func phase(cached: Int) -> Int {
    // Step s writes token index cached + (s − step − 1); a block starts where that divides.
    let size = Int64(phases.count)
    let first = (step + 1 - Int64(cached)) % size
    return Int(first < 0 ? first + size : first)
  }

  mutating func join(cached: Int, outputTokens: Int, toCome: Int) {
    count += 1
    contextTokens += cached
    self.outputTokens += outputTokens
    outputsToCome += toCome
    phases[phase(cached: cached)] += 1
  }

  mutating func leave(cached: Int, outputTokens: Int, toCome: Int) {
    count -= 1
    departures += 1
    contextTokens -= cached
    self.outputTokens -= outputTokens
    outputsToCome -= toCome
    phases[phase(cached: cached)] -= 1
  }

  /// Blocks that the next step needs.
  var nextBlocks: Int { blocks(ofStep: 1) }

  /// Blocks that one of the coming steps needs; the next is step 1.
  func blocks(ofStep ahead: Int) -> Int {
    phases[Int((step + Int64(ahead)) % Int64(phases.count))]
  }

  /// Blocks that the next `steps` steps need together. O(block size).
  func blocks(steps: Int) -> Int {
    let (cycles, rest) = steps.quotientAndRemainder(dividingBy: phases.count)
    var sum = cycles * count
    for offset in 0..<rest { sum += blocks(ofStep: offset + 1) }
    return sum
  }

  /// How many steps `free` blocks last, up to `limit`. O(block size).
  func steps(lastingBlocks free: Int, limit: Int) -> Int {
    guard count > 0, free < blocks(steps: limit) else { return limit }
    let cycles = free / count
    var steps = cycles * phases.count
    var left = free - cycles * count
    while true {
      let needed = blocks(ofStep: steps + 1)
      guard needed <= left else { return steps }
      left -= needed
      steps += 1
    }
  }

  /// A sequence that has `cached` tokens gets so many more.
  mutating func grow(cached: Int, by tokens: Int) {
    contextTokens += tokens
    outputsToCome -= tokens
    phases[phase(cached: cached)] -= 1
    phases[phase(cached: cached + tokens)] += 1
  }

  /// Every sequence gets a token in each of `steps` steps.
  mutating func advance(steps: Int) {
    step += Int64(steps)
    contextTokens += steps * count
    outputsToCome -= steps * count
  }
}
