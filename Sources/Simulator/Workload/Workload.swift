/// The requests of a run: when they come and how long they are.
public struct Workload: Hashable, Sendable {
  /// When requests arrive, or with a ``Client`` that takes time are due at it. Of those that come
  /// in ``Sessions``, the first turns.
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
    /// one so long after its last has finished. Where requests come in sessions, a client has one
    /// at a time, and begins the next so long after the last turn.
    case closedLoop(concurrency: Int, thinkTime: ThinkTime = .none)
    /// The times of a request trace, each multiplied by `timeScale` (2 halves the rate).
    case replay(RequestTrace, timeScale: Double)
    /// Open loop: what several streams of requests come to together.
    case superposed([Stream])
  }

  /// Requests that arrive by a process of their own, beside others.
  public struct Stream: Hashable, Sendable {
    /// What its draws go by: unique within the workload.
    public let name: String
    /// When they arrive: an open loop that is not superposed itself.
    public let arrivals: Arrivals
    /// The class of all of them, by its place; nil where each request's is drawn.
    public let requestClass: Int?

    /// - Precondition: `arrivals` is a process of that kind.
    public init(name: String, arrivals: Arrivals, requestClass: Int? = nil) {
      precondition(arrivals.isProcess)
      self.name = name
      self.arrivals = arrivals
      self.requestClass = requestClass
    }
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
  /// What they are like; at least one class.
  public let classes: [RequestClass]
  /// How many requests there are, every turn of a session one of them; at most the trace's where
  /// one is replayed. The session in which their number is reached ends there.
  public let requests: Int
  /// What sends them.
  public let client: Client
  /// When a run that has not ended is given up, in nanoseconds.
  public let timeLimitNs: Int64

  /// - Precondition: `requests` is positive; `fromTrace` stands with a replay that has as many;
  ///   clients do not think beyond ``simulationHorizonNs``, or less than no time; streams name
  ///   classes that are there; names of classes and of streams differ; no class has a system prompt
  ///   before prompts whose blocks its trace names; no sessions stand with a replay; the time limit
  ///   is positive and at most ``simulationHorizonNs``.
  public init(
    arrivals: Arrivals, classes: [RequestClass], requests: Int, client: Client = .instant,
    timeLimitNs: Int64 = simulationHorizonNs
  ) {
    precondition(requests > 0)
    precondition((1...simulationHorizonNs).contains(timeLimitNs))
    precondition(!classes.isEmpty && Set(classes.map(\.name)).count == classes.count)
    let hasBlocks: Bool
    switch arrivals {
    case .replay(let trace, _):
      precondition(requests <= trace.count)
      hasBlocks = trace.promptBlocks != nil
    case .closedLoop(_, let thinkTime):
      precondition(thinkTime.isWithinHorizon)
      hasBlocks = false
    case .superposed(let streams):
      precondition(!streams.isEmpty && Set(streams.map(\.name)).count == streams.count)
      precondition(streams.allSatisfy { classes.indices.contains($0.requestClass ?? 0) })
      hasBlocks = false
    case .poisson, .deterministic, .gamma, .rateCurve:
      hasBlocks = false
    }
    for requestClass in classes {
      precondition(arrivals.trace != nil || !requestClass.isTraced)
      precondition(arrivals.trace == nil || requestClass.sessions == nil)
      precondition(
        !hasBlocks || requestClass.promptTokens != .fromTrace
          || requestClass.systemPromptTokens == 0)
    }
    self.arrivals = arrivals
    self.classes = classes
    self.requests = requests
    self.client = client
    self.timeLimitNs = timeLimitNs
  }

  /// Requests of one class, of which nothing is known but their lengths.
  /// - Precondition: as above.
  public init(
    arrivals: Arrivals, promptTokens: Lengths, outputTokens: Lengths, requests: Int,
    client: Client = .instant, timeLimitNs: Int64 = simulationHorizonNs
  ) {
    self.init(
      arrivals: arrivals,
      classes: [RequestClass(promptTokens: promptTokens, outputTokens: outputTokens)],
      requests: requests, client: client, timeLimitNs: timeLimitNs)
  }

  /// Tokens of each prompt of the first class, which is all where there is one.
  public var promptTokens: Lengths { classes[0].promptTokens }
  /// Tokens of each output of the first class.
  public var outputTokens: Lengths { classes[0].outputTokens }

  /// What prompts have in common, where anything is known of it.
  public var prompts: KnownPrompts? {
    let isPlayed = classes.contains { $0.promptTokens == .fromTrace }
    let prompts = KnownPrompts(
      blocks: isPlayed ? arrivals.trace?.promptBlocks : nil,
      systemPromptTokens: classes.map(\.systemPromptTokens),
      playsOutputs: classes.map { $0.outputTokens == .fromTrace })
    return prompts.isEmpty ? nil : prompts
  }

  /// Whether several samples are wanted of requests of any class.
  public var hasSamples: Bool { classes.contains { $0.samples > 1 } }

  /// Tokens that the shortest request the workload can make puts into the cache: all but the last
  /// that it produces. O(requests) where a trace says.
  public var shortestCachedTokens: Int {
    classes.reduce(.max) {
      min($0, $1.shortestCachedTokens(in: arrivals.trace, requests: requests))
    }
  }
}

extension Workload.Arrivals {
  /// The trace that is replayed, if one is.
  var trace: RequestTrace? {
    guard case .replay(let trace, _) = self else { return nil }
    return trace
  }

  /// Whether requests come by one random process, whatever the engine does.
  public var isProcess: Bool {
    switch self {
    case .poisson, .deterministic, .gamma, .rateCurve: true
    case .closedLoop, .replay, .superposed: false
    }
  }
}
