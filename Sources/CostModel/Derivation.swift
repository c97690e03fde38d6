import Operators

/// What a derived profile was derived from, and how far its times could be off.
public struct Derivation: Hashable, Sendable {
  /// How uncertain the times of one operator are.
  ///
  /// Scaling cannot say what bounds an operator; it can say between which bounds the time lies: all
  /// of it scales with the ratio that helps most, or all with the one that helps least, where a
  /// part that stays as it is has ratio 1. A width is the distance between these two, as a share
  /// of the derived time: 0.4 for bounds of 80 and 120 % of it.
  public struct Uncertainty: Hashable, Sendable {
    /// The operator.
    public let kind: OperatorKind
    /// Its format; nil for operators that have none.
    public let format: KVFormat?
    /// Points that were derived.
    public let points: Int
    /// The median of the points' widths: the lower of the middle two for an even count.
    public let medianWidth: Double
    /// The largest of them.
    public let largestWidth: Double

    /// An uncertainty, complete.
    public init(
      kind: OperatorKind, format: KVFormat?, points: Int, medianWidth: Double,
      largestWidth: Double
    ) {
      self.kind = kind
      self.format = format
      self.points = points
      self.medianWidth = medianWidth
      self.largestWidth = largestWidth
    }

    /// That of times which were derived before, within bounds of their own. Bounds multiply: two
    /// widths v and w about 1 make no more than v + w + v·w.
    fileprivate func widened(by earlier: Derivation?) -> Uncertainty {
      guard
        let before = earlier?.uncertainties.first(where: { $0.kind == kind && $0.format == format })
      else { return self }
      func joined(_ v: Double, _ w: Double) -> Double { v + w + v * w }
      return Uncertainty(
        kind: kind, format: format, points: points,
        medianWidth: joined(before.medianWidth, medianWidth),
        largestWidth: joined(before.largestWidth, largestWidth))
    }
  }

  /// The device and the provenance of its times: `NVIDIA H200, measured 2026-11-28T17:17:29Z`.
  public let from: String
  /// The uncertainty of each operator and format, in the order in which operators are named.
  public let uncertainties: [Uncertainty]

  /// A derivation, complete.
  public init(from: String, uncertainties: [Uncertainty]) {
    self.from = from
    self.uncertainties = uncertainties
  }
}

extension Profile {
  /// This profile as it would be on another device: every point's times scaled, memory-bound time
  /// by the ratio of bandwidths and compute-bound time by that of arithmetic rates.
  ///
  /// With t the median of a point's times, m = min(1, bytes / read bytes per second / t) the share
  /// of it that memory explains, c = min(1, operations / source's rate / t) the share that
  /// arithmetic explains, r_m and r_c the source's bandwidth and rate over the target's, and p = 6:
  ///
  ///     t' = t · (max(0, 1 − m^p − c^p) + (r_m · m)^p + (r_c · c)^p)^(1/p)
  ///
  /// where m^p and c^p are first divided by their sum if that exceeds 1. What neither explains,
  /// such as the latency of a launch, stays as it is. The p-th root of a sum of p-th powers is a
  /// smooth maximum: memory and arithmetic overlap, and the longer of the two counts almost alone.
  /// 6 is an assumption between a plain sum, 1, and a plain maximum.
  /// All repeats of a point are scaled alike, so their spread stays.
  ///
  /// The plain read scales with the bandwidth. Of the device the kernels' names and plan stay; name
  /// and memory are the target's, and what no data sheet says (threads, cache, driver) is unknown.
  ///
  /// Linear in the number of samples.
  ///
  /// - Parameters:
  ///   - source: the data sheet of this profile's device.
  ///   - target: that of the device to derive for.
  /// - Returns: a profile of provenance `derived` with the same points in the same order; times are
  ///   at least 1 ns and at most `Measurement.longestNs`. Equal data sheets give equal times.
  public func derived(from source: DataSheet, to target: DataSheet) -> Profile {
    let scaling = Scaling(
      readBytesPerSecond: Double(readBytesPerSecond),
      operationsPerSecond: Double(source.flopsPerSecond),
      memoryRatio: Double(source.bytesPerSecond) / Double(target.bytesPerSecond),
      arithmeticRatio: Double(source.flopsPerSecond) / Double(target.flopsPerSecond))
    let read = (Double(readBytesPerSecond) / scaling.memoryRatio).rounded()
    return Profile(
      provenance: .derived,
      device: Device(
        name: target.name, kind: "gpu", kernelPath: device.kernelPath, threads: 0,
        memoryBytes: target.memoryBytes, lastLevelCacheBytes: 0,
        kernelVersion: device.kernelVersion, layerPlan: device.layerPlan),
      measuredAtUTC: measuredAtUTC, blockSize: blockSize,
      readBytesPerSecond: Int(min(max(read, 1), 0x1p60)),
      chunksShareLaunch: chunksShareLaunch, measurements: measurements.map(scaling.scaled),
      derivation: Derivation(
        from: "\(device.name), \(origin)",
        uncertainties: scaling.uncertainties(self).map { $0.widened(by: derivation) }))
  }
}

extension Profile {
  /// This profile with so many times the bandwidth of the memory and the rate of arithmetic: every
  /// point's time scaled as ``derived(from:to:)`` says. The rate that arithmetic is held against is
  /// the most operations per second of any point's median, so that no data sheet is needed.
  ///
  /// For questions of what would help; nothing else of the profile tells that it was changed.
  /// - Precondition: both are positive.
  public func scaled(bandwidth: Double, arithmetic: Double) -> Profile {
    precondition(bandwidth > 0 && arithmetic > 0)
    let fastest = measurements.reduce(1) {
      max($0, Double($1.shape.operations) * 1e9 / Double($1.medianNs))
    }
    let scaling = Scaling(
      readBytesPerSecond: Double(readBytesPerSecond), operationsPerSecond: fastest,
      memoryRatio: 1 / bandwidth, arithmeticRatio: 1 / arithmetic)
    return with(measurements: measurements.map(scaling.scaled))
  }

  /// This profile with kernels of one format that take so many times as long: attention over such a
  /// cache, and writing to it.
  /// - Precondition: `factor` is positive.
  public func slowed(_ format: KVFormat, by factor: Double) -> Profile {
    precondition(factor > 0)
    return with(
      measurements: measurements.map {
        $0.shape.format == format ? $0.lasting(factor) : $0
      })
  }
}

extension Measurement {
  /// The same point with so many times its times, a nanosecond at least.
  fileprivate func lasting(_ factor: Double) -> Measurement {
    Measurement(
      shape: shape, isHeldOut: isHeldOut,
      timesNs: timesNs.map { ns in
        Int64(min(max((Double(ns) * factor).rounded(), 1), Double(Measurement.longestNs)))
      })
  }
}

/// How the times of one device become those of another.
///
/// Powers and roots are made of products, quotients and square roots, which are rounded alike on
/// every machine: times end in traces, whose digests must not depend on a mathematical library.
private struct Scaling {
  let readBytesPerNs: Double
  let operationsPerNs: Double
  /// Time of the target over time of the source, where memory bounds both.
  let memoryRatio: Double
  /// The same where arithmetic does.
  let arithmeticRatio: Double

  init(
    readBytesPerSecond: Double, operationsPerSecond: Double, memoryRatio: Double,
    arithmeticRatio: Double
  ) {
    readBytesPerNs = readBytesPerSecond * 1e-9
    operationsPerNs = operationsPerSecond * 1e-9
    self.memoryRatio = memoryRatio
    self.arithmeticRatio = arithmeticRatio
  }

  /// t' / t of a point.
  func factor(_ point: Measurement) -> Double {
    // Rounding must not move a time that nothing scales.
    guard memoryRatio != 1 || arithmeticRatio != 1 else { return 1 }
    let ns = Double(point.medianNs)
    var memory = Scaling.sixthPower(min(1, Double(point.shape.bytes) / readBytesPerNs / ns))
    var arithmetic = Scaling.sixthPower(
      min(1, Double(point.shape.operations) / operationsPerNs / ns))
    let sum = memory + arithmetic
    if sum > 1 {
      memory /= sum
      arithmetic /= sum
    }
    return Scaling.sixthRoot(
      max(0, 1 - memory - arithmetic) + Scaling.sixthPower(memoryRatio) * memory
        + Scaling.sixthPower(arithmeticRatio) * arithmetic)
  }

  func scaled(_ point: Measurement) -> Measurement {
    point.lasting(factor(point))
  }

  func uncertainties(_ profile: Profile) -> [Derivation.Uncertainty] {
    let range =
      max(1, memoryRatio, arithmeticRatio) - min(1, memoryRatio, arithmeticRatio)
    var widths: [OperatorKey: [Double]] = [:]
    for point in profile.measurements {
      widths[point.shape.key, default: []].append(Scaling.millionths(range / factor(point)))
    }
    return profile.operatorKeys.compactMap { key in
      guard let own = widths[key]?.sorted(), let largest = own.last else { return nil }
      return Derivation.Uncertainty(
        kind: key.kind, format: key.format, points: own.count,
        medianWidth: own[(own.count - 1) / 2], largestWidth: largest)
    }
  }

  /// A width in the precision in which profiles keep it; a million stands for all above.
  private static func millionths(_ width: Double) -> Double {
    (min(width, 1e6) * 1e6).rounded() / 1e6
  }

  private static func sixthPower(_ value: Double) -> Double {
    let square = value * value
    return square * square * square
  }

  /// The sixth root of a positive number: the cube root, by Newton's method, of the square root.
  ///
  /// From a start that is not below it the iteration falls towards the cube root, and stands still
  /// or rises only once it is reached to the last digits.
  private static func sixthRoot(_ value: Double) -> Double {
    let square = value.squareRoot()
    var root = max(1, square)
    while true {
      let next = (2 * root + square / (root * root)) / 3
      guard next < root else { return root }
      root = next
    }
  }
}
