/// How the weights of a model's projections are stored. Embedding, head, norms and routers have
/// two bytes a weight in every format.
public enum WeightFormat: Hashable, Sendable {
  /// FP16 or BF16.
  case sixteenBit
  /// FP8 or INT8, a byte a weight. Its scales are left out, one to a tensor, a row or a block of
  /// 128 × 128 weights: below half a percent of the bytes where rows have 1,024 weights or more.
  case eightBit
  /// Four bits a weight, and `groupBits` of scale and zero for each group of `groupSize` weights of
  /// a row (nil: the row).
  case int4(groupSize: Int?, groupBits: Int)

  /// As AWQ and GPTQ store four bits: a group has a scale of 16 bits, and a zero of four bits
  /// unless it is symmetric.
  public static func int4(groupSize: Int?, isSymmetric: Bool) -> WeightFormat {
    .int4(groupSize: groupSize, groupBits: isSymmetric ? 16 : 20)
  }

  /// What people call it.
  public var name: String {
    switch self {
    case .sixteenBit: "16-bit"
    case .eightBit: "FP8 or INT8"
    case .int4: "INT4"
    }
  }

  /// Bytes of a weight matrix with its scales and zeros, packed.
  public func bytes(of projection: ModelArchitecture.Projection) -> Int {
    switch self {
    case .sixteenBit: return 2 * projection.weights
    case .eightBit: return projection.weights
    case .int4(let groupSize, let groupBits):
      let size = min(groupSize ?? projection.inputs, projection.inputs)
      let groups = projection.outputs * ((projection.inputs + size - 1) / size)
      return (projection.weights + 1) / 2 + (groups * groupBits + 7) / 8
    }
  }
}
