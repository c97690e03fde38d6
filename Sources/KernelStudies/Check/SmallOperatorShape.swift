import Kernels

/// A small operator of a layer, and what it is tried on.
public enum SmallOperatorShape: Hashable, Sendable {
  /// RMS norm of rows of so many elements.
  case rmsNorm(rows: Int, width: Int, epsilon: Float, SmallOperatorData)
  /// Rotary embedding of a token at each position, base `theta`.
  case rotary(positions: [Int], heads: Int, headDim: Int, theta: Double, SmallOperatorData)
  /// The gate of a SwiGLU layer.
  case siluMultiply(count: Int, SmallOperatorData)
  /// Adding to the residual stream.
  case add(count: Int, SmallOperatorData)

  /// What is computed.
  var kind: CheckOperator {
    switch self {
    case .rmsNorm: .rmsNorm
    case .rotary: .rotary
    case .siluMultiply: .siluMultiply
    case .add: .add
    }
  }

  /// Elements that go through.
  var elements: Int {
    switch self {
    case .rmsNorm(let rows, let width, _, _): rows * width
    case .rotary(let positions, let heads, let headDim, _, _): positions.count * heads * headDim
    case .siluMultiply(let count, _), .add(let count, _): count
    }
  }
}

extension SmallOperatorShape: CustomStringConvertible {
  /// Every size that a person needs to build the case by hand.
  public var description: String {
    switch self {
    case .rmsNorm(let rows, let width, let epsilon, let data):
      "rows=\(rows) width=\(width) epsilon=\(epsilon) \(data)"
    case .rotary(let positions, let heads, let headDim, let theta, let data):
      "positions=\(positions) heads=\(heads) head_dim=\(headDim) theta=\(theta) \(data)"
    case .siluMultiply(let count, let data), .add(let count, let data): "count=\(count) \(data)"
    }
  }
}

/// What small operators are tried on.
public enum SmallOperatorData: String, CaseIterable, Hashable, Sendable {
  /// Normal draws.
  case ordinary
  /// 10¹⁵ times as large; gates of thousands, beyond where exponentials end.
  case large
  /// 10¹⁵ times as small.
  case tiny
  /// Zeros of both signs.
  case zeros
  /// Some elements 3,000 times as large, as in the residual stream of trained models.
  case outliers

  /// So many numbers.
  func draw(_ count: Int, _ random: inout CheckRandom) -> [Float] {
    let normals = random.normals(count)
    return switch self {
    case .ordinary: normals
    case .large: normals.map { $0 * 1e15 }
    case .tiny: normals.map { $0 * 1e-15 }
    case .zeros: normals.map { $0 < 0 ? -0.0 : 0 }
    case .outliers: normals.enumerated().map { $1 * ($0 % 29 == 3 ? 3000 : 1) }
    }
  }

  /// So many gates. None lies between 70 and 1,000: where silu is as small as the least numbers of
  /// FP32, errors are as large as it.
  func drawGates(_ count: Int, _ random: inout CheckRandom) -> [Float] {
    let gates = (self == .large ? SmallOperatorData.ordinary : self).draw(count, &random)
    return gates.enumerated().map { index, gate in
      let isFar = self == .large || self == .outliers && index % 29 == 3
      return isFar ? gate * 1000 + (gate < 0 ? -1000 : 1000) : gate * 4
    }
  }
}
