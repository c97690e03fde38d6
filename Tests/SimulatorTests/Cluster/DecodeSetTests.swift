import TestSupport
import Testing

@testable import Simulator

@Suite("Decode set")
struct DecodeSetTests {
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
          set.join(cached: cached.last!)
        case 1 where !cached.isEmpty:
          set.leave(cached: cached.remove(at: Int.random(in: 0..<cached.count, using: &random)))
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
