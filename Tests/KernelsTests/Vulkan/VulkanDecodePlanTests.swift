import Testing

@testable import Kernels

@Suite("How decode attention is cut for a device with many multiprocessors")
struct VulkanDecodePlanTests {
  private func spans(_ plan: VulkanDecodePlan) -> [[Int]] {
    stride(from: 0, to: plan.spans.count, by: 4).map { plan.spans[$0..<$0 + 4].map(Int.init) }
  }

  @Test("Spans cover what each pair sees once, in order, whatever the batch")
  func coverage() {
    var random = SplitMix64(seed: 11)
    for _ in 0..<60 {
      let contexts = (0..<Int.random(in: 1...40, using: &random)).map { _ in
        Int.random(in: 1...40_000, using: &random)
      }
      let kvHeads = Int.random(in: 1...9, using: &random)
      let window = Bool.random(using: &random) ? Int.random(in: 1...3000, using: &random) : nil
      let plan = VulkanDecodePlan(
        contexts: contexts, window: window, kvHeads: kvHeads,
        groupSize: Int.random(in: 1...8, using: &random),
        bits: [4, 16].randomElement(using: &random)!,
        multiprocessors: Int.random(in: 1...180, using: &random))
      let all = spans(plan)
      #expect(plan.pairCount == contexts.count * kvHeads)
      for (sequence, context) in contexts.enumerated() {
        let own = Array(all[Int(plan.starts[sequence])..<Int(plan.starts[sequence + 1])])
        for head in 0..<kvHeads {
          // Partial `i` of a head stands at start + i * kvHeads + head: merge.comp counts on it.
          let pieces = stride(from: head, to: own.count, by: kvHeads).map { own[$0] }
          #expect(pieces.allSatisfy { $0[0] == sequence && $0[1] == head })
          #expect(pieces.first?[2] == context - min(context, window ?? context))
          #expect(pieces.last?[3] == context)
          #expect(zip(pieces, pieces.dropFirst()).allSatisfy { $0[3] == $1[2] })
        }
      }
    }
  }

  /// A plan for 8 KV heads on the 132 multiprocessors of an H200.
  private func plan(_ contexts: [Int], groupSize: Int = 4, bits: Int = 16) -> VulkanDecodePlan {
    VulkanDecodePlan(
      contexts: contexts, kvHeads: 8, groupSize: groupSize, bits: bits, multiprocessors: 132)
  }

  @Test("A batch that fills the device with a span for each pair is not cut; fewer pairs are")
  func rounds() {
    // 512 pairs for 528 workgroups at once.
    let full = plan([Int](repeating: 4096, count: 64))
    #expect(full.isWhole && full.spanCount == 512)
    // 64 pairs: five spans of each and more fill most of a round, or some rounds.
    let few = plan([Int](repeating: 16384, count: 8))
    #expect(!few.isWhole && (320...1056).contains(few.spanCount), "\(few.spanCount)")
    // 2,048 pairs take four rounds as they are.
    #expect(plan([Int](repeating: 1024, count: 256)).isWhole)
  }

  @Test("A multiprocessor runs half as many workgroups that take eight query heads each")
  func occupancy() {
    // 264 pairs: half of what runs at once with 4 query heads, all of it with 8.
    let contexts = [Int](repeating: 8000, count: 33)
    for bits in [4, 16] {
      #expect(!plan(contexts, groupSize: 4, bits: bits).isWhole)
      #expect(plan(contexts, groupSize: 8, bits: bits).isWhole)
    }
  }

  @Test("A few longer contexts are left whole: joining takes longer than what is left of them")
  func uneven() {
    for bits in [4, 16] {
      let contexts = [Int](repeating: 1000, count: 60) + [1100, 1100, 1200, 1300]
      #expect(plan(contexts, bits: bits).isWhole)
      // Twenty times as long as the others, it would keep a few multiprocessors busy alone.
      #expect(!plan([Int](repeating: 1000, count: 63) + [20_000], bits: bits).isWhole)
    }
  }

  @Test("An empty batch has no spans")
  func empty() {
    #expect(plan([]).spanCount == 0 && plan([]).starts == [0])
  }
}
