import Kernels
import Operators
import TestSupport
import Testing

/// What rotation is for: a few channels of K that are thirty times as large as the rest.
@Suite struct OutlierTests {
  @Test(arguments: [64, 128, 192])
  func rotationTamesOutlierChannels(_ headDim: Int) throws {
    let plain = try error(.int4, headDim)
    let turned = try error(.int4Rotated, headDim)
    print("outliers, head_dim \(headDim): int4 NMSE \(plain), int4-rotated NMSE \(turned)")
    #expect(turned < plain)
    // Two-sided: an error that is far smaller than these is as much a finding as a larger one.
    #expect((1...15).contains(plain))
    #expect((0.03...0.2).contains(turned))
  }

  /// NMSE of decode attention against float64 attention on K and V as they were before
  /// quantising.
  private func error(_ format: KVFormat, _ headDim: Int) throws -> Double {
    var random = SeededRandom(61)
    let heads = HeadGeometry(queryHeads: 8, kvHeads: 2, headDim: headDim)
    let context = 200
    let world = try AttentionWorld(
      format, heads, blockSize: 16, contexts: [context],
      channelScales: [3: 30, headDim / 2 + 5: 30], random: &random)
    var queries = random.normals(heads.queryHeads * headDim)
    // Queries are small where keys are large, as trained models make them: else one channel
    // decides every softmax, and any format finds the one key it picks.
    for head in 0..<heads.queryHeads {
      queries[head * headDim + 3] /= 30
      queries[head * headDim + headDim / 2 + 5] /= 30
    }
    let row = heads.kvHeads * headDim
    var expected: [Double] = []
    for head in 0..<heads.queryHeads {
      let start = head / heads.groupSize * headDim
      func rows(_ floats: [Float]) -> [[Double]] {
        (0..<context).map { token in
          floats[token * row + start..<token * row + start + headDim].map(Double.init)
        }
      }
      expected += Reference.attention(
        query: queries[head * headDim..<(head + 1) * headDim].map(Double.init),
        keys: rows(world.keys[0]), values: rows(world.values[0]), count: context)
    }
    var output = GuardedOutput(count: expected.count)
    try CPUBackend().decodeAttention(
      queries: queries, queryHeads: heads.queryHeads, sequences: world.sequences,
      pages: world.pages, into: &output.floats)
    return nmse(output.written, expected)
  }
}
