import Kernels
import Operators

/// A goal before a run: which of its figures it speaks of, what they have to reach, and on which
/// devices it is asked for.
public struct GoalRule: Hashable, Sendable {
  /// What is held against the bound.
  public enum Figure: Hashable, Sendable {
    /// Rated bytes per second over the plain read of the same round.
    case shareOfRead
    /// Operations per second over the multiply-adds of the same round.
    case shareOfPeak
    /// Operations per second over the rate that was published for the kind of operator.
    case shareOfRate
    /// How many times as fast as another format in the same round.
    case speedOver(KVFormat)
    /// Time over that of another format in the same round.
    case timeOver(KVFormat)
    /// How many times as fast as the time that was published for a format at the same sizes.
    case speedOverPublished(KVFormat)
    /// The time itself, in microseconds.
    case time_us
    /// Nanoseconds of a row of append from cache, where rows have so many elements.
    case rowFromCache_ns(headDim: Int)
  }

  /// The shapes that a goal speaks of; what is nil bounds nothing.
  public struct Scope: Hashable, Sendable {
    /// Shapes of decode attention.
    public var decodes: Set<BenchPlan.Decode>?
    /// Cached tokens of decode attention, at least.
    public var leastContext = 0
    /// Tokens that come in: of `linear`, append, gather and prefill.
    public var tokens: ClosedRange<Int>?
    /// The heads of append: a limit in microseconds is of one geometry.
    public var heads: HeadGeometry?
    /// Only what reads more than the last-level cache holds.
    public var isBeyondCache = false

    func covers(_ shape: OperatorShape) -> Bool {
      switch shape {
      case .decodeAttention(let sequences, let context, _, _):
        return context >= leastContext
          && (decodes.map { $0.contains(BenchPlan.Decode(sequences, context)) } ?? true)
      case .append(let count, let heads, _):
        return tokens?.contains(count) ?? true && self.heads ?? heads == heads
      case .linear(let count, _, _), .gather(let count, _, _),
        .prefillAttention(let count, _, _, _):
        return tokens?.contains(count) ?? true
      case .raggedDecode, .mixedAttention, .experts, .elementwise:
        return false
      }
    }
  }

  /// Where a goal is judged.
  public enum Devices: Hashable, Sendable {
    /// Wherever it is measured.
    case all
    /// On CPUs of this family.
    case cpuFamily(Int)
    /// On graphics processors that are not made of software.
    case gpus
    /// On devices whose name has this in it, as figures that it rests on were published for them.
    case named(String)

    /// Whether a device is one of them.
    public func include(_ facts: DeviceFacts) -> Bool {
      switch self {
      case .all: true
      case .cpuFamily(let family): facts.cpuFamily == family
      case .gpus: facts.isGPU
      case .named(let part): facts.isGPU && facts.name.contains(part)
      }
    }
  }

  /// What is asked for, in a few words.
  public let name: String
  /// How much of it.
  public let bound: BenchGoal.Bound
  /// The groups that it speaks of.
  public let kind: BenchGroup.Kind
  /// The format of their cases; nil for `linear`, which has none.
  public let format: KVFormat?
  /// What is held against the bound.
  public let figure: Figure
  /// The shapes that it speaks of.
  public let scope: Scope
  /// Where it is judged.
  public let devices: Devices

  init(
    _ name: String, _ bound: BenchGoal.Bound, _ kind: BenchGroup.Kind, _ format: KVFormat?,
    _ figure: Figure, within scope: Scope = Scope(), on devices: Devices = .all
  ) {
    self.name = name
    self.bound = bound
    self.kind = kind
    self.format = format
    self.figure = figure
    self.scope = scope
    self.devices = devices
  }

  /// What bound and figures count.
  public var unit: BenchGoal.Unit {
    switch figure {
    case .shareOfRead, .shareOfPeak, .shareOfRate: .share
    case .speedOver, .timeOver, .speedOverPublished: .times
    case .time_us: .microseconds
    case .rowFromCache_ns: .nanoseconds
    }
  }
}

extension BenchResult {
  /// The goals of the plan, in its order, as this run met them.
  public var goals: [BenchGoal] {
    plan.goals.map { rule in
      let isJudged = rule.devices.include(machine.facts)
      return BenchGoal(
        rule.name, rule.bound, rule.unit, isJudged ? figures(rule) : [], isJudged: isJudged)
    }
  }

  private func figures(_ rule: GoalRule) -> [BenchGoal.Figure] {
    if case .rowFromCache_ns(let headDim) = rule.figure {
      guard plan.heads.headDim == headDim else { return [] }
      return cachedAppends.filter { $0.format == rule.format }.map {
        BenchGoal.Figure("row of \(headDim) in cache", $0.rowNs)
      }
    }
    return samples(of: rule.kind).compactMap { samples in
      guard let index = samples.group.cases.firstIndex(where: { $0.format == rule.format }),
        rule.scope.covers(samples.group.cases[index]),
        !rule.scope.isBeyondCache || exceedsCache(samples, index),
        let spread = spread(rule.figure, samples, index)
      else { return nil }
      return BenchGoal.Figure(samples.group.label, spread)
    }
  }

  private func spread(
    _ figure: GoalRule.Figure, _ samples: BenchSamples, _ index: Int
  ) -> SampleSpread? {
    switch figure {
    case .shareOfRead: samples.shareOfRead(index)
    case .shareOfPeak: samples.shareOfPeak(index)
    case .shareOfRate:
      plan.published.operationRates[samples.group.kind].map { rate in
        let operations = Double(samples.group.cases[index].operations)
        return SampleSpread(samples.timesNs[index].map { operations / $0 * 1e9 / rate })
      }
    case .speedOver(let other):
      samples.index(of: other).map { samples.speed(index, over: $0) }
    case .timeOver(let other):
      samples.index(of: other).map { samples.timeRatio(index, to: $0) }
    case .speedOverPublished(let format):
      plan.published.ns(of: samples.group.cases[index].with(format), in: samples.group.kind).map {
        published_ns in SampleSpread(samples.timesNs[index].map { published_ns / $0 })
      }
    case .time_us: SampleSpread(samples.timesNs[index].map { $0 * 1e-3 })
    case .rowFromCache_ns: nil
    }
  }
}
