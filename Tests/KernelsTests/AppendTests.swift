import Kernels
import Operators
import TestSupport
import Testing

@Suite struct AppendTests {
  @Test(arguments: KVFormat.named)
  func everyPathWritesTheSamePages(_ format: KVFormat) throws {
    var random = SeededRandom(41)
    let backends = try CPUPath.available.map { try CPUBackend(path: $0, threads: 2) }
    for _ in 0..<(300 * testDepth) {
      let heads = random.pick([1, 2, 3])
      let layout = PageLayout(
        format: format, blockSize: random.pick(AttentionWorld.blockSizes), kvHeads: heads,
        headDim: random.pick(AttentionWorld.headDims))
      let tokens = random.pick([1, 2, 5, 17])
      let slotCount = 3 * layout.blockSize + tokens
      let slots = Array((0..<slotCount).shuffled(using: &random).prefix(tokens))
      let keys = random.normals(tokens * heads * layout.headDim)
      let values = random.normals(keys.count)
      let pageCount = (slotCount + layout.blockSize - 1) / layout.blockSize
      let pages = try backends.map { backend in
        var pages = KVPages(layout: layout, pageCount: pageCount)
        try backend.append(keys: keys, values: values, slots: slots, to: &pages)
        return pages.bytes
      }
      for (backend, bytes) in zip(backends, pages) {
        #expect(bytes == pages[0], "\(backend.kernelPath) \(layout) \(tokens)")
      }
    }
  }

  @Test(arguments: KVFormat.named)
  func orderOfSlotsDoesNotMatter(_ format: KVFormat) throws {
    var random = SeededRandom(42)
    let layout = PageLayout(format: format, blockSize: 8, kvHeads: 2, headDim: 96)
    let row = layout.kvHeads * layout.headDim
    let slots = Array(3..<29)
    let keys = random.normals(slots.count * row)
    let values = random.normals(slots.count * row)
    for path in CPUPath.available {
      let backend = try CPUBackend(path: path, threads: 2)
      var inOrder = KVPages(layout: layout, pageCount: 4)
      try backend.append(keys: keys, values: values, slots: slots, to: &inOrder)
      var shuffled = KVPages(layout: layout, pageCount: 4)
      for token in slots.indices.shuffled(using: &random) {
        let part = token * row..<(token + 1) * row
        try backend.append(
          keys: Array(keys[part]), values: Array(values[part]), slots: [slots[token]],
          to: &shuffled)
      }
      #expect(inOrder.bytes == shuffled.bytes, "\(path)")
    }
  }

  @Test func halvesAreRoundedToNearest() throws {
    let layout = PageLayout(format: .fp16, blockSize: 1, kvHeads: 1, headDim: 64)
    var random = SeededRandom(43)
    // Magnitudes from far below the smallest half to the largest.
    let keys = (0..<64).map { i in
      min(
        65504, max(-65504, random.normal() * Float(sign: .plus, exponent: i - 32, significand: 1)))
    }
    for path in CPUPath.available {
      var pages = KVPages(layout: layout, pageCount: 1)
      try CPUBackend(path: path, threads: 1).append(
        keys: keys, values: keys, slots: [0], to: &pages)
      let stored = PageReader(pages: pages).vector(slot: 0, kvHead: 0, isValue: true)
      #expect(stored == keys.map { Double(Float16($0)) }, "\(path)")
    }
  }

  @Test func quantisingErrsByHalfAStep() throws {
    var random = SeededRandom(44)
    for headDim in AttentionWorld.headDims {
      let layout = PageLayout(format: .int4, blockSize: 4, kvHeads: 1, headDim: headDim)
      let keys = random.normals(4 * headDim)
      var pages = KVPages(layout: layout, pageCount: 1)
      try CPUBackend().append(keys: keys, values: keys, slots: [0, 1, 2, 3], to: &pages)
      let reader = PageReader(pages: pages)
      for slot in 0..<4 {
        let (scale, zero) = reader.metadata(slot: slot, kvHead: 0, isValue: false)
        let stored = reader.vector(slot: slot, kvHead: 0, isValue: false)
        // Half a step, and what rounding the scale and the zero to halves can take at the ends.
        let bound = scale * 0.5 + 15 * scale / 2048 + abs(zero) / 2048
        for i in 0..<headDim {
          #expect(abs(stored[i] - Double(keys[slot * headDim + i])) <= bound)
        }
      }
    }
  }

  /// Uniform noise within a step of (max - min) / 15: its variance is a twelfth of the step's
  /// square, near 0.9 % of the variance of what was quantised.
  @Test(arguments: [KVFormat.int4, .int4Rotated])
  func quantisingNoiseLiesInItsBand(_ format: KVFormat) throws {
    var random = SeededRandom(45)
    let layout = PageLayout(format: format, blockSize: 64, kvHeads: 1, headDim: 128)
    let values = random.normals(64 * 128)
    var pages = KVPages(layout: layout, pageCount: 1)
    try CPUBackend().append(keys: values, values: values, slots: Array(0..<64), to: &pages)
    let reader = PageReader(pages: pages)
    for isValue in [false, true] {
      var noise = 0.0
      for slot in 0..<64 {
        let row = values[slot * 128..<(slot + 1) * 128]
        var expected = row.map(Double.init)
        if let order = format.rotationOrder(headDim: 128), !isValue {
          expected = Reference.rotated(expected, order: order)
        }
        let stored = reader.vector(slot: slot, kvHead: 0, isValue: isValue)
        noise += nmse(stored.map { Float($0) }[...], expected) / 64
      }
      #expect((0.006...0.013).contains(noise), "\(format.name) \(noise)")
    }
  }

  @Test func constantAndExtremeRowsStayFinite() throws {
    let layout = PageLayout(format: .int4, blockSize: 1, kvHeads: 1, headDim: 64)
    for value: Float in [0, -0.0, 1, -3.5, 1e-7, 60_000, 1e6, -1e6] {
      let row = [Float](repeating: value, count: 64)
      for path in CPUPath.available {
        var pages = KVPages(layout: layout, pageCount: 1)
        try CPUBackend(path: path, threads: 1).append(
          keys: row, values: row, slots: [0], to: &pages)
        let stored = PageReader(pages: pages).vector(slot: 0, kvHead: 0, isValue: false)
        let expected = Double(Float16(min(max(value, -65504), 65504)))
        #expect(stored.allSatisfy { $0 == expected }, "\(path) \(value)")
      }
    }
  }
}
