/// The requests of a run: when they come and how long they are.
public struct Workload: Hashable, Sendable {
  /// When requests arrive, or with a ``Client`` that takes time are due at it.
  public enum Arrivals: Hashable, Sendable {
    /// Open loop: independent exponential gaps.
    case poisson(requestsPerSecond: Double)
    /// Open loop: equal gaps, one of them before the first request, as Poisson's has on average.
    case deterministic(requestsPerSecond: Double)
    /// Open loop: independent gaps of a gamma distribution with the shape `burstiness`, whose
    /// coefficient of variation is 1/√burstiness.
    case gamma(requestsPerSecond: Double, burstiness: Double)
    /// Open loop: a Poisson process whose rate changes with time.
    case rateCurve(RateCurve)
    /// Closed loop: this many clients, each sending its first request at the start and its next
    /// one so long after its last has finished.
    case closedLoop(concurrency: Int, thinkTime: ThinkTime = .none)
    /// The times of a request trace, each multiplied by `timeScale` (2 halves the rate).
    case replay(RequestTrace, timeScale: Double)
  }

  /// The pause between a client's finished request and its next one.
  public enum ThinkTime: Hashable, Sendable {
    /// Always as long, in nanoseconds.
    case fixed(ns: Int64)
    /// Independent exponential pauses of this mean, in nanoseconds.
    case exponential(meanNs: Int64)

    /// The next request comes at once.
    public static let none = ThinkTime.fixed(ns: 0)
  }

  /// How many tokens a prompt or an output has.
  public enum Lengths: Hashable, Sendable {
    /// Always as many.
    case fixed(Int)
    /// Each whole number of the range equally likely.
    case uniform(ClosedRange<Int>)
    /// Log-normal within bounds.
    case logNormal(LogNormalLengths)
    /// As often as in a list.
    case empirical(EmpiricalLengths)
    /// As the replayed trace says.
    case fromTrace

    /// The fewest tokens that it can be; nil where a trace says.
    public var shortest: Int? {
      switch self {
      case .fixed(let tokens): tokens
      case .uniform(let range): range.lowerBound
      case .logNormal(let lengths): lengths.range.lowerBound
      case .empirical(let lengths): lengths.range.lowerBound
      case .fromTrace: nil
      }
    }
  }

  /// A load generator of finite speed: one thread, whose tasks are served first come, first served.
  ///
  /// A request that is due is a task of `prepareNs`. When it is done, the request has arrived: its
  /// latencies count from then. A task of `sendNs` is queued behind all that are due by then, and
  /// when that is done the engine has the request. So a burst is prepared whole before its first
  /// request is sent.
  public struct Client: Hashable, Sendable {
    /// From a request's turn to the start of its clock, in nanoseconds.
    public let prepareNs: Int64
    /// What it takes to send one, in nanoseconds.
    public let sendNs: Int64

    /// A client that takes no time: requests reach the engine when they are due.
    public static let instant = Client(prepareNs: 0, sendNs: 0)

    /// - Precondition: neither time is negative or beyond ``simulationHorizonNs``.
    public init(prepareNs: Int64, sendNs: Int64) {
      let times = 0...simulationHorizonNs
      precondition(times.contains(prepareNs) && times.contains(sendNs))
      self.prepareNs = prepareNs
      self.sendNs = sendNs
    }
  }

  /// When requests arrive.
  public let arrivals: Arrivals
  /// Tokens of each prompt.
  public let promptTokens: Lengths
  /// Tokens of each output.
  public let outputTokens: Lengths
  /// How many requests there are; at most the trace's where one is replayed.
  public let requests: Int
  /// What sends them.
  public let client: Client

  /// - Precondition: `requests` is positive; `fromTrace` stands with a replay that has as many;
  ///   clients do not think beyond ``simulationHorizonNs``, or less than no time.
  public init(
    arrivals: Arrivals, promptTokens: Lengths, outputTokens: Lengths, requests: Int,
    client: Client = .instant
  ) {
    precondition(requests > 0)
    if case .replay(let trace, _) = arrivals {
      precondition(requests <= trace.count)
    } else {
      precondition(promptTokens != .fromTrace && outputTokens != .fromTrace)
    }
    if case .closedLoop(_, let thinkTime) = arrivals {
      switch thinkTime {
      case .fixed(let ns), .exponential(let ns):
        precondition((0...simulationHorizonNs).contains(ns))
      }
    }
    self.arrivals = arrivals
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
    self.requests = requests
    self.client = client
  }

  /// What the prompts have in common: where they are a trace's that tells it.
  public var prompts: PromptBlocks? {
    guard promptTokens == .fromTrace, case .replay(let trace, _) = arrivals else { return nil }
    return trace.promptBlocks
  }

  /// Tokens that the shortest request the workload can make puts into the cache: all but the last
  /// that it produces. O(requests) where a trace says.
  public var shortestCachedTokens: Int {
    func tokens(_ lengths: Lengths, _ traced: (RequestTrace) -> Int32) -> Int {
      if let shortest = lengths.shortest { return shortest }
      guard case .replay(let trace, _) = arrivals else {
        preconditionFailure("lengths from a trace stand with its replay")
      }
      return Int(traced(trace))
    }
    let isTraced = promptTokens == .fromTrace || outputTokens == .fromTrace
    return (0..<(isTraced ? requests : 1)).reduce(.max) { least, index in
      min(
        least,
        tokens(promptTokens) { $0.promptTokens[index] }
          + tokens(outputTokens) { $0.outputTokens[index] } - 1)
    }
  }
}
