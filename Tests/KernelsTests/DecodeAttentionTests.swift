import Kernels
import Operators
import TestSupport
import Testing

@Suite struct DecodeAttentionTests {
  @Test(arguments: KVFormat.named)
  func matchesFloat64OnRandomShapes(_ format: KVFormat) throws {
    var random = SeededRandom(11)
    let backends = try CPUPath.available.map { try CPUBackend(path: $0, threads: 2) }
    let contexts = [1, 2, 7, 15, 16, 17, 31, 32, 33, 48, 64, 65]
    for number in 0..<(360 * testDepth) {
      let world = try AttentionWorld.random(
        format, contexts: contexts, sequences: number % 3 + 1, &random)
      try check(world, backends, &random)
    }
  }

  @Test(arguments: KVFormat.named)
  func matchesFloat64OnLongContexts(_ format: KVFormat) throws {
    var random = SeededRandom(12)
    let backends = try CPUPath.available.map { try CPUBackend(path: $0, threads: 3) }
    for context in [113, 512, 513, 1024, 1025] {
      for groupSize in [1, 4] {
        let heads = HeadGeometry(queryHeads: groupSize, kvHeads: 1, headDim: 64)
        let world = try AttentionWorld(
          format, heads, blockSize: 16, contexts: [context, 3], random: &random)
        try check(world, backends, &random)
      }
    }
  }

  private func check(
    _ world: AttentionWorld, _ backends: [CPUBackend], _ random: inout SeededRandom
  ) throws {
    let row = world.heads.queryHeads * world.heads.headDim
    let queries = random.normals(world.sequences.count * row)
    var expected: [Double] = []
    for sequence in world.sequences.indices {
      expected += world.expected(
        sequence, tokens: 1, queries: queries[sequence * row..<(sequence + 1) * row])
    }
    for backend in backends {
      var output = GuardedOutput(count: expected.count)
      try backend.decodeAttention(
        queries: queries, queryHeads: world.heads.queryHeads, sequences: world.sequences,
        pages: world.pages, into: &output.floats)
      let error = nmse(output.written, expected)
      #expect(
        error <= 1e-6,
        "\(backend.kernelPath) \(world.pages.layout) \(world.sequences.map(\.context))")
      #expect(output.sentinelsSurvive)
    }
  }
}
