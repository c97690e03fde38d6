import Glibc

/// Random numbers of the accuracy study: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) for bits,
/// the transform of Box and Muller (1958) for normal draws.
///
/// Each purpose has a stream of its own, so that keys are the same whatever queries are drawn.
/// Streams differ between machines at most in the last bit of the library's logarithm and sine.
struct GaussianStream {
  /// What the draws are for; the raw value tells the streams of one seed apart.
  enum Purpose: UInt64 {
    case channels = 1
    case keys = 2
    case values = 3
    case queries = 4
  }

  private var state: UInt64
  private var spare: Double?

  /// The draws of a purpose: the stream starts where the first word of `seed` and the second word
  /// of the purpose lead.
  init(seed: UInt64, purpose: Purpose) {
    state = seed
    let word = nextWord()
    state = word ^ (purpose.rawValue &* 0xD1B5_4A32_D192_ED03)
  }

  /// 64 random bits.
  mutating func nextWord() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  /// A uniform draw in 0 ..< 1, of 53 bits.
  mutating func uniform() -> Double {
    Double(nextWord() >> 11) * 0x1p-53
  }

  /// A normal draw with mean 0 and variance 1.
  mutating func normal() -> Double {
    if let draw = spare {
      spare = nil
      return draw
    }
    // 1 - u lies above 0, where the logarithm has no value.
    let radius = (-2 * log(1 - uniform())).squareRoot()
    let angle = 2 * Double.pi * uniform()
    spare = radius * sin(angle)
    return radius * cos(angle)
  }

  /// So many normal draws, as floats.
  mutating func normals(_ count: Int) -> [Float] {
    var draws: [Float] = []
    draws.reserveCapacity(count)
    for _ in 0..<count { draws.append(Float(normal())) }
    return draws
  }
}
