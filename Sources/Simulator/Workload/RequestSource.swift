/// A request as it comes, before anything has been done for it.
struct ArrivingRequest: Hashable, Sendable {
  let id: Int64
  let promptTokens: Int
  let outputTokens: Int
  /// Which prompt of the workload's ``PromptBlocks`` it has; nil where nothing is known of it.
  var promptRow: Int?
}

/// Makes a workload's requests, each from its number alone: the same in every format, whatever
/// order they are asked for in.
struct RequestSource: Sendable {
  private let workload: Workload
  private let stream: RandomStream
  /// Requests handed out.
  private(set) var issued = 0
  private var lastArrivalNs: Int64 = 0

  init(workload: Workload, seed: UInt64) {
    self.workload = workload
    stream = RandomStream(seed: seed)
  }

  /// Whether any request is left.
  var isExhausted: Bool { issued == workload.requests }

  /// Whether the next request comes when another has finished, not at a time of its own.
  var isClosedLoop: Bool {
    if case .closedLoop = workload.arrivals { true } else { false }
  }

  /// How many requests are due at the start: every client's first, or the one that comes first.
  var initialRequests: Int {
    if case .closedLoop(let concurrency) = workload.arrivals {
      min(concurrency, workload.requests)
    } else {
      1
    }
  }

  /// When the next request is due, in nanoseconds. In a closed loop that is `now`.
  mutating func nextDueNs(now: Int64) -> Int64 {
    switch workload.arrivals {
    case .poisson(let requestsPerSecond):
      let gap = stream.exponential(.arrivalGap, entity: Int64(issued)) / requestsPerSecond
      // Beyond the horizon is as good as never, and these sums do not overflow.
      let latest = Double(simulationHorizonNs) * 1.4
      lastArrivalNs = min(lastArrivalNs, simulationHorizonNs + 1)
      lastArrivalNs += Int64(min(gap * 1e9, latest).rounded())
      return lastArrivalNs
    case .closedLoop:
      return now
    case .replay(let trace, let timeScale):
      let scaled = Double(trace.arrivalNs[issued]) * timeScale
      return Int64(min(scaled, 2 * Double(simulationHorizonNs)).rounded())
    }
  }

  /// The next request. To be called once for each ``nextDueNs(now:)``, in the same order.
  mutating func next() -> ArrivingRequest {
    defer { issued += 1 }
    return ArrivingRequest(
      id: Int64(issued),
      promptTokens: tokens(workload.promptTokens, .promptTokens),
      outputTokens: tokens(workload.outputTokens, .outputTokens),
      promptRow: workload.prompts == nil ? nil : issued)
  }

  private func tokens(_ lengths: Workload.Lengths, _ purpose: RandomStream.Purpose) -> Int {
    switch lengths {
    case .fixed(let tokens):
      return tokens
    case .uniform(let range):
      return stream.uniform(range, purpose, entity: Int64(issued))
    case .fromTrace:
      guard case .replay(let trace, _) = workload.arrivals else {
        preconditionFailure("lengths from a trace stand with its replay")
      }
      return Int(
        purpose == .promptTokens ? trace.promptTokens[issued] : trace.outputTokens[issued])
    }
  }
}
