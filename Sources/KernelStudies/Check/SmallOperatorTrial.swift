import Glibc
import Kernels
import Operators

/// A small operator with its operands and what has to come out.
struct SmallOperatorTrial: Trial {
  let shape: SmallOperatorShape
  let format: KVFormat? = nil
  /// What is normalised, turned, gated or added to; and the other operand.
  let first, second: [Float]
  /// In Double, from the same operands.
  let expected: [Double]
  /// Rows, or stretches of elements, that are judged by themselves.
  let parts: Int

  /// Elements of a stretch.
  private static let stretch = 16

  init(_ shape: SmallOperatorShape, random: inout CheckRandom) {
    self.shape = shape
    switch shape {
    case .rmsNorm(let rows, let width, let epsilon, let data):
      first = data.draw(rows * width, &random)
      second = random.normals(width)
      expected = Reference.rmsNorm(first, weight: second, epsilon: epsilon)
      parts = rows
    case .rotary(let positions, let heads, let headDim, let theta, let data):
      first = data.draw(shape.elements, &random)
      second = []
      expected = Reference.rotary(
        first, positions: positions, heads: heads, headDim: headDim, theta: theta)
      parts = positions.count * heads
    case .siluMultiply(let count, let data):
      first = data.drawGates(count, &random)
      second = random.normals(count)
      expected = Reference.siluMultiply(gate: first, up: second)
      parts = max(1, count / SmallOperatorTrial.stretch)
    case .add(let count, let data):
      first = data.draw(count, &random)
      second = data.draw(count, &random)
      expected = zip(first, second).map { Double($0) + Double($1) }
      parts = max(1, count / SmallOperatorTrial.stretch)
    }
  }

  func outcome(of kind: CheckOperator, on backend: any KernelBackend) -> Outcome {
    .output(count: expected.count) { (output) throws(DeviceError) in
      try run(backend, &output)
    }
  }

  func expectation(of kind: CheckOperator) -> Expectation {
    .numbers([expected], parts: parts)
  }

  /// Writes what `backend` makes of the operands into the start of `output`. Operators that work in
  /// place find their operand there.
  func run(_ backend: any KernelBackend, _ output: inout [Float]) throws(DeviceError) {
    switch shape {
    case .rmsNorm(let rows, let width, let epsilon, _):
      try backend.rmsNorm(
        first, weight: second, epsilon: epsilon, rows: rows, width: width, into: &output)
    case .rotary(let positions, let heads, let headDim, let theta, _):
      output.replaceSubrange(0..<first.count, with: first)
      try backend.rotaryEmbedding(
        &output, positions: positions, heads: heads,
        frequencies: RotaryFrequencies(headDim: headDim, theta: theta))
    case .siluMultiply(let count, _):
      try backend.siluMultiply(gate: first, up: second, count: count, into: &output)
    case .add(let count, _):
      output.replaceSubrange(0..<first.count, with: first)
      try backend.add(second, count: count, to: &output)
    }
  }
}

extension Reference {
  /// `x / √(mean(x²) + epsilon) · weight` of rows as long as `weight`.
  static func rmsNorm(_ x: [Float], weight: [Float], epsilon: Float) -> [Double] {
    let width = weight.count
    return stride(from: 0, to: x.count, by: width).flatMap { start in
      let row = x[start..<start + width].map(Double.init)
      let mean = row.reduce(0) { $0 + $1 * $1 } / Double(width)
      let scale = 1 / (mean + Double(epsilon)).squareRoot()
      return zip(row, weight).map { $0 * scale * Double($1) }
    }
  }

  /// Of `[token][head][headDim]`, elements i and i + headDim / 2 turned by
  /// `position · theta^(-2i / headDim)`.
  static func rotary(
    _ x: [Float], positions: [Int], heads: Int, headDim: Int, theta: Double
  ) -> [Double] {
    let half = headDim / 2
    var turned = x.map(Double.init)
    for (token, position) in positions.enumerated() {
      for i in 0..<half {
        let angle = Double(position) * pow(theta, -2 * Double(i) / Double(headDim))
        let cosine = cos(angle), sine = sin(angle)
        for head in 0..<heads {
          let place = (token * heads + head) * headDim + i
          let a = turned[place], b = turned[place + half]
          turned[place] = a * cosine - b * sine
          turned[place + half] = b * cosine + a * sine
        }
      }
    }
    return turned
  }

  /// `silu(gate) · up`.
  static func siluMultiply(gate: [Float], up: [Float]) -> [Double] {
    zip(gate, up).map { Double($0) / (1 + exp(-Double($0))) * Double($1) }
  }
}
