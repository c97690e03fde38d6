import Operators
import TestSupport
import Testing

@testable import Kernels

/// Batches at the ends of what Vulkan counts.
@Suite(.enabled(if: hasVulkanDevice, "no Vulkan device here"), .serialized)
struct VulkanLimitTests {
  @Test("More pairs of sequence and KV head than one dimension of a grid has workgroups")
  func manyPairs() throws {
    let (sequences, heads, dim) = (1025, 64, 16)
    let layout = PageLayout(format: .fp16, blockSize: 16, kvHeads: heads, headDim: dim)
    var pages = try KVPages(layout: layout, pageCount: 1)
    var random = SplitMix64(seed: 3)
    func numbers(_ count: Int) -> [Float] {
      (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
    }
    let cpu = try CPUBackend()
    try cpu.append(
      keys: numbers(2 * heads * dim), values: numbers(2 * heads * dim), slots: [0, 1], to: &pages)
    let queries = numbers(sequences * heads * dim)
    let batch = [CachedSequence](
      repeating: CachedSequence(blocks: [0], context: 2), count: sequences)
    func decoded(_ backend: any KernelBackend) throws -> [Float] {
      var output = [Float](repeating: .nan, count: queries.count)
      try backend.decodeAttention(
        queries: queries, queryHeads: heads, sequences: batch, pages: pages, options: .plain,
        into: &output)
      return output
    }
    let (ours, theirs) = (try decoded(VulkanBackend(.any)), try decoded(cpu))
    #expect(zip(ours, theirs).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  @Test("Contexts beyond 32 bits are refused by name, and nothing is lost")
  func longContexts() throws {
    let layout = PageLayout(format: .int4, blockSize: 1024, kvHeads: 1, headDim: 16)
    let pages = try KVPages(layout: layout, pageCount: 1)
    let tokens = (1 << 31) + 1
    let sequence = CachedSequence(
      blocks: [Int32](repeating: 0, count: tokens / 1024 + 1), context: tokens)
    let backend = try VulkanBackend(.any)
    let refused = DeviceError.unsupportedShape(
      field: "context", value: tokens, accepted: "at most \(1 << 31)")
    var output = [Float](repeating: 7, count: 16)
    let queries = [Float](repeating: 0, count: 16)
    #expect(throws: refused) {
      try backend.decodeAttention(
        queries: queries, queryHeads: 1, sequences: [sequence], pages: pages, options: .plain,
        into: &output)
    }
    #expect(throws: refused) {
      try backend.prefillAttention(
        queries: queries, queryHeads: 1, tokens: 1, sequence: sequence, pages: pages,
        options: .plain, into: &output)
    }
    #expect(output == [Float](repeating: 7, count: 16))
  }
}
