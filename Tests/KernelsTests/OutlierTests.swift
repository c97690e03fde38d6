import Kernels
import Operators
import Testing

@testable import KernelStudies

/// What rotation is for: a few channels of K that are thirty times as large as the rest.
@Suite struct OutlierTests {
  @Test(arguments: [64, 128, 192])
  func rotationTamesOutlierChannels(_ headDim: Int) throws {
    let plain = try error(.int4, headDim)
    let turned = try error(.int4Rotated, headDim)
    print("outliers, head_dim \(headDim): int4 NMSE \(plain), int4-rotated NMSE \(turned)")
    #expect(turned < plain)
    // Two-sided: an error that is far smaller than these is as much a finding as a larger one.
    #expect((1...40).contains(plain))
    #expect((0.03...0.2).contains(turned))
  }

  /// NMSE of decode attention against float64 attention on the same K and V in FP16 pages.
  private func error(_ format: KVFormat, _ headDim: Int) throws -> Double {
    let heads = HeadGeometry(queryHeads: 8, kvHeads: 2, headDim: headDim)
    let world = try world(format, heads)
    var random = CheckRandom(seed: 62)
    var queries = random.normals(heads.queryHeads * headDim)
    // Queries are small where keys are large, as trained models make them: else one channel
    // decides every softmax, and any format finds the one key it picks.
    for head in 0..<heads.queryHeads {
      queries[head * headDim + 3] /= 30
      queries[head * headDim + headDim / 2 + 5] /= 30
    }
    let expected = try self.world(.fp16, heads).expected(0, tokens: 1, queries: queries[...])
    var output = GuardedOutput(count: expected.count)
    try CPUBackend().decodeAttention(
      queries: queries, queryHeads: heads.queryHeads, sequences: world.sequences,
      pages: world.pages, into: &output.floats)
    return Statistics.normalisedMeanSquaredError(output.written, expected)
  }

  private func world(_ format: KVFormat, _ heads: HeadGeometry) throws -> AttentionWorld {
    var random = CheckRandom(seed: 61)
    return try AttentionWorld(
      format, heads, blockSize: 16, contexts: [200],
      channelScales: [3: 30, heads.headDim / 2 + 5: 30],
      writer: CPUBackend(path: .scalar, threads: 1), random: &random)
  }
}
