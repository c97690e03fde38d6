import Kernels
import Operators

/// The data of a case: what its operators do with it on any kernels, and what they must.
protocol Trial {
  /// The cache's format; nil where there is no cache.
  var format: KVFormat? { get }
  /// Runs an operator of the case.
  func outcome(of kind: CheckOperator, on backend: any KernelBackend) -> Outcome
  /// What the reference says of it.
  func expectation(of kind: CheckOperator) -> Expectation
}

/// A dense layer.
struct LinearTrial: Trial {
  private let shape: LinearShape
  private let activations: [Float]
  private let weights: [Float16]
  private let weightBits: [UInt16]
  let format: KVFormat? = nil

  /// Outputs that are judged together: one wrong one among 100,000 would not show, and one alone
  /// may be near zero, where rounding is large beside it.
  private static let part = 16

  init(_ shape: LinearShape, random: inout CheckRandom) {
    self.shape = shape
    activations = random.normals(shape.tokens * shape.inputs)
    weights = random.normals(shape.outputs * shape.inputs).map { Float16($0) }
    weightBits = weights.map(\.bitPattern)
  }

  func outcome(of kind: CheckOperator, on backend: any KernelBackend) -> Outcome {
    .output(count: shape.tokens * shape.outputs) { (output) throws(DeviceError) in
      try backend.linear(
        activations, weights: weightBits, tokens: shape.tokens, outputs: shape.outputs,
        inputs: shape.inputs, into: &output)
    }
  }

  func expectation(of kind: CheckOperator) -> Expectation {
    let expected = Reference.linear(
      activations, weights: weights, tokens: shape.tokens, outputs: shape.outputs,
      inputs: shape.inputs)
    return .numbers([expected], parts: max(1, expected.count / LinearTrial.part))
  }
}
