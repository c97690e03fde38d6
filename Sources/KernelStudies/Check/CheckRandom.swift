import Kernels

/// The draws of a check.
struct CheckRandom: RandomNumberGenerator {
  private var words: SplitMix64

  init(seed: UInt64) { words = SplitMix64(seed: seed) }

  /// The draws of one case: far from those of every other case of the same seed.
  init(seed: UInt64, index: Int) {
    var first = SplitMix64(
      seed: seed ^ UInt64(truncatingIfNeeded: index + 1) &* 0xD134_2543_DE82_EF95)
    words = SplitMix64(seed: first.next())
  }

  mutating func next() -> UInt64 { words.next() }

  /// Nearly normal with variance 1: the sum of four uniform draws.
  mutating func normal() -> Float {
    let word = next()
    let sum =
      Int(word & 0xFFFF) &+ Int((word >> 16) & 0xFFFF) &+ Int((word >> 32) & 0xFFFF)
      &+ Int(word >> 48)
    return Float(sum &- 131_070) * (1.732_050_8 / 65_536)
  }

  /// So many nearly normal draws.
  mutating func normals(_ count: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, initialised in
      var i = 0
      while i < count {
        buffer[i] = normal()
        i &+= 1
      }
      initialised = count
    }
  }
}
