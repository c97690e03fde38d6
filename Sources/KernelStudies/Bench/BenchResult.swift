import Kernels
import Operators

/// The machine, and what it could do at best; measured before anything else.
public struct BenchMachine: Hashable, Sendable {
  /// Name, path, threads, memory and cache.
  public let facts: DeviceFacts
  /// Bytes per second of a plain read on one thread; nil on devices that have none to measure.
  public let readOneThread: SampleSpread?
  /// The same on all threads.
  public let readAllThreads: SampleSpread
  /// Floating-point operations per second of fused multiply-adds on one thread.
  public let peakOneThread: SampleSpread?
  /// The same on all threads.
  public let peakAllThreads: SampleSpread?

  /// A machine, complete.
  public init(
    facts: DeviceFacts, readOneThread: SampleSpread? = nil, readAllThreads: SampleSpread,
    peakOneThread: SampleSpread? = nil, peakAllThreads: SampleSpread? = nil
  ) {
    self.facts = facts
    self.readOneThread = readOneThread
    self.readAllThreads = readAllThreads
    self.peakOneThread = peakOneThread
    self.peakAllThreads = peakAllThreads
  }
}

/// A group that was not timed, and why.
public struct SkippedGroup: Hashable, Sendable {
  /// The group.
  public let label: String
  /// Why, in a few words.
  public let reason: String

  /// A note.
  public init(label: String, reason: String) {
    self.label = label
    self.reason = reason
  }
}

/// All that `kvsim kernels bench` found.
public struct BenchResult: Hashable, Sendable {
  /// What was asked for.
  public let plan: BenchPlan
  /// What the machine could do at best.
  public let machine: BenchMachine
  /// Groups in the order in which they ran.
  public let samples: [BenchSamples]
  /// Append from cache, a format each.
  public let cachedAppends: [CachedAppend]
  /// Decode attention from cache, a format each.
  public let cachedDecodes: [CachedDecode]
  /// What was left out.
  public let skipped: [SkippedGroup]
  /// What ended the measuring before its end: the device stopped answering.
  public let failure: DeviceError?

  /// A result, complete.
  public init(
    plan: BenchPlan, machine: BenchMachine, samples: [BenchSamples],
    cachedAppends: [CachedAppend], cachedDecodes: [CachedDecode], skipped: [SkippedGroup],
    failure: DeviceError? = nil
  ) {
    self.failure = failure
    self.cachedDecodes = cachedDecodes
    self.plan = plan
    self.machine = machine
    self.samples = samples
    self.cachedAppends = cachedAppends
    self.skipped = skipped
  }

  /// Groups of one kind.
  public func samples(of kind: BenchGroup.Kind) -> [BenchSamples] {
    samples.filter { $0.group.kind == kind }
  }

  /// What the multiply-adds of all rounds on all threads reached, of as many times one thread's
  /// peak as there are threads. Well below one, other programs ran meanwhile, or threads share
  /// cores; nil where nothing ran on all threads.
  public var quietShare: Double? {
    let peaks = samples.filter { $0.group.kind != .decodeOneThread }.flatMap(\.peaks)
    guard !peaks.isEmpty, let one = machine.peakOneThread else { return nil }
    let ideal = Double(machine.facts.coreCount) * one.median
    return SampleSpread(peaks).median / ideal
  }

  /// What was published for a case, in nanoseconds; nil where nothing was.
  public func published_ns(_ samples: BenchSamples, _ index: Int) -> Double? {
    plan.published.ns(of: samples.group.cases[index], in: samples.group.kind)
  }

  /// Nanoseconds that a case's operations take at the rate that was published for its kind; nil
  /// where none was, and on other devices than it was published for.
  public func floorOfOperations_ns(_ samples: BenchSamples, _ index: Int) -> Double? {
    let rate = plan.published.operationRates[samples.group.kind]
    guard let rate, machine.facts.name.contains(plan.published.device) else { return nil }
    return Double(samples.group.cases[index].operations) / rate * 1e9
  }

  /// Whether a case reads more than the last-level cache holds.
  public func exceedsCache(_ samples: BenchSamples, _ index: Int) -> Bool {
    samples.exceedsCache(index, cacheBytes: machine.facts.lastLevelCacheBytes)
  }
}
