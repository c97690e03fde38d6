import Testing

@testable import Kernels

@Suite("How the CPU's dispatch cuts work into items")
struct CPUPlanTests {
  @Test("A chunk makes no more blocks than there are to be, where they hold as many rows")
  func prefill() {
    for (workers, kvHeads) in [(1, 8), (2, 8), (12, 8), (16, 8), (16, 1), (64, 4)] {
      let blocks = max(1, 4 * workers / kvHeads)
      for group in [1, 2, 4, 8] {
        for tokens in 1...2048 {
          let each = CPUDispatch.prefillTokens(
            tokens, group: group, kvHeads: kvHeads, workers: workers)
          #expect(each >= 1 && each * group <= 192)
          #expect((tokens + each - 1) / each <= blocks || (each + 1) * group > 192)
        }
      }
    }
  }

  @Test("Streamed weights make no more than four items a thread, where those are below 1 MiB")
  func streamed() {
    for workers in [1, 2, 12, 16, 64] {
      for inputs in [64, 1024, 4096, 28672] {
        for outputs in stride(from: 1, through: 20_000, by: 37) {
          let each = CPUDispatch.streamedOutputs(outputs, inputs: inputs, workers: workers)
          #expect(each >= 4 && each % 4 == 0)
          #expect(each == 4 || each * inputs <= 1 << 19)
          #expect((outputs + each - 1) / each <= 4 * workers || (each + 4) * inputs > 1 << 19)
        }
      }
    }
  }

  @Test("100 tokens of 4 query heads to each of 8 KV heads on 16 threads: 8 blocks of 13")
  func handWorked() {
    // Of 12 they were nine blocks, 72 items, half a round beyond four.
    #expect(CPUDispatch.prefillTokens(100, group: 4, kvHeads: 8, workers: 16) == 13)
    // 4,096 outputs on 12 threads: 47 items of 88, where 84 each made 49.
    #expect(CPUDispatch.streamedOutputs(4096, inputs: 4096, workers: 12) == 88)
  }
}
