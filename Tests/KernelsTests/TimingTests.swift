import Operators
import Testing

@testable import Kernels

@Suite struct TimingTests {
  @Test func aCallsResultsStayApartWhenOneOfThemGrows() throws {
    let arena = try TimingArena(cacheBytes: 1 << 20)
    for counts in [[1 << 10, 1 << 12], [1 << 20, 1 << 22, 3], [1 << 22, 1 << 10]] {
      arena.beginCall()
      let pieces = try counts.map { try arena.nextResults($0) }
      for (number, count) in counts.enumerated() {
        pieces[number].update(repeating: Float(number), count: count)
      }
      for (number, count) in counts.enumerated() {
        #expect(pieces[number][0] == Float(number) && pieces[number][count - 1] == Float(number))
      }
    }
    #expect(throws: DeviceError.self) { _ = try arena.nextResults(1 << 28) }
  }

  @Test func everyOperatorIsTimedAsOftenAsAsked() throws {
    let backend = try CPUBackend(threads: 2)
    let heads = HeadGeometry(queryHeads: 2, kvHeads: 1, headDim: 64)
    var shapes: [OperatorShape] = [
      .linear(tokens: 1, outputs: 8, inputs: 16), .linear(tokens: 64, outputs: 8, inputs: 16),
    ]
    for format in KVFormat.named {
      shapes.append(.append(tokens: 3, heads: heads, format: format))
      shapes.append(.decodeAttention(sequences: 2, context: 17, heads: heads, format: format))
      shapes.append(
        .raggedDecode(
          RaggedBatch(sequences: 3, context: 200, longest: 520), heads: heads, format: format))
      shapes.append(.prefillAttention(tokens: 5, prefix: 3, heads: heads, format: format))
    }
    for kind in [ElementwiseOperator.norm, .finalNorm, .rotary, .activation] {
      shapes.append(.elementwise(kind, rows: 3, width: 192))
    }
    for shape in shapes {
      let samples_ns = try backend.time(shape, blockSize: 16, repeats: 3)
      #expect(samples_ns.count == 3 && samples_ns.allSatisfy { $0 > 0 }, "\(shape)")
    }
    #expect(throws: DeviceError.self) {
      try backend.time(
        .linear(tokens: 1, outputs: 1 << 20, inputs: 1 << 10), blockSize: 16, repeats: 1)
    }
    #expect(throws: DeviceError.self) {
      try backend.time(shapes[2], blockSize: 0, repeats: 1)
    }
    // No kernel looks up embeddings or samples, and heads have a multiple of 16 elements.
    for shape in [
      OperatorShape.elementwise(.embedding, rows: 1, width: 64),
      .elementwise(.sampling, rows: 1, width: 64), .elementwise(.rotary, rows: 1, width: 40),
      .elementwise(.norm, rows: 0, width: 64), .elementwise(.activation, rows: 1, width: .max),
    ] {
      #expect(throws: DeviceError.self) { try backend.time(shape, blockSize: 16, repeats: 1) }
    }
    #expect(backend.facts.coreCount == 2 && backend.facts.memoryBytes > 0 && !backend.name.isEmpty)
  }
}
