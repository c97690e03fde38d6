import Kernels
import Operators
import TestSupport
import Testing

@Suite struct PrefillAttentionTests {
  @Test(arguments: KVFormat.named)
  func matchesFloat64OnRandomChunks(_ format: KVFormat) throws {
    var random = SeededRandom(21)
    let backends = try CPUPath.available.map { try CPUBackend(path: $0, threads: 2) }
    for _ in 0..<(150 * testDepth) {
      let world = try AttentionWorld.random(
        format, contexts: [1, 3, 15, 16, 17, 33, 40], sequences: 1, &random)
      let context = world.sequences[0].context
      let tokens = random.pick([1, 2, 5, 9]).clamped(to: 1...context)
      try check(world, tokens: tokens, backends, &random)
    }
  }

  @Test(arguments: KVFormat.named)
  func matchesFloat64AcrossTilesOfKeys(_ format: KVFormat) throws {
    var random = SeededRandom(22)
    let backends = try CPUPath.available.map { try CPUBackend(path: $0, threads: 3) }
    for (prefix, tokens, groupSize) in [(0, 70, 1), (63, 3, 2), (64, 40, 1), (130, 20, 3)] {
      let heads = HeadGeometry(queryHeads: groupSize, kvHeads: 1, headDim: 80)
      let world = try AttentionWorld(
        format, heads, blockSize: 16, contexts: [prefix + tokens], random: &random)
      try check(world, tokens: tokens, backends, &random)
    }
  }

  private func check(
    _ world: AttentionWorld, tokens: Int, _ backends: [CPUBackend],
    _ random: inout SeededRandom
  ) throws {
    let queries = random.normals(tokens * world.heads.queryHeads * world.heads.headDim)
    let expected = world.expected(0, tokens: tokens, queries: queries[...])
    for backend in backends {
      var output = GuardedOutput(count: expected.count)
      try backend.prefillAttention(
        queries: queries, queryHeads: world.heads.queryHeads, tokens: tokens,
        sequence: world.sequences[0], pages: world.pages, into: &output.floats)
      #expect(
        nmse(output.written, expected) <= 1e-6,
        "\(backend.kernelPath) \(world.pages.layout) \(world.sequences[0].context) \(tokens)")
      #expect(output.sentinelsSurvive)
    }
  }
}

extension Int {
  func clamped(to range: ClosedRange<Int>) -> Int {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }
}
