/// How the weights of a model's projections are stored. Embedding, head, norms and routers have
/// two bytes a weight in every format.
public enum WeightFormat: Hashable, Sendable {
  /// FP16 or BF16.
  case sixteenBit
  /// FP8, a byte a weight. Its scales are left out, one to a tensor, a row or a block of
  /// 128 × 128 weights: below half a percent of the bytes where rows have 1,024 weights or more.
  case fp8
  /// Four bits a weight, and for each group of `groupSize` weights of a row (nil: the row) a
  /// scale of 16 bits, and a zero of four bits unless it is symmetric (AWQ, GPTQ).
  case int4(groupSize: Int?, isSymmetric: Bool)

  /// What people call it.
  public var name: String {
    switch self {
    case .sixteenBit: "16-bit"
    case .fp8: "FP8"
    case .int4: "INT4"
    }
  }

  /// Bytes of a weight matrix with its scales and zeros, packed.
  public func bytes(of projection: ModelArchitecture.Projection) -> Int {
    switch self {
    case .sixteenBit: return 2 * projection.weights
    case .fp8: return projection.weights
    case .int4(let groupSize, let isSymmetric):
      let size = min(groupSize ?? projection.inputs, projection.inputs)
      let groups = projection.outputs * ((projection.inputs + size - 1) / size)
      let zeros = isSymmetric ? 0 : groups
      return (projection.weights + 1) / 2 + 2 * groups + (zeros + 1) / 2
    }
  }
}
