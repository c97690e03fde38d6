import DequeModule

/// A request as it comes, before anything has been done for it.
struct ArrivingRequest: Hashable, Sendable {
  let id: Int64
  let promptTokens: Int
  let outputTokens: Int
  /// Which of the workload's classes it is of.
  var requestClass = 0
  /// Which of the workload's ``KnownPrompts`` it has; nil where nothing is known of it.
  var promptRow: Int?
  /// For schedulers that go by it: lower is more urgent, as in vLLM.
  var priority = 0
  /// The time to first token that its sender wants, in nanoseconds; nil where none is stated.
  var ttftObjectiveNs: Int64?
}

/// Makes a workload's requests, each from its number in its stream alone: the same in every format,
/// whatever order they are asked for in.
struct RequestSource: Sendable {
  /// Requests that are drawn by one stream.
  private struct Stream {
    let draws: RandomStream
    /// The class of all of them; nil where each one's is drawn.
    let requestClass: Int?
    /// Nil where they come when others have finished, or as a trace says.
    var clock: ArrivalClock?
    var issued = 0
  }

  private let workload: Workload
  private let prompts: KnownPrompts?
  private let shares: ClassShares
  /// Of each class, where no trace says it of a request.
  private let urgencies: [RequestUrgency]
  /// One, unless several are superposed.
  private var streams: [Stream]
  /// The next request of each stream where there are several, by time and then by stream.
  private var upcoming = EventQueue()
  /// There, the streams of requests that have their time and were not handed out.
  private var due = Deque<Int>()
  /// Requests handed out.
  private(set) var issued = 0
  /// Requests that have a time at which they are due.
  private var scheduled = 0

  init(workload: Workload, seed: UInt64) {
    self.workload = workload
    prompts = workload.prompts
    shares = ClassShares(workload.classes)
    urgencies = workload.classes.map {
      RequestUrgency(priority: $0.priority, ttftObjectiveNs: $0.objectives.ttftNs)
    }
    let draws = RandomStream(seed: seed)
    guard case .superposed(let superposed) = workload.arrivals else {
      let clock =
        workload.arrivals.isProcess ? ArrivalClock(workload.arrivals, draws: draws) : nil
      streams = [Stream(draws: draws, requestClass: nil, clock: clock)]
      return
    }
    streams = superposed.map { stream in
      let own = draws.stream(named: stream.name)
      return Stream(
        draws: own, requestClass: stream.requestClass,
        clock: ArrivalClock(stream.arrivals, draws: own))
    }
    for index in streams.indices { scheduleNext(of: index) }
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
  /// O(log streams).
  mutating func nextDueNs(after finished: Int64? = nil, now: Int64) -> Int64 {
    let index = scheduled
    scheduled += 1
    switch workload.arrivals {
    case .closedLoop(_, let thinkTime):
      guard let finished else { return now }
      switch thinkTime {
      case .fixed(let ns): return now + ns
      case .exponential(let meanNs):
        return now
          + Workload.nanoseconds(
            streams[0].draws.exponential(.thinkTime, entity: finished) * Double(meanNs))
      }
    case .replay(let trace, let timeScale):
      let scaled = Double(trace.arrivalNs[index]) * timeScale
      return Int64(min(scaled, 2 * Double(simulationHorizonNs)).rounded())
    case .superposed:
      let next = upcoming.pop()!
      let stream = Int(next.payload)
      due.append(stream)
      scheduleNext(of: stream)
      return next.time
    case .poisson, .deterministic, .gamma, .rateCurve:
      return streams[0].clock!.nextNs()
    }
  }

  private mutating func scheduleNext(of stream: Int) {
    let time = streams[stream].clock!.nextNs()
    upcoming.push(Event(time: time, order: UInt64(stream), payload: UInt64(stream)))
  }

  /// The next request. To be called once for each ``nextDueNs(after:now:)``, as they fall due.
  mutating func next() -> ArrivingRequest {
    let index = due.popFirst() ?? 0
    let draws = streams[index].draws
    let (id, number) = (issued, streams[index].issued)
    issued += 1
    streams[index].issued += 1
    let place = streams[index].requestClass ?? shares.drawn(from: draws, number: number)
    var urgency = urgencies[place]
    if case .replay(let trace, _) = workload.arrivals, let urgencies = trace.urgencies {
      urgency = urgencies[id]
    }
    return ArrivingRequest(
      id: Int64(id),
      promptTokens: workload.classes[place].systemPromptTokens
        + tokens(workload.classes[place].promptTokens, .promptTokens, draws, number),
      outputTokens: tokens(workload.classes[place].outputTokens, .outputTokens, draws, number),
      requestClass: place,
      promptRow: prompts?.row(
        ofRequest: id, class: place,
        isFromTrace: workload.classes[place].promptTokens == .fromTrace),
      priority: urgency.priority, ttftObjectiveNs: urgency.ttftObjectiveNs)
  }

  private func tokens(
    _ lengths: Workload.Lengths, _ purpose: RandomStream.Purpose, _ draws: RandomStream,
    _ number: Int
  ) -> Int {
    switch lengths {
    case .fixed(let tokens):
      return tokens
    case .uniform(let range):
      return draws.uniform(range, purpose, entity: Int64(number))
    case .logNormal(let lengths):
      return lengths.tokens(draws.openUnit(purpose, entity: Int64(number)))
    case .empirical(let lengths):
      return lengths.tokens(draws.openUnit(purpose, entity: Int64(number)))
    case .fromTrace:
      guard case .replay(let trace, _) = workload.arrivals else {
        preconditionFailure("lengths from a trace stand with its replay")
      }
      return Int(purpose == .promptTokens ? trace.promptTokens[number] : trace.outputTokens[number])
    }
  }
}
