import Operators

/// One goal for the kernels' speed, and what this run measured of it.
public struct BenchGoal: Hashable, Sendable {
  /// On which side of the limit a figure has to lie; the limit itself will do.
  public enum Bound: Hashable, Sendable {
    /// At least so much.
    case atLeast(Double)
    /// At most so much.
    case atMost(Double)
  }

  /// What the figure counts.
  public enum Unit: String, Hashable, Sendable {
    /// Of one.
    case share
    /// A ratio of speeds or of times.
    case times
    /// Nanoseconds.
    case nanoseconds = "ns"
  }

  /// How the goal fares.
  public enum Verdict: String, Hashable, Sendable {
    /// The median reaches it.
    case met
    /// The median does not.
    case missed
    /// No shape of this run speaks of it.
    case notMeasured = "not measured"
  }

  /// A figure and the shape that it belongs to.
  public struct Figure: Hashable, Sendable {
    /// The shape: "decode 4 x 16384".
    public let place: String
    /// The figure over rounds.
    public let spread: SampleSpread

    /// A figure.
    public init(_ place: String, _ spread: SampleSpread) {
      self.place = place
      self.spread = spread
    }
  }

  /// What is asked for, in a few words.
  public let name: String
  /// How much of it.
  public let bound: Bound
  /// What the bound and the figures count.
  public let unit: Unit
  /// The figure that decides: of all shapes that the goal speaks of, the worst median.
  public let worst: Figure?
  /// Shapes that the goal speaks of.
  public let shapes: Int
  /// Shapes whose median reaches it.
  public let shapesMet: Int

  /// A goal judged by the worst of `figures`.
  public init(_ name: String, _ bound: Bound, _ unit: Unit, _ figures: [Figure]) {
    self.name = name
    self.bound = bound
    self.unit = unit
    shapes = figures.count
    shapesMet = figures.count { bound.holds($0.spread.median) }
    worst =
      switch bound {
      case .atLeast: figures.min { $0.spread.median < $1.spread.median }
      case .atMost: figures.max { $0.spread.median < $1.spread.median }
      }
  }

  /// Whether the worst median reaches the bound.
  public var verdict: Verdict {
    guard let worst else { return .notMeasured }
    return bound.holds(worst.spread.median) ? .met : .missed
  }
}

extension BenchGoal.Bound {
  /// The limit.
  public var limit: Double {
    switch self {
    case .atLeast(let limit), .atMost(let limit): limit
    }
  }

  /// Whether `value` lies on the right side.
  public func holds(_ value: Double) -> Bool {
    switch self {
    case .atLeast(let limit): value >= limit
    case .atMost(let limit): value <= limit
    }
  }
}

extension BenchResult {
  /// The goals of the kernels' specification (issue 3 of kvsim), in its order.
  public var goals: [BenchGoal] {
    decodeGoals + rotationGoals + publishedGoals + linearGoals
  }

  /// Decode attention whose KV, in the format's own bytes, is more than the last-level cache.
  private var decodeGoals: [BenchGoal] {
    func share(_ format: KVFormat) -> [BenchGoal.Figure] {
      figures(.decode, format) { samples, index in
        exceedsCache(samples, index) ? samples.shareOfRead(index) : nil
      }
    }
    func speed(_ format: KVFormat) -> [BenchGoal.Figure] {
      figures(.decode, format) { samples, index in
        guard exceedsCache(samples, index), let base = samples.index(of: .fp16) else {
          return nil
        }
        return samples.speed(index, over: base)
      }
    }
    let shares = [(KVFormat.fp16, 0.85), (.int4, 0.60), (.int4Rotated, 0.60)].map {
      BenchGoal("\($0.name) decode, of read bandwidth", .atLeast($1), .share, share($0))
    }
    let speeds = [KVFormat.int4, .int4Rotated].map {
      BenchGoal("\($0.name) decode, tokens/s over fp16", .atLeast(2.2), .times, speed($0))
    }
    return shares + speeds
  }

  private var rotationGoals: [BenchGoal] {
    let decode = figures(.decode, .int4Rotated) { samples, index in
      guard case .decodeAttention(_, 1024..., _, _) = samples.group.cases[index],
        let plain = samples.index(of: .int4)
      else { return nil }
      return samples.timeRatio(index, to: plain)
    }
    let append = figures(.append, .int4Rotated) { samples, index in
      samples.index(of: .int4).map { samples.timeRatio(index, to: $0) }
    }
    return [
      BenchGoal("int4-rotated decode, time over int4", .atMost(1.01), .times, decode),
      BenchGoal("int4-rotated append, time over int4", .atMost(1.15), .times, append),
    ]
  }

  /// Set against ``PublishedFigures``, which hold for one shape of heads and one kind of machine.
  private var publishedGoals: [BenchGoal] {
    func speed(
      _ format: KVFormat, _ published: (PublishedFigures.Decode) -> Double
    ) -> [BenchGoal.Figure] {
      guard PublishedFigures.hold(on: machine.facts) else { return [] }
      return figures(.decodeOneThread, format) { samples, index in
        guard case .decodeAttention(1, let context, let heads, _) = samples.group.cases[index],
          heads == PublishedFigures.heads,
          let row = PublishedFigures.decode.first(where: { $0.context == context })
        else { return nil }
        return SampleSpread(samples.timesNs[index].map { published(row) / $0 })
      }
    }
    let fused = cachedAppends.filter { $0.format == BenchPlan.fullyRotated }
    let isRow128 = plan.heads.headDim == 128
    let row = fused.map { BenchGoal.Figure("row of \(plan.heads.headDim) in cache", $0.rowNs) }
    return [
      BenchGoal(
        "int4 decode over ggml's Q4_0, one thread", .atLeast(20), .times,
        speed(.int4) { $0.q4Ns }),
      BenchGoal(
        "int4-rotated decode over ggml's Q4_0, one thread", .atLeast(20), .times,
        speed(.int4Rotated) { $0.q4Ns }),
      BenchGoal(
        "fp16 decode over ggml's F16, one thread", .atLeast(3), .times,
        speed(.fp16) { $0.f16Ns }),
      BenchGoal(
        "rotate and quantise 128 values in cache", .atMost(25), .nanoseconds,
        isRow128 ? row : []),
    ]
  }

  private var linearGoals: [BenchGoal] {
    var one: [BenchGoal.Figure] = []
    var many: [BenchGoal.Figure] = []
    for samples in samples(of: .linear) {
      guard case .linear(let tokens, _, _) = samples.group.cases[0] else { continue }
      if tokens == 1 { one.append(.init(samples.group.label, samples.shareOfRead(0))) }
      if tokens >= 256 { many.append(.init(samples.group.label, samples.shareOfPeak(0))) }
    }
    return [
      BenchGoal("linear M=1, of read bandwidth", .atLeast(0.80), .share, one),
      BenchGoal("linear M>=256, of the FMA peak", .atLeast(0.60), .share, many),
    ]
  }

  private func figures(
    _ kind: BenchGroup.Kind, _ format: KVFormat,
    _ figure: (BenchSamples, Int) -> SampleSpread?
  ) -> [BenchGoal.Figure] {
    samples(of: kind).compactMap { samples in
      guard let index = samples.index(of: format), let spread = figure(samples, index) else {
        return nil
      }
      return BenchGoal.Figure(samples.group.label, spread)
    }
  }
}
