import Kernels
import Operators

/// Runs a plan on a device: first on one thread, then on all.
public struct BenchRunner {
  /// How far the measuring has come.
  public struct Progress: Sendable {
    /// Of the groups, how many are done: 0...1.
    public let share: Double
    /// What is being timed.
    public let label: String
  }

  private let plan: BenchPlan
  private let makeDevice: (_ threads: Int?) throws(DeviceError) -> any BenchDevice

  /// A call that is shorter is repeated within its turn, up to fifteen times.
  private static let turnNs = 4e6
  /// Samples of the machine's own figures and of append from cache.
  private static let machineSamples = 9

  /// A runner.
  /// - Parameters:
  ///   - plan: what to measure; one without an ``BenchPlan/objection``.
  ///   - makeDevice: makes the device with so many threads, all where nil. Devices hold much
  ///     memory, so at most one lives at a time.
  public init(
    _ plan: BenchPlan,
    makeDevice: @escaping (_ threads: Int?) throws(DeviceError) -> any BenchDevice
  ) {
    self.plan = plan
    self.makeDevice = makeDevice
  }

  /// Measures everything.
  /// - Throws: what the device throws, but for shapes that it does not take: they are noted.
  public func run(report: @escaping (Progress) -> Void) throws(DeviceError) -> BenchResult {
    let total = Double(plan.groups.count + plan.oneThreadGroups.count + 2)
    var session = Session(plan: plan) { done, label in
      report(Progress(share: Double(done) / total, label: label))
    }
    let one = try runOneThread(&session)
    let all = try runAllThreads(&session)
    session.report(Int(total), "done")
    let machine = BenchMachine(
      facts: all.facts, readOneThread: one.read, readAllThreads: all.read,
      peakOneThread: one.peak, peakAllThreads: all.peak)
    return BenchResult(
      plan: plan, machine: machine, samples: session.samples,
      cachedAppends: one.cachedAppends, cachedDecodes: one.cachedDecodes, skipped: session.skipped)
  }

  private typealias OneThread = (
    read: SampleSpread, peak: SampleSpread, cachedAppends: [CachedAppend],
    cachedDecodes: [CachedDecode]
  )

  /// A function of its own, so that the device's memory is free when it returns.
  private func runOneThread(_ session: inout Session) throws(DeviceError) -> OneThread {
    session.announce("read and arithmetic, one thread")
    let device = try makeDevice(1)
    let (read, peak) = try limits(device)
    let appends = try cachedAppends(device)
    let decodes = try cachedDecodes(device)
    session.complete()
    for group in plan.oneThreadGroups { try session.measure(group, on: device) }
    return (read, peak, appends, decodes)
  }

  private typealias AllThreads = (facts: DeviceFacts, read: SampleSpread, peak: SampleSpread)

  private func runAllThreads(_ session: inout Session) throws(DeviceError) -> AllThreads {
    session.announce("read and arithmetic, all threads")
    let device = try makeDevice(nil)
    let (read, peak) = try limits(device)
    session.complete()
    for group in plan.groups { try session.measure(group, on: device) }
    return (device.facts, read, peak)
  }

  private func limits(
    _ device: any BenchDevice
  ) throws(DeviceError) -> (read: SampleSpread, peak: SampleSpread) {
    var reads: [Double] = []
    var peaks: [Double] = []
    for _ in 0..<BenchRunner.machineSamples {
      reads.append(try device.measureReadBandwidth(repeats: 3))
      peaks.append(try device.measureFMAPeak(repeats: 3))
    }
    return (SampleSpread(reads), SampleSpread(peaks))
  }

  private func cachedAppends(_ device: any BenchDevice) throws(DeviceError) -> [CachedAppend] {
    guard plan.kinds.contains(.append) else { return [] }
    let formats = BenchPlan.movedFormats
    var rowNs = [[Double]](repeating: [], count: formats.count)
    for _ in 0..<max(plan.repeats, BenchRunner.machineSamples) {
      for (index, format) in formats.enumerated() {
        rowNs[index] += try device.timeAppendFromCache(
          headDim: plan.heads.headDim, format: format, repeats: 1)
      }
    }
    let plain = rowNs[formats.firstIndex(of: .int4)!]
    return zip(formats, rowNs).map { CachedAppend(format: $0, rowNs: $1, plainRowNs: plain) }
  }

  private func cachedDecodes(_ device: any BenchDevice) throws(DeviceError) -> [CachedDecode] {
    guard !plan.kinds.isDisjoint(with: [.decode, .decodeOneThread]) else { return [] }
    var rates = [[Double]](repeating: [], count: BenchPlan.formats.count)
    for _ in 0..<max(plan.repeats, BenchRunner.machineSamples) {
      for (index, format) in BenchPlan.formats.enumerated() {
        rates[index] += try device.decodeRateFromCache(
          heads: plan.heads, format: format, blockSize: plan.blockSize, repeats: 1)
      }
    }
    return zip(BenchPlan.formats, rates).map { CachedDecode(format: $0, bytesPerSecond: $1) }
  }

  /// What has been measured so far.
  private struct Session {
    let plan: BenchPlan
    let report: (Int, String) -> Void
    var samples: [BenchSamples] = []
    var skipped: [SkippedGroup] = []
    private var done = 0
    /// Operations of the least group of a kind whose calls took too long.
    private var tooMany: [BenchGroup.Kind: Int] = [:]

    init(plan: BenchPlan, report: @escaping (Int, String) -> Void) {
      self.plan = plan
      self.report = report
    }

    func announce(_ label: String) { report(done, label) }

    mutating func complete() { done += 1 }

    mutating func measure(
      _ group: BenchGroup, on device: any BenchDevice
    ) throws(DeviceError) {
      announce(group.label)
      defer { complete() }
      let largest = group.cases.map(\.ratedBytes).max()!
      guard largest <= device.facts.memoryBytes else {
        skipped.append(
          SkippedGroup(label: group.label, reason: "\(largest) bytes do not fit in memory"))
        return
      }
      let operations = group.cases[0].operations
      if let least = tooMany[group.kind], operations >= least {
        skipped.append(
          SkippedGroup(label: group.label, reason: "smaller shapes take too long already"))
        return
      }
      do throws(DeviceError) {
        if let callsNs = try trial(group, device) {
          samples.append(try rounds(group, device, callsNs: callsNs))
        } else {
          tooMany[group.kind] = operations
        }
      } catch {
        guard case .unsupportedShape = error else { throw error }
        skipped.append(SkippedGroup(label: group.label, reason: "\(error)"))
      }
    }

    /// One call of each case, in nanoseconds, which does not count; nil, and a note, where rounds
    /// of such calls would take far longer than a group may.
    private mutating func trial(
      _ group: BenchGroup, _ device: any BenchDevice
    ) throws(DeviceError) -> [Double]? {
      var callsNs: [Double] = []
      for shape in group.cases {
        let ns = try device.time(shape, blockSize: plan.blockSize, repeats: 1).min() ?? 1
        callsNs.append(Double(max(1, ns)))
        guard callsNs.last! <= 4e9 * plan.groupSeconds else {
          let seconds = Int((callsNs.last! * 1e-9).rounded())
          skipped.append(
            SkippedGroup(label: group.label, reason: "a call takes some \(seconds) s"))
          return nil
        }
      }
      return callsNs
    }

    /// Every round takes the read, the peak and each case in turn; `callsNs` tells how often a
    /// short call has to be repeated in its turn.
    private func rounds(
      _ group: BenchGroup, _ device: any BenchDevice, callsNs: [Double]
    ) throws(DeviceError) -> BenchSamples {
      let calls = callsNs.map { min(15, max(1, Int(BenchRunner.turnNs / $0))) }
      var reads: [Double] = []
      var peaks: [Double] = []
      var timesNs = [[Double]](repeating: [], count: group.cases.count)
      let readsPages = group.kind == .decode || group.kind == .decodeOneThread
      var pageReads = [[Double]](repeating: [], count: readsPages ? group.cases.count : 0)
      let clock = ContinuousClock()
      let start = clock.now
      while reads.count < plan.repeats {
        let elapsed = (clock.now - start) / .seconds(1)
        let predicted = elapsed / Double(max(1, reads.count)) * Double(reads.count + 1)
        if reads.count >= 3, predicted > plan.groupSeconds { break }
        reads.append(try device.measureReadBandwidth(repeats: 1))
        peaks.append(try device.measureFMAPeak(repeats: 1))
        for (index, shape) in group.cases.enumerated() {
          if readsPages, let format = shape.kvFormat {
            pageReads[index].append(
              try device.measurePageRead(
                heads: plan.heads, format: format, blockSize: plan.blockSize, repeats: 1))
          }
          try device.clearCache()
          let times = try device.time(
            shape, blockSize: plan.blockSize, repeats: calls[index])
          timesNs[index].append(SampleSpread(times.map { Double(max(1, $0)) }).median)
        }
      }
      return BenchSamples(
        group: group, timesNs: timesNs, reads: reads, peaks: peaks, pageReads: pageReads)
    }
  }
}
