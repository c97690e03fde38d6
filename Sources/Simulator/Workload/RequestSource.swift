/// A request as it comes, before anything has been done for it.
struct ArrivingRequest: Hashable, Sendable {
  let id: Int64
  let promptTokens: Int
  let outputTokens: Int
  /// Which prompt of the workload's ``PromptBlocks`` it has; nil where nothing is known of it.
  var promptRow: Int?
  /// For schedulers that go by it: lower is more urgent, as in vLLM.
  var priority = 0
  /// The time to first token that its sender wants, in nanoseconds; nil where none is stated.
  var ttftObjectiveNs: Int64?
}

/// Makes a workload's requests, each from its number alone: the same in every format, whatever
/// order they are asked for in.
struct RequestSource: Sendable {
  private let workload: Workload
  private let stream: RandomStream
  /// Whether the workload says which prompts begin alike.
  private let knowsPrompts: Bool
  /// Requests handed out.
  private(set) var issued = 0
  /// Requests that have a time at which they are due.
  private var scheduled = 0
  private var lastArrivalNs: Int64 = 0

  init(workload: Workload, seed: UInt64) {
    self.workload = workload
    stream = RandomStream(seed: seed)
    knowsPrompts = workload.prompts != nil
  }

  /// Whether all have been handed out.
  var isExhausted: Bool { issued == workload.requests }

  /// Whether any request has no time yet at which it is due.
  var hasUnscheduled: Bool { scheduled < workload.requests }

  /// Whether the next request comes when another has finished, not at a time of its own.
  var isClosedLoop: Bool {
    if case .closedLoop = workload.arrivals { true } else { false }
  }

  /// How many requests are scheduled at the start: every client's first, or the one that comes
  /// first.
  var initialRequests: Int {
    if case .closedLoop(let concurrency, _) = workload.arrivals {
      min(concurrency, workload.requests)
    } else {
      1
    }
  }

  /// When the next request is due, in nanoseconds. In a closed loop that is when the client of the
  /// request `finished`, which leaves `now`, has thought; a client without one does so at once.
  mutating func nextDueNs(after finished: Int64? = nil, now: Int64) -> Int64 {
    let index = scheduled
    scheduled += 1
    switch workload.arrivals {
    case .poisson(let requestsPerSecond):
      return nextArrivalNs(
        afterSeconds: stream.exponential(.arrivalGap, entity: Int64(index)) / requestsPerSecond)
    case .gamma(let requestsPerSecond, let burstiness):
      return nextArrivalNs(
        afterSeconds: stream.gamma(shape: burstiness, .arrivalGap, entity: Int64(index))
          / requestsPerSecond)
    case .deterministic(let requestsPerSecond):
      // From the start rather than the last one: a gap's rounding does not add up.
      return nanoseconds(Double(index + 1) / requestsPerSecond * 1e9)
    case .rateCurve(let curve):
      lastArrivalNs = min(lastArrivalNs, simulationHorizonNs + 1)
      lastArrivalNs = curve.timeNs(
        of: stream.exponential(.arrivalGap, entity: Int64(index)), after: lastArrivalNs)
      return lastArrivalNs
    case .closedLoop(_, let thinkTime):
      guard let finished else { return now }
      switch thinkTime {
      case .fixed(let ns): return now + ns
      case .exponential(let meanNs):
        return now
          + nanoseconds(stream.exponential(.thinkTime, entity: finished) * Double(meanNs))
      }
    case .replay(let trace, let timeScale):
      let scaled = Double(trace.arrivalNs[index]) * timeScale
      return Int64(min(scaled, 2 * Double(simulationHorizonNs)).rounded())
    }
  }

  private mutating func nextArrivalNs(afterSeconds gap: Double) -> Int64 {
    lastArrivalNs = min(lastArrivalNs, simulationHorizonNs + 1)
    lastArrivalNs += nanoseconds(gap * 1e9)
    return lastArrivalNs
  }

  /// Whole nanoseconds. Beyond the horizon is as good as never, and sums with it do not overflow.
  private func nanoseconds(_ time: Double) -> Int64 {
    Int64(min(time, Double(simulationHorizonNs) * 1.4).rounded())
  }

  /// The next request. To be called once for each ``nextDueNs(after:now:)``, as they fall due.
  mutating func next() -> ArrivingRequest {
    defer { issued += 1 }
    var urgency = RequestUrgency()
    if case .replay(let trace, _) = workload.arrivals, let urgencies = trace.urgencies {
      urgency = urgencies[issued]
    }
    return ArrivingRequest(
      id: Int64(issued),
      promptTokens: tokens(workload.promptTokens, .promptTokens),
      outputTokens: tokens(workload.outputTokens, .outputTokens),
      promptRow: knowsPrompts ? issued : nil,
      priority: urgency.priority, ttftObjectiveNs: urgency.ttftObjectiveNs)
  }

  private func tokens(_ lengths: Workload.Lengths, _ purpose: RandomStream.Purpose) -> Int {
    switch lengths {
    case .fixed(let tokens):
      return tokens
    case .uniform(let range):
      return stream.uniform(range, purpose, entity: Int64(issued))
    case .logNormal(let lengths):
      return lengths.tokens(stream.openUnit(purpose, entity: Int64(issued)))
    case .empirical(let lengths):
      return lengths.tokens(stream.openUnit(purpose, entity: Int64(issued)))
    case .fromTrace:
      guard case .replay(let trace, _) = workload.arrivals else {
        preconditionFailure("lengths from a trace stand with its replay")
      }
      return Int(
        purpose == .promptTokens ? trace.promptTokens[issued] : trace.outputTokens[issued])
    }
  }
}
