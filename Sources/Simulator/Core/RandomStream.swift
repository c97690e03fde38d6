import Operators

/// Philox4x32-10, a counter-based generator (Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011): a keyed bijection of 128-bit counters, so any draw can be made at any time.
enum Philox {
  typealias Block = SIMD4<UInt32>

  /// The ten rounds.
  static func block(counter: Block, key: SIMD2<UInt32>) -> Block {
    var (state, key) = (counter, key)
    for _ in 0..<10 {
      let first = UInt64(state.x) * 0xD251_1F53
      let second = UInt64(state.z) * 0xCD9E_8D57
      state = Block(
        UInt32(truncatingIfNeeded: second >> 32) ^ state.y ^ key.x,
        UInt32(truncatingIfNeeded: second),
        UInt32(truncatingIfNeeded: first >> 32) ^ state.w ^ key.y,
        UInt32(truncatingIfNeeded: first))
      key = key &+ SIMD2(0x9E37_79B9, 0xBB67_AE85)
    }
    return state
  }
}

/// The random draws of one run. Each purpose and each entity has draws of its own, so formats,
/// schedulers and loads are compared on the same draws, and a new purpose changes no other.
public struct RandomStream: Hashable, Sendable {
  /// What a draw is for.
  public enum Purpose: UInt32, Sendable, CaseIterable {
    /// The gap before a request arrives.
    case arrivalGap = 1
    /// The tokens of a request's prompt.
    case promptTokens = 2
    /// The tokens of a request's output.
    case outputTokens = 3
    /// The pause of a client after a request.
    case thinkTime = 4
    /// How much later than a trace says a replayed request arrives.
    case replayJitter = 5
    /// The key of a stream within the run's.
    case streamKey = 6
    /// The class of a request.
    case requestClass = 7
    /// Which replicas a router looks at for a request.
    case routing = 8
    /// Whether a drafted token of a request is accepted.
    case draftAcceptance = 9
    /// The turns of a session.
    case sessionTurns = 20
    /// The pause behind a turn of a session.
    case turnThinkTime = 21
  }

  private let key: SIMD2<UInt32>

  /// The draws of a seed.
  public init(seed: UInt64) {
    key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
  }

  /// Draws of their own for what is called `name`, whatever else has draws: the key is 64 bits of
  /// this stream's for the name's hash, so that two names share it by a chance of 2⁻⁶⁴.
  public func stream(named name: String) -> RandomStream {
    var hash = FNV1a()
    hash.combine(name.utf8)
    return RandomStream(seed: bits(.streamKey, entity: Int64(bitPattern: hash.value)))
  }

  /// 64 random bits for an entity (a request's number, say); `draw` numbers those of one entity and
  /// purpose where a method needs several.
  public func bits(_ purpose: Purpose, entity: Int64, draw: UInt32 = 0) -> UInt64 {
    let entity = UInt64(bitPattern: entity)
    let block = Philox.block(
      counter: Philox.Block(
        UInt32(truncatingIfNeeded: entity), UInt32(truncatingIfNeeded: entity >> 32),
        purpose.rawValue, draw),
      key: key)
    return UInt64(block.x) | UInt64(block.y) << 32
  }

  /// A whole number of the range, each equally likely (to within 2⁻⁶⁴ times the range's size).
  public func uniform(
    _ range: ClosedRange<Int>, _ purpose: Purpose, entity: Int64, draw: UInt32 = 0
  ) -> Int {
    let size = UInt64(range.upperBound - range.lowerBound) + 1
    let product = bits(purpose, entity: entity, draw: draw).multipliedFullWidth(by: size)
    return range.lowerBound + Int(product.high)
  }

  /// A number of (0, 1], a multiple of 2⁻⁵³: every logarithm of it is finite.
  func unit(_ purpose: Purpose, entity: Int64, draw: UInt32 = 0) -> Double {
    Double((bits(purpose, entity: entity, draw: draw) >> 11) + 1) * 0x1p-53
  }

  /// A number of (0, 1), symmetric about ½: an odd multiple of 2⁻⁵³.
  func openUnit(_ purpose: Purpose, entity: Int64, draw: UInt32 = 0) -> Double {
    (Double(bits(purpose, entity: entity, draw: draw) >> 12) + 0.5) * 0x1p-52
  }

  /// An exponential draw of mean 1, by inversion.
  public func exponential(_ purpose: Purpose, entity: Int64) -> Double {
    -naturalLog(unit(purpose, entity: entity))
  }
}
