import Operators

/// What ggml's CPU kernels were published to take, on one thread of the kind of machine that these
/// kernels were written on (an EPYC of the Zen 5 generation): 32 query heads, 8 KV heads of 128.
///
/// The figures stand in the specification of the kernels, issue 3 of kvsim. They are what the
/// "times as fast as ggml" goals divide by, and are measured nowhere in this program.
public enum PublishedFigures {
  /// The heads that the figures hold for.
  public static let heads = HeadGeometry(queryHeads: 32, kvHeads: 8, headDim: 128)

  /// The family of the CPUs that the figures hold for, as `DeviceFacts.cpuFamily` counts.
  static let cpuFamily = 26

  /// Decode attention of one token over `context` cached tokens, in nanoseconds.
  public struct Decode: Hashable, Sendable {
    /// Cached tokens.
    public let context: Int
    /// With K and V in F16.
    public let f16Ns: Double
    /// With K and V in Q4_0: 4.5 bits an element.
    public let q4Ns: Double
  }

  /// F16 reads 6.2 to 6.8 GB/s of KV, Q4_0 0.52 GB/s (and Q8_0 1.9 GB/s).
  public static let decode = [
    Decode(context: 1024, f16Ns: 624e3, q4Ns: 2253e3),
    Decode(context: 16384, f16Ns: 10.8e6, q4Ns: 36.7e6),
  ]

  /// Quantising a row of 128 values to Q4_0, in nanoseconds.
  public static let quantiseRowNs = 173.0
  /// Rotating such a row: 290 to 310 ns.
  public static let rotateRowNs = 300.0
}
