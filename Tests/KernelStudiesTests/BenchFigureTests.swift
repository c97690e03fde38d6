import KernelStudies
import Operators
import Testing

@Suite("Benchmark figures, worked by hand")
struct BenchFigureTests {
  private let heads = HeadGeometry(queryHeads: 32, kvHeads: 8, headDim: 128)

  /// Two sequences of 1,000 tokens: FP16 4,096 bytes a token, INT4 1,088.
  private var decode: BenchSamples {
    let cases = [KVFormat.fp16, .int4, .int4Rotated].map {
      OperatorShape.decodeAttention(sequences: 2, context: 1000, heads: heads, format: $0)
    }
    return BenchSamples(
      group: BenchGroup(.decode, cases),
      timesNs: [[8e5, 1e6, 4e6], [4e5, 4e5, 8e5], [4e5, 5e5, 8e5]],
      reads: [2e10, 16.384e9, 4.096e9], peaks: [1e11, 1e11, 1e11])
  }

  @Test("The median of an odd and of an even count, and quantiles between neighbours")
  func spread() {
    let odd = SampleSpread([5, 1, 3])
    #expect(odd.median == 3 && odd.count == 3)
    #expect(abs(odd.p10 - 1.4) < 1e-12 && abs(odd.p90 - 4.6) < 1e-12)
    let even = SampleSpread([4, 1, 2, 3])
    #expect(even.median == 2.5)
    #expect(abs(even.p10 - 1.3) < 1e-12 && abs(even.p90 - 3.7) < 1e-12)
    let single = SampleSpread([7])
    #expect(single.median == 7 && single.p10 == 7 && single.p90 == 7)
    let eleven = SampleSpread((0...10).reversed().map(Double.init))
    #expect(eleven.median == 5 && eleven.p10 == 1 && eleven.p90 == 9)
  }

  @Test("Bytes: KV of attention with its metadata, weights of linear, both ways of append")
  func ratedBytes() {
    let shapes = decode.group.cases
    #expect(shapes.map(\.ratedBytes) == [8_192_000, 2_176_000, 2_176_000])
    #expect(OperatorShape.linear(tokens: 9, outputs: 30, inputs: 20).ratedBytes == 1200)
    let append = OperatorShape.append(tokens: 3, heads: heads, format: .int4)
    #expect(append.ratedBytes == 3 * (8 * 8 * 128 + 1088))
    let prefill = OperatorShape.prefillAttention(
      tokens: 10, prefix: 90, heads: heads, format: .fp16)
    #expect(prefill.ratedBytes == 409_600)
  }

  @Test("A rate is of the median time; a share is the median of the rounds' shares")
  func rates() throws {
    #expect(decode.bytesPerSecond(0) == 8.192e9)
    #expect(decode.tokensPerSecond(0) == 2000)
    // Rounds: 10.24 of 20, 8.192 of 16.384, 2.048 of 4.096 GB/s.
    #expect(abs(decode.shareOfRead(0).median - 0.5) < 1e-12)
    #expect(abs(decode.shareOfRead(0).p90 - (0.5 + 0.8 * 0.012)) < 1e-12)
    // 4 * 2 * 1000 * 32 * 128 operations in 1 ms, 0.8 ms and 4 ms.
    #expect(decode.operationsPerSecond(0) == 32.768e9)
    #expect(abs(try #require(decode.shareOfPeak(0)).median - 0.32768) < 1e-12)
    // 8.192 MB at the median read of 16.384 GB/s.
    #expect(abs(decode.floorOfBytes_ns(0) - 5e5) < 1e-6)
  }

  @Test("Ratios are taken round by round, not of medians")
  func ratios() {
    // Rounds: 8/4, 10/4, 40/8.
    #expect(decode.speed(1, over: 0).median == 2.5)
    #expect(decode.timeRatio(0, to: 1).median == 2.5)
    // Rounds: 4/4, 5/4, 8/8: the ratio of the medians would be 1.25.
    #expect(decode.timeRatio(2, to: 1).median == 1)
    #expect(decode.index(of: .int4Rotated) == 2)
    #expect(decode.index(of: .int4.rotated(by: 64, includesValues: false)) == nil)
  }

  @Test("More than the cache is more by a byte at least")
  func cache() {
    #expect(decode.exceedsCache(0, cacheBytes: 8_191_999))
    #expect(!decode.exceedsCache(0, cacheBytes: 8_192_000))
  }

  @Test("A row from cache is set against plain INT4 of the same round")
  func cachedAppend() {
    let append = CachedAppend(
      format: .int4Rotated, rowNs: [12, 30, 22], plainRowNs: [10, 20, 20])
    #expect(append.rowNs.median == 22)
    #expect(append.ratioToPlain.median == 1.2)
  }

  @Test("The published figures are those of the specification, and agree among themselves")
  func published() {
    let kvBytes = PublishedFigures.decode.map { Double($0.context * 4096) }
    let rates = zip(kvBytes, PublishedFigures.decode).map { $0 / $1.f16Ns }
    #expect(rates.allSatisfy { (6.15...6.85).contains($0) })
    // Q4_0 stores 18 bytes for 32 elements.
    for row in PublishedFigures.decode {
      let rate = Double(row.context * 2 * 8 * 128 * 18 / 32) / row.q4Ns
      #expect((0.51...0.53).contains(rate))
    }
  }
}
