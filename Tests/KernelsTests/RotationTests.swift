import CAttention
import Kernels
import Operators
import Testing

@testable import KernelStudies

@Suite struct RotationTests {
  @Test(arguments: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])
  func hadamardTimesItselfIsTheIdentity(_ order: Int) {
    var random = CheckRandom(seed: 51)
    for path in CPUPath.available {
      let original = random.normals(2 * order)
      let once = rotated(original, order: order, path)
      let twice = rotated(once, order: order, path)
      #expect(
        Statistics.normalisedMeanSquaredError(twice[...], original.map(Double.init)) <= 1e-12,
        "\(path)")
      #expect(abs(power(once) / power(original) - 1) <= 1e-5, "norms are kept by \(path)")
    }
  }

  @Test(arguments: [1, 2, 4, 8, 16, 32, 64, 128, 256])
  func everyPathRotatesByTheHadamardMatrix(_ order: Int) {
    var random = CheckRandom(seed: 52)
    let original = random.normals(2 * order)
    let expected = Hadamard(order: order).rotated(original.map(Double.init))
    let scalar = rotated(original, order: order, .scalar)
    #expect(Statistics.normalisedMeanSquaredError(scalar[...], expected) <= 1e-12)
    for path in CPUPath.available {
      #expect(rotated(original, order: order, path) == scalar, "\(path) rounds as scalar does")
    }
  }

  @Test func fusedEqualsRotatingAndThenQuantising() throws {
    var random = CheckRandom(seed: 53)
    for headDim in CheckPlan.headDims {
      let tokens = 5
      let keys = random.normals(tokens * headDim)
      let order = try #require(KVFormat.int4Rotated.rotationOrder(headDim: headDim))
      for path in CPUPath.available {
        let backend = try CPUBackend(path: path, threads: 1)
        let turned = (0..<tokens).flatMap { token in
          rotated(Array(keys[token * headDim..<(token + 1) * headDim]), order: order, path)
        }
        let slots = Array(0..<tokens)
        var fused = try pages(.int4Rotated, headDim)
        try backend.append(keys: keys, values: keys, slots: slots, to: &fused)
        var separate = try pages(.int4, headDim)
        try backend.append(keys: turned, values: keys, slots: slots, to: &separate)
        #expect(fused.bytes == separate.bytes, "\(path) \(headDim)")
      }
    }
  }

  private func rotated(_ vector: [Float], order: Int, _ path: CPUPath) -> [Float] {
    var result = vector
    kv_rotate(code(of: path), &result, 1, Int64(vector.count), Int64(order))
    return result
  }

  private func power(_ vector: [Float]) -> Double {
    vector.reduce(0) { $0 + Double($1) * Double($1) }
  }

  private func pages(_ format: KVFormat, _ headDim: Int) throws -> KVPages {
    try KVPages(
      layout: PageLayout(format: format, blockSize: 4, kvHeads: 1, headDim: headDim),
      pageCount: 2)
  }
}

/// The path as C knows it.
func code(of path: CPUPath) -> kv_path {
  switch path {
  case .scalar: KV_PATH_SCALAR
  case .avx2: KV_PATH_AVX2
  case .avx512Base: KV_PATH_AVX512_BASE
  case .avx512: KV_PATH_AVX512
  case .neon: KV_PATH_NEON
  }
}
