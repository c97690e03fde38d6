/// The requests of a run: when they come and how long they are.
public struct Workload: Hashable, Sendable {
  /// When requests arrive.
  public enum Arrivals: Hashable, Sendable {
    /// Open loop: independent exponential gaps.
    case poisson(requestsPerSecond: Double)
    /// Closed loop: this many clients, each sending its next request when one has finished.
    case closedLoop(concurrency: Int)
    /// The times of a request trace, each multiplied by `timeScale` (2 halves the rate).
    case replay(RequestTrace, timeScale: Double)
  }

  /// How many tokens a prompt or an output has.
  public enum Lengths: Hashable, Sendable {
    /// Always as many.
    case fixed(Int)
    /// Each whole number of the range equally likely.
    case uniform(ClosedRange<Int>)
    /// As the replayed trace says.
    case fromTrace
  }

  /// When requests arrive.
  public let arrivals: Arrivals
  /// Tokens of each prompt.
  public let promptTokens: Lengths
  /// Tokens of each output.
  public let outputTokens: Lengths
  /// How many requests there are; at most the trace's where one is replayed.
  public let requests: Int

  /// - Precondition: `requests` is positive; `fromTrace` stands with a replay that has as many.
  public init(
    arrivals: Arrivals, promptTokens: Lengths, outputTokens: Lengths, requests: Int
  ) {
    precondition(requests > 0)
    if case .replay(let trace, _) = arrivals {
      precondition(requests <= trace.count)
    } else {
      precondition(promptTokens != .fromTrace && outputTokens != .fromTrace)
    }
    self.arrivals = arrivals
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
    self.requests = requests
  }
}

/// Requests as they were recorded somewhere: arrival times and lengths.
public struct RequestTrace: Hashable, Sendable {
  /// Nanoseconds since the first request; never falling.
  public let arrivalNs: [Int64]
  /// Tokens of each prompt; at least 1.
  public let promptTokens: [Int32]
  /// Tokens of each output; at least 1.
  public let outputTokens: [Int32]

  /// - Precondition: the arrays are as long as one another and times do not fall.
  public init(arrivalNs: [Int64], promptTokens: [Int32], outputTokens: [Int32]) {
    precondition(arrivalNs.count == promptTokens.count)
    precondition(arrivalNs.count == outputTokens.count)
    precondition(zip(arrivalNs, arrivalNs.dropFirst()).allSatisfy { $0 <= $1 })
    self.arrivalNs = arrivalNs
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
  }

  /// How many requests.
  public var count: Int { arrivalNs.count }
}
