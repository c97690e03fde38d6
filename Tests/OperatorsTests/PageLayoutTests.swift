import Operators
import Testing

@Suite("Formats and pages")
struct PageLayoutTests {
  @Test("At head size 128 a token takes 512 bytes per KV head in FP16 and 136 in INT4")
  func publishedBytes() {
    func bytes(_ format: KVFormat) -> Int {
      PageLayout(format: format, blockSize: 16, kvHeads: 8, headDim: 128).bytesPerTokenPerHead
    }
    #expect(KVFormat.named.map(bytes) == [512, 136, 136])
  }

  @Test("The parts of a slab follow one another without gap or overlap")
  func partsFillSlab() {
    for format in KVFormat.named {
      for headDim in [64, 80, 96, 112, 128, 192, 256] {
        for blockSize in [1, 8, 16, 32, 64] {
          let layout = PageLayout(
            format: format, blockSize: blockSize, kvHeads: 3, headDim: headDim)
          let codes = blockSize * headDim * format.bitsPerElement / 8
          #expect(layout.valueCodesOffset == codes)
          #expect(layout.metadataOffset == 2 * codes)
          let metadata = 2 * blockSize * format.metadataBytesPerVector
          #expect(layout.slabBytes == layout.metadataOffset + metadata)
          #expect(layout.pageBytes == 3 * layout.slabBytes)
          #expect(layout.bytesPerToken * blockSize == layout.pageBytes)
        }
      }
    }
  }

  @Test("Names lead to formats and back; unknown names to none")
  func names() {
    for format in KVFormat.named { #expect(KVFormat(name: format.name) == format) }
    #expect(KVFormat(name: "fp8") == nil)
  }

  @Test("A rotation's order divides the head size: its largest power of two, 128 at most")
  func rotationOrders() {
    let orders = [64, 80, 96, 112, 128, 192, 256].map {
      KVFormat.int4Rotated.rotationOrder(headDim: $0)
    }
    #expect(orders == [64, 16, 32, 16, 128, 64, 128])
    #expect(KVFormat.int4.rotationOrder(headDim: 128) == nil)
  }

  @Test("Attended pairs of a causal chunk are counted as a double loop counts them")
  func attendedPairs() {
    for tokens in 1...20 {
      for prefix in 0...20 {
        let counted = (0..<tokens).reduce(0) { $0 + prefix + $1 + 1 }
        #expect(OperatorShape.attendedPairs(tokens: tokens, prefix: prefix) == counted)
      }
    }
  }

  @Test("Decoding a token is prefilling one: the same operations")
  func decodeIsPrefillOfOne() {
    let heads = HeadGeometry(queryHeads: 32, kvHeads: 8, headDim: 128)
    let decode = OperatorShape.decodeAttention(
      sequences: 1, context: 100, heads: heads, format: .int4)
    let prefill = OperatorShape.prefillAttention(
      tokens: 1, prefix: 99, heads: heads, format: .int4)
    #expect(decode.operations == prefill.operations && decode.bytes == prefill.bytes)
  }
}
