import CostModel
import Kernels
import Operators

/// Runs the experiment on a device and makes a profile of it.
public struct Calibrator {
  /// How far the measuring has come.
  public struct Progress: Sendable {
    /// Of the work, what is done: 0...1.
    public let share: Double
    /// The operator being timed.
    public let kind: OperatorKind
  }

  /// A profile and how it came about.
  public struct Result: Sendable {
    /// What was measured.
    public let profile: Profile
    /// Points that were left out for lack of time; predictions there are extrapolations.
    public let skippedPoints: Int
    /// What looks wrong about the samples, in sentences; empty as a rule.
    public let findings: [String]
  }

  /// Every group is timed this often, so that a slow spell of the machine meets all of them alike
  /// and a median passes over it. A GPU has no other tenants: nine points of ten differed by less
  /// than 2 % between two rounds on an H200, and twice the points say more than half the noise.
  private var rounds: Int { backend.facts.isGPU ? 2 : 3 }

  private let backend: any KernelBackend
  private let kind: String
  private let version: String
  private let blockSize: Int
  private let seconds: Double

  /// A calibrator that takes about `seconds` at most.
  /// - Parameters:
  ///   - kind: of the device, for the profile: `cpu`.
  ///   - version: of the program, for the profile: `kvsim 0.1.0`.
  ///   - blockSize: tokens per page.
  public init(
    backend: any KernelBackend, kind: String, version: String, blockSize: Int, seconds: Double
  ) {
    self.backend = backend
    self.kind = kind
    self.version = version
    self.blockSize = blockSize
    self.seconds = seconds
  }

  /// Measures every group.
  /// - Throws: what the device throws.
  public func run(
    _ groups: [ExperimentGroup], measuredAtUTC: String,
    report: (Progress) -> Void
  ) throws(DeviceError) -> Result {
    let clock = ContinuousClock()
    // The first use of a device sets up its memory, which is no part of the measuring.
    _ = try backend.measureReadBandwidth(repeats: 1)
    let start = clock.now
    var bandwidths: [Double] = []
    let pace = backend.facts.isGPU ? Schedule.Pace.gpu : .cpu
    var schedule = Schedule(groups, rounds: rounds, seconds: seconds, pace: pace)
    var samples: [OperatorShape: [Int64]] = [:]
    for round in 0..<rounds {
      bandwidths.append(try backend.measureReadBandwidth(repeats: 7))
      for group in groups {
        schedule.enter(group, round: round)
        // What one unit of work took in the group's last point predicts the next, larger one.
        var nsPerWork = 0.0
        for point in group.points {
          let work = pace.callNs(point.shape)
          let known = samples[point.shape].map { Double($0.min()!) }
          let predictedNs = known ?? nsPerWork * work
          defer { schedule.complete(point, round: round) }
          let isLong = predictedNs > Schedule.longCallNs
          if round > 0, known == nil || isLong { continue }
          let repeats = Schedule.repeats(callNs: predictedNs)
          let elapsed = (clock.now - start) / .seconds(1)
          guard schedule.allows(predictedNs * Double(repeats + 1) * 1e-9, elapsed: elapsed)
          else { continue }
          guard let times = try times(of: point.shape, repeats: repeats) else { continue }
          samples[point.shape, default: []] += times
          nsPerWork = Double(times.min()!) / work
          report(Progress(share: schedule.share, kind: point.shape.kind))
        }
      }
    }
    let bandwidth = bandwidths.sorted()[bandwidths.count / 2]
    return result(groups, samples, bandwidth: bandwidth, measuredAtUTC: measuredAtUTC)
  }

  /// The times of a shape; nil where it is more than the device holds, which leaves the point out
  /// as what time does not allow.
  private func times(of shape: OperatorShape, repeats: Int) throws(DeviceError) -> [Int64]? {
    do throws(DeviceError) {
      return try backend.time(shape, blockSize: blockSize, repeats: repeats)
    } catch {
      if error.exceedsDevice { return nil }
      if case .outOfMemory = error { return nil }
      throw error
    }
  }

  private func result(
    _ groups: [ExperimentGroup], _ samples: [OperatorShape: [Int64]], bandwidth: Double,
    measuredAtUTC: String
  ) -> Result {
    let points = groups.flatMap(\.points)
    let measurements = points.compactMap { point in
      samples[point.shape].map {
        Measurement(
          shape: point.shape, isHeldOut: point.isHeldOut, timesNs: $0.map { max(1, $0) })
      }
    }
    let facts = backend.facts
    let profile = Profile(
      provenance: .measured,
      device: Device(
        name: facts.name, kind: kind, kernelPath: facts.kernelPath, threads: facts.coreCount,
        memoryBytes: facts.memoryBytes, lastLevelCacheBytes: facts.lastLevelCacheBytes,
        driver: facts.driver,
        kernelVersion: version + (facts.kernelDigest.map { ", SPIR-V \($0)" } ?? ""),
        layerPlan: facts.layerPlan),
      measuredAtUTC: measuredAtUTC, blockSize: blockSize, readBytesPerSecond: Int(bandwidth),
      measurements: measurements)
    return Result(
      profile: profile, skippedPoints: points.count - measurements.count,
      findings: Plausibility.findings(profile, of: points))
  }
}
