import Kernels
import Operators
import TestSupport
import Testing

@Suite struct LinearTests {
  @Test func matchesFloat64OnRandomShapes() throws {
    var random = SeededRandom(31)
    let backends = try CPUPath.available.map { try CPUBackend(path: $0, threads: 2) }
    for _ in 0..<(250 * testDepth) {
      try check(
        tokens: random.pick([1, 2, 3, 4, 5, 7, 8, 11]),
        outputs: random.pick([1, 3, 4, 5, 16, 33, 64]),
        inputs: random.pick([1, 7, 8, 15, 16, 17, 63, 64, 100]), backends, &random)
    }
  }

  @Test func matchesFloat64WhereBlocked() throws {
    var random = SeededRandom(32)
    let backends = try CPUPath.available.map { try CPUBackend(path: $0, threads: 3) }
    for (tokens, outputs, inputs) in [
      (48, 64, 16), (49, 65, 17), (50, 1, 300), (53, 130, 7), (64, 63, 256), (64, 64, 257),
      (100, 8, 20),
    ] {
      try check(tokens: tokens, outputs: outputs, inputs: inputs, backends, &random)
    }
  }

  private func check(
    tokens: Int, outputs: Int, inputs: Int, _ backends: [CPUBackend],
    _ random: inout SeededRandom
  ) throws {
    let activations = random.normals(tokens * inputs)
    let weights = random.normals(outputs * inputs).map { Float16($0) }
    var expected = [Double](repeating: 0, count: tokens * outputs)
    let x = activations.map(Double.init)
    let w = weights.map { Double($0) }
    for token in 0..<tokens {
      for output in 0..<outputs {
        var sum = 0.0
        for i in 0..<inputs { sum += x[token * inputs + i] * w[output * inputs + i] }
        expected[token * outputs + output] = sum
      }
    }
    for backend in backends {
      var output = GuardedOutput(count: expected.count)
      try backend.linear(
        activations, weights: weights.map(\.bitPattern), tokens: tokens, outputs: outputs,
        inputs: inputs, into: &output.floats)
      #expect(
        nmse(output.written, expected) <= 1e-9,
        "\(backend.kernelPath) \(tokens) x \(outputs) x \(inputs)")
      #expect(output.sentinelsSurvive)
    }
  }
}
