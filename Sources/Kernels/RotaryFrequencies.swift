import Glibc

/// How far each pair of a head's elements turns from one position to the next: the angles of a
/// rotary position embedding (J. Su et al., RoFormer, 2021, equation 34).
///
/// They are whole numbers, in 2⁻⁶⁴ turns. Their product with a position, modulo 2⁶⁴, is the
/// fraction of a turn that is left, and errs by less than 2⁻³⁰ turns up to ``largestPosition``, all
/// of it from the Double that the frequency came from. Angles in Float err by some 2⁻⁸ radians at
/// position 131,072.
public struct RotaryFrequencies: Hashable, Sendable {
  /// Of the pair of elements i and i + headDim / 2.
  let turns: [UInt64]

  /// The last position that a token can have, 16,777,215: beyond all that models attend to.
  public static let largestPosition = (1 << 24) - 1

  /// Elements of the head that they turn.
  public var headDim: Int { 2 * turns.count }

  /// Pair i turns by `theta^(-2i / headDim)` radians per position.
  /// - Parameters:
  ///   - headDim: a multiple of 16 up to 512.
  ///   - theta: a model's `rope_theta`, 10,000 in Llama 2; 1 or more.
  /// - Throws: ``DeviceError/unsupportedShape(field:value:accepted:)``,
  ///   ``DeviceError/notRepresentable(field:index:value:accepted:)``.
  public init(headDim: Int, theta: Double) throws(DeviceError) {
    try InputChecks.check(headDim: headDim)
    guard theta >= 1 && theta.isFinite else {
      throw .notRepresentable(
        field: "rope_theta", index: 0, value: Float(theta), accepted: "numbers from 1 on")
    }
    try self.init(
      radiansPerPosition: (0..<headDim / 2).map { pow(theta, Double(-2 * $0) / Double(headDim)) })
  }

  /// A pair each, in radians per position from 0 to π: scaled frequencies, such as Llama 3.1's.
  /// - Throws: as ``init(headDim:theta:)`` does.
  public init(radiansPerPosition: [Double]) throws(DeviceError) {
    try InputChecks.check(headDim: 2 * radiansPerPosition.count)
    for (index, radians) in radiansPerPosition.enumerated() where !(0...Double.pi ~= radians) {
      throw .notRepresentable(
        field: "radians_per_position", index: index, value: Float(radians), accepted: "0 to π")
    }
    turns = radiansPerPosition.map { UInt64(($0 / (2 * .pi) * 0x1p64).rounded()) }
  }
}
