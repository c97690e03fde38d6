import CostModel
import TestSupport
import Testing

@testable import Simulator

@Suite("Slots without a token")
struct SlotUseTests {
  private let pricer = SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1)

  private func shares(_ rows: [(Int64, Int32, Int32)], budget: Int) -> [Double] {
    let all = [false, true].map { exact in
      let played = Played(
        replay(rows), maxNumSeqs: 4, maxNumBatchedTokens: budget, blockSize: 4, exact: exact,
        checks: true, pricer: pricer)
      return [played.summary.emptySlotShare, played.summary.emptySlotShareWhenFullest]
    }
    #expect(all[0] == all[1])
    return all[0]
  }

  @Test("Behind the last token of a sequence")
  func lastBlock() {
    // 12 slots: 2 are empty for 110 ns, one for 100, none for 100.
    #expect(shares([(0, 10, 3)], budget: 64) == [320.0 / 3720, 0])
    // 12 slots with 10, 11, 12 tokens for 110, 100, 100 ns; 16 with 13, 14 for 200.
    #expect(shares([(0, 10, 5)], budget: 64) == [820.0 / 6920.0, 2.0 / 16.0])
  }

  @Test("Taken ahead for a prompt that is computed in chunks")
  func takenAhead() {
    // 12 slots, of which 8, 4, 2 are empty for 104, 104, 102 ns.
    // 832 + 416 + 204.
    #expect(shares([(0, 10, 1)], budget: 4) == [1452.0 / 3720.0, 2.0 / 12.0])
  }

  @Test("Blocks that two share count once")
  func shared() {
    // 32 tokens of which 24 are the same, in blocks of 4: no slot is empty but behind outputs.
    let blocks = PromptBlocks(blockTokens: 8, ids: [0, 1, 2, 3, 0, 1, 2, 4], starts: [0, 4, 8])
    let workload = SharedPrefixTests.workload((lengths: [32, 32], blocks: blocks), gapNs: 0) { _ in
      2
    }
    let played = Played(
      workload, blockSize: 4, poolBlocks: 100, enablePrefixCaching: true, checks: true,
      pricer: pricer)
    // 0–140: 32 + 8 tokens in ten blocks. 140–240: one more of each in a block of its own.
    #expect(played.requests.map(\.finishNs) == [240, 240])
    // 6 of 48 slots for 100 ns, none of 40 for 140.
    #expect(played.summary.emptySlotShare == 600.0 / 10400.0)
    #expect(played.summary.emptySlotShareWhenFullest == 6.0 / 48.0)
  }

  @Test("Sums over runs of steps are those of sequences counted one by one, step by step")
  func agreesWithNaiveCount() {
    var random = SeededRandom(3)
    func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    for _ in 0..<300 {
      let blockSize = [1, 2, 5, 16][draw(0...3)]
      var decodes = DecodeSet(blockSize: blockSize)
      var cached = (0..<draw(1...12)).map { _ in draw(1...60) }
      for tokens in cached { decodes.join(cached: tokens, outputTokens: 0, toCome: 0) }
      func count() -> SlotCount {
        let blocks = cached.reduce(0) { $0 + ($1 + blockSize - 1) / blockSize }
        let owned = blocks * blockSize
        return SlotCount(blocks: blocks, owned: owned, empty: owned - cached.reduce(0, +))
      }
      var use = SlotUse()
      var (owned, empty) = (0, 0)
      for _ in 0..<draw(1...6) {
        let (steps, first, growth) = (draw(1...70), draw(1...1000), draw(0...9))
        for step in 0..<steps {
          cached = cached.map { $0 + 1 }
          let ns = first + step * growth
          owned += count().owned * ns
          empty += count().empty * ns
        }
        decodes.advance(steps: steps)
        use.add(
          count(), decodes: decodes, steps: steps, firstStepNs: Int64(first),
          growthNs: Int64(growth))
      }
      #expect(use.emptyShare == Double(empty) / Double(owned))
      #expect(use.emptyShareWhenFullest == Double(count().empty) / Double(count().owned))
    }
  }
}
