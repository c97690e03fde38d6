import Kernels
import Operators
import Testing

@testable import KernelStudies

/// What is not said by `kvsim kernels check`, which CheckSuiteTests runs: exact rounding, the
/// size of the noise, extreme rows.
@Suite struct AppendTests {
  @Test func halvesAreRoundedToNearest() throws {
    let layout = PageLayout(format: .fp16, blockSize: 1, kvHeads: 1, headDim: 64)
    var random = CheckRandom(seed: 43)
    // Magnitudes from far below the smallest half to the largest.
    let keys = (0..<64).map { i in
      let magnitude = Float(sign: .plus, exponent: i - 32, significand: 1)
      return min(65504, max(-65504, random.normal() * magnitude))
    }
    for path in CPUPath.available {
      var pages = try KVPages(layout: layout, pageCount: 1)
      try CPUBackend(path: path, threads: 1).append(
        keys: keys, values: keys, slots: [0], to: &pages)
      let stored = PageReader(pages: pages).vector(slot: 0, kvHead: 0, isValue: true)
      #expect(stored == keys.map { Double(Float16($0)) }, "\(path)")
    }
  }

  /// Uniform noise within a step of (max - min) / 15: its variance is a twelfth of the step's
  /// square, near 0.9 % of the variance of what was quantised.
  @Test(arguments: [KVFormat.int4, .int4Rotated])
  func quantisingNoiseLiesInItsBand(_ format: KVFormat) throws {
    var random = CheckRandom(seed: 45)
    let layout = PageLayout(format: format, blockSize: 64, kvHeads: 1, headDim: 128)
    let values = random.normals(64 * 128)
    var pages = try KVPages(layout: layout, pageCount: 1)
    try CPUBackend().append(keys: values, values: values, slots: Array(0..<64), to: &pages)
    let reader = PageReader(pages: pages)
    for isValue in [false, true] {
      var noise = 0.0
      for slot in 0..<64 {
        let row = values[slot * 128..<(slot + 1) * 128]
        var expected = row.map(Double.init)
        if let order = format.rotationOrder(headDim: 128), !isValue {
          expected = Hadamard(order: order).rotated(expected)
        }
        let stored = reader.vector(slot: slot, kvHead: 0, isValue: isValue)
        noise += Statistics.normalisedMeanSquaredError(stored.map { Float($0) }[...], expected) / 64
      }
      #expect((0.006...0.013).contains(noise), "\(format.name) \(noise)")
    }
  }

  @Test func constantAndExtremeRowsStayFinite() throws {
    let layout = PageLayout(format: .int4, blockSize: 1, kvHeads: 1, headDim: 64)
    for value: Float in [0, -0.0, 1, -3.5, 1e-7, 60_000, 65_504, -65_504] {
      let row = [Float](repeating: value, count: 64)
      for path in CPUPath.available {
        var pages = try KVPages(layout: layout, pageCount: 1)
        try CPUBackend(path: path, threads: 1).append(
          keys: row, values: row, slots: [0], to: &pages)
        let stored = PageReader(pages: pages).vector(slot: 0, kvHead: 0, isValue: false)
        let expected = Double(Float16(value))
        #expect(stored.allSatisfy { $0 == expected }, "\(path) \(value)")
      }
    }
  }
}
