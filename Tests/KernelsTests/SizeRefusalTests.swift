import Kernels
import Operators
import Testing

/// Sizes that no kernel takes, down to those whose products overflow: each is a `DeviceError` that
/// names the size, and none ends the program.
@Suite struct SizeRefusalTests {
  private let sequence = CachedSequence(blocks: [0], context: 1)
  private let row = [Float](repeating: 1, count: 512)

  private func layout(
    _ format: KVFormat = .int4, blockSize: Int = 16, kvHeads: Int = 1, headDim: Int = 64
  ) -> PageLayout {
    PageLayout(format: format, blockSize: blockSize, kvHeads: kvHeads, headDim: headDim)
  }

  private func expectRefusal(
    of field: String, _ body: () throws -> Void, _ place: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: DeviceError.self, sourceLocation: place, performing: body)
    guard case .unsupportedShape(field, _, _) = error else {
      Issue.record("\(field): \(String(describing: error))", sourceLocation: place)
      return
    }
  }

  @Test(arguments: [-16, 0, 8, 24, 65, 528, Int.max, Int.min])
  func aHeadDimThatNoKernelHasIsRefused(_ headDim: Int) {
    #expect(
      throws: DeviceError.unsupportedShape(
        field: "head_dim", value: headDim, accepted: "multiples of 16 up to 512")
    ) { try KVPages(layout: layout(headDim: headDim), pageCount: 1) }
  }

  @Test(arguments: [-1, 0, 1025, Int.max, Int.min])
  func aBlockSizeThatNoKernelHasIsRefused(_ blockSize: Int) throws {
    expectRefusal(of: "block_size") {
      _ = try KVPages(layout: layout(blockSize: blockSize), pageCount: 1)
    }
    let heads = HeadGeometry(queryHeads: 1, kvHeads: 1, headDim: 64)
    let backend = try CPUBackend(threads: 1)
    expectRefusal(of: "block_size") {
      _ = try backend.time(
        .append(tokens: 1, heads: heads, format: .int4), blockSize: blockSize, repeats: 1)
    }
    expectRefusal(of: "block_size") {
      _ = try backend.measurePageRead(
        heads: heads, format: .int4, blockSize: blockSize, repeats: 1)
    }
  }

  @Test(arguments: [Int.min, -16, 0, 1, 24, 512, Int.max])
  func aRotationOrderThatNoKernelHasIsRefused(_ order: Int) throws {
    let format = KVFormat.int4.rotated(by: order, includesValues: true)
    expectRefusal(of: "rotation_order") {
      _ = try KVPages(layout: layout(format), pageCount: 1)
    }
    expectRefusal(of: "rotation_order") {
      _ = try CPUBackend(threads: 1).timeAppendFromCache(headDim: 64, format: format, repeats: 1)
    }
  }

  @Test func poolsThatNoMemoryHoldsAreRefused() {
    for kvHeads in [-1, 0, Int.max] {
      expectRefusal(of: "kv_heads") {
        _ = try KVPages(layout: layout(kvHeads: kvHeads), pageCount: 0)
      }
    }
    for pageCount in [-1, Int.max, Int.min] {
      expectRefusal(of: "page_count") { _ = try KVPages(layout: layout(), pageCount: pageCount) }
    }
  }

  @Test func attentionWhoseSizesOverflowIsRefused() throws {
    let pages = try KVPages(layout: layout(), pageCount: 1)
    let backend = try CPUBackend(threads: 1)
    var output = row
    for queryHeads in [Int.max, Int.min, 0] {
      expectRefusal(of: "query_heads") {
        try backend.prefillAttention(
          queries: row, queryHeads: queryHeads, tokens: 1, sequence: sequence, pages: pages,
          into: &output)
      }
      expectRefusal(of: "query_heads") {
        try backend.decodeAttention(
          queries: row, queryHeads: queryHeads, sequences: [sequence], pages: pages,
          into: &output)
      }
    }
    expectRefusal(of: "tokens") {
      try backend.prefillAttention(
        queries: row, queryHeads: 1, tokens: .max, sequence: sequence, pages: pages,
        into: &output)
    }
    expectRefusal(of: "context") {
      var keys = row, values = row
      try backend.gather(
        CachedSequence(blocks: [0], context: .min), pages: pages, keys: &keys, values: &values)
    }
  }

  @Test func aWindowWithoutEndIsTheWholeContext() throws {
    let pages = try KVPages(layout: layout(), pageCount: 1)
    var output = [Float](repeating: .nan, count: 512)
    let options = AttentionOptions(slidingWindow: .max)
    try CPUBackend(threads: 1).decodeAttention(
      queries: row, queryHeads: 1, sequences: [sequence], pages: pages, options: options,
      into: &output)
    try CPUBackend(threads: 1).prefillAttention(
      queries: row, queryHeads: 1, tokens: 1, sequence: sequence, pages: pages,
      options: options, into: &output)
    #expect(output[..<64].allSatisfy { $0 == 0 })
  }

  @Test func denseLayersWhoseSizesOverflowAreRefused() throws {
    let backend = try CPUBackend(threads: 1)
    for (field, sizes) in [
      ("tokens", [Int.max, 8, 8]), ("outputs", [8, .max, 8]), ("inputs", [8, 8, .max]),
      ("tokens", [0, 8, 8]), ("outputs", [8, .min, 8]), ("inputs", [8, 8, -1]),
    ] {
      expectRefusal(of: field) {
        var output = row
        try backend.linear(
          row, weights: [UInt16](repeating: 0, count: 64), tokens: sizes[0], outputs: sizes[1],
          inputs: sizes[2], into: &output)
      }
      expectRefusal(of: field) {
        _ = try backend.time(
          .linear(tokens: sizes[0], outputs: sizes[1], inputs: sizes[2]), blockSize: 16,
          repeats: 1)
      }
    }
  }

  @Test func timingOfEndlessContextsIsRefused() throws {
    let backend = try CPUBackend(threads: 1)
    let heads = HeadGeometry(queryHeads: 1, kvHeads: 1, headDim: 64)
    let wide = HeadGeometry(queryHeads: 1 << 20, kvHeads: 1 << 20, headDim: 64)
    for (field, shape): (String, OperatorShape) in [
      ("tokens", .append(tokens: .max, heads: heads, format: .int4)),
      ("tokens", .gather(tokens: .max, heads: heads, format: .int4)),
      ("tokens", .decodeAttention(sequences: 1, context: .max, heads: heads, format: .int4)),
      ("pages", .decodeAttention(sequences: 2, context: 1 << 34, heads: heads, format: .int4)),
      ("sequences", .decodeAttention(sequences: .max, context: 1, heads: heads, format: .int4)),
      ("tokens", .prefillAttention(tokens: .max, prefix: 1, heads: heads, format: .int4)),
      ("prefix", .prefillAttention(tokens: 1, prefix: .max, heads: heads, format: .int4)),
      ("prefix", .prefillAttention(tokens: 1, prefix: -1, heads: heads, format: .int4)),
      ("page_bytes", .append(tokens: 1, heads: wide, format: .fp16)),
    ] {
      expectRefusal(of: field) { _ = try backend.time(shape, blockSize: 16, repeats: 1) }
    }
  }
}
