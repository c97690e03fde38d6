/// A link over which blocks of the KV cache are copied.
public struct CopyLink: Hashable, Sendable {
  /// Bytes a second that are copied, in either direction.
  public let bytesPerSecond: Int
  /// Nanoseconds that a copy takes however little it moves.
  public let latencyNs: Int64

  /// A link, complete.
  /// - Precondition: it moves something, and its latency is not negative.
  public init(bytesPerSecond: Int, latencyNs: Int64) {
    precondition(bytesPerSecond > 0 && latencyNs >= 0)
    self.bytesPerSecond = bytesPerSecond
    self.latencyNs = latencyNs
  }

  /// Nanoseconds that one copy takes: its bytes over the bandwidth, rounded up, and the latency; a
  /// hundred years at most, so that clocks stay within 64 bits.
  /// - Precondition: `bytes` is not negative.
  public func ns(bytes: Int) -> Int64 {
    let product = UInt64(bytes).multipliedFullWidth(by: 1_000_000_000)
    // A quotient that 64 bits could not hold is beyond the horizon.
    guard product.high < UInt64(bytesPerSecond) else { return simulationHorizonNs }
    let (ns, rest) = UInt64(bytesPerSecond).dividingFullWidth(product)
    let horizon = UInt64(simulationHorizonNs)
    let sum = min(ns, horizon) + (rest > 0 ? 1 : 0) + min(UInt64(latencyNs), horizon)
    return Int64(min(sum, horizon))
  }
}
