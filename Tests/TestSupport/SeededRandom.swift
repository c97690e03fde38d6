/// Draws of the tests: the same on every machine and in every run.
///
/// Steele, Lea and Flood's SplitMix64 (OOPSLA 2014).
public struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  /// The draws of a seed.
  public init(_ seed: UInt64) { state = seed }

  /// 64 random bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  /// Nearly normal with variance 1: the sum of four uniform draws.
  public mutating func normal() -> Float {
    let word = next()
    var sum = 0
    for shift in 0..<4 { sum += Int(truncatingIfNeeded: (word >> (16 * UInt64(shift))) & 0xFFFF) }
    return Float(sum - 131_070) * (1.732_050_8 / 65_536)
  }

  /// So many nearly normal draws.
  public mutating func normals(_ count: Int) -> [Float] {
    var values = [Float](repeating: 0, count: count)
    values.withUnsafeMutableBufferPointer { values in
      for i in 0..<count { values[i] = normal() }
    }
    return values
  }

  /// One of the choices, each equally likely.
  public mutating func pick<Element>(_ choices: [Element]) -> Element {
    choices[Int(next() % UInt64(choices.count))]
  }
}
