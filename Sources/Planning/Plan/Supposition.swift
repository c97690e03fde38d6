import CostModel
import Operators
import Simulator

/// What a run takes to be otherwise than it was measured: to learn what would help, or hurt.
public enum Supposition: Hashable, Sendable {
  /// All is as the profile says.
  case none
  /// So many times the blocks in every KV pool.
  case memory(Double)
  /// So many times the bandwidth of the devices' memory.
  case bandwidth(Double)
  /// So many times the devices' rate of arithmetic.
  case arithmetic(Double)
  /// Kernels of one format, attention and writing to the cache, take so many times as long.
  case kernels(KVFormat, Double)

  /// The profile as it would be.
  func applied(to profile: Profile) -> Profile {
    switch self {
    case .none, .memory: profile
    case .bandwidth(let factor): profile.scaled(bandwidth: factor, arithmetic: 1)
    case .arithmetic(let factor): profile.scaled(bandwidth: 1, arithmetic: factor)
    case .kernels(let format, let factor):
      profile.slowed(profile.format(named: format.name) ?? format, by: factor)
    }
  }

  /// The blocks of a pool as they would be.
  func applied(toBlocks blocks: Int) -> Int {
    guard case .memory(let factor) = self else { return blocks }
    return Int((Double(blocks) * factor).rounded())
  }
}
