import Operators

/// One operator at one shape, timed several times.
public struct Measurement: Hashable, Sendable {
  /// The longest time that a profile may hold, in nanoseconds: a little under twelve days.
  public static let longestNs: Int64 = 1_000_000_000_000_000

  /// What was timed.
  public let shape: OperatorShape
  /// Whether the point is kept out of the fit, to judge it.
  public let isHeldOut: Bool
  /// Nanoseconds of each call, in the order in which they were made; not empty.
  public let timesNs: [Int64]

  /// - Precondition: there is at least one time and all are positive.
  public init(shape: OperatorShape, isHeldOut: Bool, timesNs: [Int64]) {
    precondition(!timesNs.isEmpty && timesNs.allSatisfy { $0 > 0 })
    self.shape = shape
    self.isHeldOut = isHeldOut
    self.timesNs = timesNs
  }

  /// The median, in nanoseconds: the lower of the middle two for an even count.
  public var medianNs: Int64 { timesNs.sorted()[(timesNs.count - 1) / 2] }

  /// The spread of repeats: interquartile range over median.
  public var spread: Double {
    let sorted = timesNs.sorted()
    let last = sorted.count - 1
    return Double(sorted[last * 3 / 4] - sorted[last / 4]) / Double(medianNs)
  }
}

/// What a device was measured to take, or would take: every raw sample, and where and when it was
/// taken.
public struct Profile: Hashable, Sendable {
  /// The version of the profile's file form that this code reads and writes.
  public static let schemaVersion = 1

  /// How the times came about.
  public enum Provenance: String, Sendable, CaseIterable {
    /// By running the bundled kernels.
    case measured
    /// By other software, whose table of operator times was read.
    case imported
    /// From the times of another device, scaled by what data sheets say of both.
    case derived
  }

  /// How the times came about.
  public let provenance: Provenance
  /// The machine.
  public let device: Device
  /// When, as ISO 8601 in UTC; of a derived profile when that which it was derived from was made.
  public let measuredAtUTC: String
  /// Tokens per page while measuring.
  public let blockSize: Int
  /// Bytes per second of a plain read by all threads, from memory larger than the caches; of an
  /// imported profile what the memory is specified for.
  public let readBytesPerSecond: Int
  /// Whether the prompts of a step share one launch of attention, as in engines with kernels for
  /// sequences of various lengths; else each chunk has a launch of its own.
  public let chunksShareLaunch: Bool
  /// Every point, in the order in which it was taken.
  public let measurements: [Measurement]
  /// What a derived profile was derived from; nil of every other.
  public let derivation: Derivation?

  /// How the times came about, for people: `measured 2026-11-28T17:17:29Z`, or
  /// `derived from NVIDIA H200, measured 2026-11-28T17:17:29Z`.
  public var origin: String {
    if let derivation { return "derived from \(derivation.from)" }
    return "\(provenance.rawValue) \(measuredAtUTC)"
  }

  /// The formats that points have, in the order in which tables show them: as wide as the measured
  /// kernels keep them.
  public var formats: [KVFormat] {
    let measured = Set(measurements.compactMap(\.shape.format))
    return KVFormat.named.flatMap { named in measured.filter { $0.name == named.name } }
  }

  /// The format of this name as the measured kernels keep it; nil where none was measured.
  public func format(named name: String) -> KVFormat? { formats.first { $0.name == name } }

  /// A profile, complete.
  /// - Precondition: a profile has a derivation if and only if it is derived.
  public init(
    provenance: Provenance, device: Device, measuredAtUTC: String, blockSize: Int,
    readBytesPerSecond: Int, chunksShareLaunch: Bool = false, measurements: [Measurement],
    derivation: Derivation? = nil
  ) {
    precondition((provenance == .derived) == (derivation != nil))
    self.chunksShareLaunch = chunksShareLaunch
    self.provenance = provenance
    self.device = device
    self.measuredAtUTC = measuredAtUTC
    self.blockSize = blockSize
    self.readBytesPerSecond = readBytesPerSecond
    self.measurements = measurements
    self.derivation = derivation
  }

  /// The same device with other points.
  func with(measurements: [Measurement]) -> Profile {
    Profile(
      provenance: provenance, device: device, measuredAtUTC: measuredAtUTC, blockSize: blockSize,
      readBytesPerSecond: readBytesPerSecond, chunksShareLaunch: chunksShareLaunch,
      measurements: measurements, derivation: derivation)
  }
}
