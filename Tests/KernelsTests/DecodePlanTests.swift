import CAttention
import Testing

@testable import KernelStudies
@testable import Kernels

@Suite struct DecodePlanTests {
  @Test("Each token of each KV head is in one span, and each span has partials of its own")
  func spansCoverTheBatch() {
    var random = CheckRandom(seed: 91)
    for _ in 0..<200 {
      let contexts = (0..<5).map { _ in Int.random(in: 1...40_000, using: &random) }
      let window = Bool.random(using: &random) ? nil : Int.random(in: 1...2000, using: &random)
      let kvHeads = Int.random(in: 1...12, using: &random)
      let plan = DecodePlan(
        contexts: contexts, window: window, kvHeads: kvHeads,
        workers: Int.random(in: 1...40, using: &random))
      var isTaken = [Bool](repeating: false, count: plan.partialCount)
      for (sequence, context) in contexts.enumerated() {
        var tokens = [[Range<Int64>]](repeating: [], count: kvHeads)
        let (first, last) = (plan.spanStarts[sequence], plan.spanStarts[sequence + 1])
        for span in plan.spans[Int(first)..<Int(last)] {
          #expect(span.sequence == sequence && span.kv_heads == plan.headsPerSpan)
          #expect(span.last_token % 128 == 0 || span.last_token == Int64(context))
          #expect(span.last_token - span.first_token <= 16_384 + 128)
          for head in 0..<span.kv_heads {
            tokens[Int(span.kv_head + head)].append(span.first_token..<span.last_token)
            #expect(!isTaken[Int(span.first_partial + head)])
            isTaken[Int(span.first_partial + head)] = true
          }
        }
        for ranges in tokens {
          // In order, without a gap, from where the window begins to the end.
          #expect(ranges.first?.lowerBound == Int64(context - min(context, window ?? context)))
          #expect(ranges.last?.upperBound == Int64(context))
          #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        }
      }
      #expect(isTaken.allSatisfy { $0 } && plan.pairCount == contexts.count * kvHeads)
    }
  }

  @Test("KV heads stay together, whole pages at a time, unless threads would have nothing to do")
  func headsGoApartOnlyForThreads() {
    func headsPerSpan(_ contexts: [Int], workers: Int) -> Int {
      DecodePlan(contexts: contexts, kvHeads: 8, workers: workers).headsPerSpan
    }
    #expect(headsPerSpan([64], workers: 1) == 8)
    // Sixteen pieces of 256 tokens, and four spans for each thread.
    #expect(headsPerSpan([4096], workers: 2) == 8)
    #expect(headsPerSpan([4096], workers: 32) == 1)
    #expect(headsPerSpan([4096], workers: 8) == 4)
    #expect(headsPerSpan([100], workers: 2) == 1)
    #expect(headsPerSpan([Int](repeating: 100, count: 64), workers: 2) == 8)
  }
}
