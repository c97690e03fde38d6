import Kernels
import Operators

/// Runs a plan on a device: first on one thread, where the plan wants that, then on all.
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

  /// Measures everything. A device that stops answering ends the measuring; the result then says
  /// so beside what was measured until then.
  /// - Throws: what the device throws, but for shapes that it does not take or has no memory for:
  ///   they are noted.
  public func run(report: @escaping (Progress) -> Void) throws(DeviceError) -> BenchResult {
    let starts = plan.hasOneThread ? 2 : 1
    let total = Double(plan.groups.count + plan.oneThreadGroups.count + starts)
    var session = BenchSession(plan: plan) { done, label in
      report(Progress(share: Double(done) / total, label: label))
    }
    let one = plan.hasOneThread ? try runOneThread(&session) : nil
    let all = try runAllThreads(&session)
    session.report(Int(total), "done")
    let machine = BenchMachine(
      facts: all.facts, readOneThread: one?.limits.read, readAllThreads: all.limits.read,
      peakOneThread: one?.limits.peak, peakAllThreads: all.limits.peak)
    return BenchResult(
      plan: plan, machine: machine, samples: session.samples,
      cachedAppends: one?.cachedAppends ?? [], cachedDecodes: one?.cachedDecodes ?? [],
      skipped: session.skipped, failure: session.failure)
  }

  private typealias Limits = (read: SampleSpread, peak: SampleSpread?)
  private typealias OneThread = (
    limits: Limits, cachedAppends: [CachedAppend], cachedDecodes: [CachedDecode]
  )

  /// A function of its own, so that the device's memory is free when it returns.
  private func runOneThread(_ session: inout BenchSession) throws(DeviceError) -> OneThread {
    session.announce("read and arithmetic, one thread")
    let device = try makeDevice(1)
    let limits = try limits(device)
    var appends: [CachedAppend] = []
    var decodes: [CachedDecode] = []
    if let cpu = device as? any CPUBenchDevice {
      appends = try cachedAppends(cpu)
      decodes = try cachedDecodes(cpu)
    }
    session.complete()
    for group in plan.oneThreadGroups { try session.measure(group, on: device) }
    return (limits, appends, decodes)
  }

  private func runAllThreads(
    _ session: inout BenchSession
  ) throws(DeviceError) -> (facts: DeviceFacts, limits: Limits) {
    session.announce(plan.hasOneThread ? "read and arithmetic, all threads" : "read")
    let device = try makeDevice(nil)
    let limits = try limits(device)
    session.complete()
    for group in plan.groups { try session.measure(group, on: device) }
    return (device.facts, limits)
  }

  private func limits(_ device: any BenchDevice) throws(DeviceError) -> Limits {
    var reads: [Double] = []
    var peaks: [Double] = []
    for _ in 0..<BenchRunner.machineSamples {
      reads.append(try device.measureReadBandwidth(repeats: 3))
      if let cpu = device as? any CPUBenchDevice {
        peaks.append(try cpu.measureFMAPeak(repeats: 3))
      }
    }
    return (SampleSpread(reads), peaks.isEmpty ? nil : SampleSpread(peaks))
  }

  private func cachedAppends(
    _ device: any CPUBenchDevice
  ) throws(DeviceError) -> [CachedAppend] {
    let formats = plan.movedFormats
    guard plan.kinds.contains(.append), let base = formats.firstIndex(of: .int4) else { return [] }
    var rowNs = [[Double]](repeating: [], count: formats.count)
    for _ in 0..<max(plan.repeats, BenchRunner.machineSamples) {
      for (index, format) in formats.enumerated() {
        rowNs[index] += try device.timeAppendFromCache(
          headDim: plan.heads.headDim, format: format, repeats: 1)
      }
    }
    return zip(formats, rowNs).map {
      CachedAppend(format: $0, rowNs: $1, plainRowNs: rowNs[base])
    }
  }

  private func cachedDecodes(
    _ device: any CPUBenchDevice
  ) throws(DeviceError) -> [CachedDecode] {
    guard !plan.kinds.isDisjoint(with: [.decode, .decodeOneThread]) else { return [] }
    let formats = plan.attentionFormats
    var rates = [[Double]](repeating: [], count: formats.count)
    for _ in 0..<max(plan.repeats, BenchRunner.machineSamples) {
      for (index, format) in formats.enumerated() {
        rates[index] += try device.decodeRateFromCache(
          heads: plan.heads, format: format, blockSize: plan.blockSize, repeats: 1)
      }
    }
    return zip(formats, rates).map { CachedDecode(format: $0, bytesPerSecond: $1) }
  }
}
