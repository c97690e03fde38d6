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

  /// Every group is timed this often, so that a slow spell of the machine meets all of them alike.
  private static let rounds = 2
  /// Above this a point is timed in the first round only.
  private static let longCallNs = 150_000_000.0
  /// What a point may take in a round, unless its fewest repeats take longer.
  private static let slotNs = 20_000_000.0

  private let backend: any KernelBackend
  private let kind: String
  private let blockSize: Int
  private let seconds: Double

  /// A calibrator that takes about `seconds` at most.
  /// - Parameters:
  ///   - kind: of the device, for the profile: `cpu`.
  ///   - blockSize: tokens per page.
  public init(backend: any KernelBackend, kind: String, blockSize: Int, seconds: Double) {
    self.backend = backend
    self.kind = kind
    self.blockSize = blockSize
    self.seconds = seconds
  }

  /// Measures every group.
  /// - Throws: what the device throws.
  public func run(
    _ groups: [ExperimentGroup] = Experiment.groups(), measuredAtUTC: String,
    report: (Progress) -> Void
  ) throws(DeviceError) -> Result {
    let clock = ContinuousClock()
    let start = clock.now
    let bandwidth = try backend.measureReadBandwidth(repeats: 5)
    var schedule = Schedule(groups, rounds: Calibrator.rounds, seconds: seconds)
    var samples: [OperatorShape: [Int64]] = [:]
    for round in 0..<Calibrator.rounds {
      for group in groups {
        schedule.enter(group)
        // What one unit of work took in the group's last point predicts the next, larger one.
        var nsPerWork = 0.0
        for point in group.points {
          let work = Schedule.nominalNs(point.shape)
          let known = samples[point.shape].map { Double($0.min()!) }
          let predictedNs = known ?? nsPerWork * work
          defer { schedule.complete(point) }
          let isLong = predictedNs > Calibrator.longCallNs
          if round > 0, known == nil || isLong { continue }
          let repeats = isLong ? 2 : max(2, min(7, Int(Calibrator.slotNs / max(1, predictedNs))))
          let elapsed = (clock.now - start) / .seconds(1)
          guard schedule.allows(predictedNs * Double(repeats + 1) * 1e-9, elapsed: elapsed)
          else { continue }
          let times = try backend.time(point.shape, blockSize: blockSize, repeats: repeats)
          samples[point.shape, default: []] += times
          nsPerWork = Double(times.min()!) / work
          report(Progress(share: schedule.share, kind: point.shape.kind))
        }
      }
    }
    return result(groups, samples, bandwidth: bandwidth, measuredAtUTC: measuredAtUTC)
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
        memoryBytes: facts.memoryBytes, lastLevelCacheBytes: facts.lastLevelCacheBytes),
      measuredAtUTC: measuredAtUTC, blockSize: blockSize, readBytesPerSecond: Int(bandwidth),
      measurements: measurements)
    return Result(
      profile: profile, skippedPoints: points.count - measurements.count,
      findings: Plausibility.findings(profile))
  }
}

/// Shares the time out: each group may go on until its share of the whole is used up, and what one
/// leaves the next may use.
struct Schedule {
  private let totalNs: Double
  private let seconds: Double
  private var doneNs = 0.0
  private var groupEndNs = 0.0
  private var enteredNs = 0.0
  private var isFirst = true

  init(_ groups: [ExperimentGroup], rounds: Int, seconds: Double) {
    totalNs =
      Double(rounds) * groups.reduce(0) { $0 + Schedule.nominalNs($1) }
    self.seconds = seconds
  }

  /// Of the work, what is done or passed over.
  var share: Double { min(1, doneNs / totalNs) }

  mutating func enter(_ group: ExperimentGroup) {
    groupEndNs = enteredNs + Schedule.nominalNs(group)
    enteredNs = groupEndNs
    isFirst = true
  }

  /// Whether a point may be timed that takes so many seconds; a group's first always may.
  mutating func allows(_ pointSeconds: Double, elapsed: Double) -> Bool {
    if isFirst {
      isFirst = false
      return true
    }
    return elapsed + pointSeconds <= seconds * groupEndNs / totalNs
  }

  mutating func complete(_ point: ExperimentPoint) {
    doneNs += Schedule.slotNs(point.shape)
  }

  /// Roughly what a call takes on a machine that reads 30 GB/s and does 150 GFLOP/s: to share time
  /// out and to draw a bar, never to price anything.
  static func nominalNs(_ shape: OperatorShape) -> Double {
    10_000 + max(Double(shape.bytes) / 30, Double(shape.operations) / 150)
  }

  private static func nominalNs(_ group: ExperimentGroup) -> Double {
    group.points.reduce(0) { $0 + slotNs($1.shape) }
  }

  /// What a point takes in a round, with its warm-up and its setting up.
  private static func slotNs(_ shape: OperatorShape) -> Double {
    let call = nominalNs(shape)
    return 2_000_000 + call * max(3, min(8, 20_000_000 / call))
  }
}
