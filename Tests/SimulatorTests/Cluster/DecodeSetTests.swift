import TestSupport
import Testing

@testable import Simulator

@Suite("Decode set")
struct DecodeSetTests {
  @Test("Outputs to come fall by one a step and sequence, and leave with their sequence")
  func outputsToCome() {
    var set = DecodeSet(blockSize: 16)
    set.join(cached: 5, outputTokens: 30, toCome: 29)
    set.advance(steps: 4)
    set.join(cached: 7, outputTokens: 10, toCome: 9)
    #expect(set.outputTokens == 40 && set.outputsToCome == 25 + 9)
    set.advance(steps: 9)
    set.leave(cached: 16, outputTokens: 10, toCome: 0)
    #expect(set.outputTokens == 30 && set.outputsToCome == 16)
  }

  @Test("Counts by phase give the blocks that stepping each sequence gives")
  func phasesAgreeWithSequences() {
    var random = SeededRandom(5)
    for blockSize in [1, 2, 7, 16] {
      var set = DecodeSet(blockSize: blockSize)
      var cached: [Int] = []
      for _ in 0..<3_000 {
        switch Int.random(in: 0..<3, using: &random) {
        case 0 where cached.count < 30:
          cached.append(Int.random(in: 1...100, using: &random))
          set.join(cached: cached.last!, outputTokens: 0, toCome: 0)
        case 1 where !cached.isEmpty:
          let index = Int.random(in: 0..<cached.count, using: &random)
          set.leave(cached: cached.remove(at: index), outputTokens: 0, toCome: 0)
        default:
          let steps = Int.random(in: 1...40, using: &random)
          // A block is needed for each multiple of the block size that a token index crosses.
          func needed(_ steps: Int) -> Int {
            cached.reduce(0) { sum, tokens in
              sum + (tokens + steps - 1) / blockSize - (tokens - 1) / blockSize
            }
          }
          #expect(set.blocks(steps: steps) == needed(steps))
          #expect(set.nextBlocks == needed(1))
          #expect(set.blocks(ofStep: steps) == needed(steps) - needed(steps - 1))
          let free = Int.random(in: 0...(2 * cached.count + 1), using: &random)
          let lasting = set.steps(lastingBlocks: free, limit: steps)
          #expect(lasting == (0...steps).last { needed($0) <= free })
          set.advance(steps: steps)
          cached = cached.map { $0 + steps }
        }
        #expect(set.count == cached.count)
        #expect(set.contextTokens == cached.reduce(0, +))
      }
    }
  }
}
