import DequeModule

/// A request as it comes, before anything has been done for it. Plain bytes: windows of them are
/// copied.
struct ArrivingRequest: Hashable, Sendable {
  let id: Int64
  let promptTokens: Int
  let outputTokens: Int
  /// The samples behind the first; nil where there are none.
  var furtherSamples: FurtherSamples?
  /// Which of the workload's classes it is of.
  @Narrow var requestClass = 0
  /// Which of the workload's ``KnownPrompts`` it has; -1 where nothing is known of it.
  @Narrow var promptRow = -1
  /// For schedulers that go by it: lower is more urgent, as in vLLM.
  var priority = 0
  /// The time to first token that its sender wants, in nanoseconds; nil where none is stated.
  var ttftObjectiveNs: Int64?
  /// Where it stands in its session; nil where requests of its class come by themselves.
  var session: SessionTurn?

  /// Samples of its prompt that are wanted.
  var samples: Int { 1 + (furtherSamples?.count ?? 0) }

  /// Whether it was due because the turn before it had finished.
  var isLaterTurn: Bool { session.map { $0.turn > 0 } ?? false }
}

/// Makes a workload's requests, each from its number in its stream alone, or from its session's
/// number and its own in the session: the same in every format, whatever order they are asked for
/// in.
struct RequestSource: Sendable {
  /// What comes of a request's leaving.
  enum Follower {
    /// No request.
    case nobody
    /// One that is due at this time.
    case due(Int64)
    /// A turn that nobody sends, because the one before it was rejected.
    case unsent(ArrivingRequest)
  }

  /// Requests that are drawn by one stream.
  private struct Stream {
    let draws: RandomStream
    /// The class of all of them; nil where each one's is drawn.
    let requestClass: Int?
    /// Nil where they come when others have finished, or as a trace says.
    var clock: ArrivalClock?
    /// Requests that were handed out, or sessions that were opened.
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
  /// Requests that have a time at which they are due, or wait for an earlier turn.
  private var scheduled = 0
  private let hasSessions: Bool
  private var sessions = OpenSessions()

  init(workload: Workload, seed: UInt64) {
    self.workload = workload
    prompts = workload.prompts
    shares = ClassShares(workload.classes)
    urgencies = workload.classes.map {
      RequestUrgency(priority: $0.priority, ttftObjectiveNs: $0.objectives.ttftNs)
    }
    hasSessions = workload.hasSessions
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

  /// Whether any request has no time yet at which it is due, and is no turn of an open session.
  var hasUnscheduled: Bool { scheduled < workload.requests }

  /// Whether requests come when others have finished, and none but the first at a time of its own.
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

  /// When the next request is due, in nanoseconds, or the next session's first turn. In a closed
  /// loop that is when the client of the request `finished`, which leaves `now`, has thought; a
  /// client without one does so at once. O(log streams), with sessions O(log open ones).
  mutating func nextDueNs(after finished: Int64? = nil, now: Int64) -> Int64 {
    let dueNs = arrivalNs(after: finished, now: now)
    if hasSessions { openSession(dueNs: dueNs) }
    return dueNs
  }

  private mutating func arrivalNs(after finished: Int64?, now: Int64) -> Int64 {
    let index = scheduled
    scheduled += 1
    switch workload.arrivals {
    case .closedLoop(_, let thinkTime):
      guard let finished else { return now }
      return now + thinkTime.ns(of: .thinkTime, entity: finished, from: streams[0].draws)
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
    if hasSessions { return nextTurn(of: sessions.popDue()) }
    let index = due.popFirst() ?? 0
    let draws = streams[index].draws
    let number = streams[index].issued
    streams[index].issued += 1
    let place = streams[index].requestClass ?? shares.drawn(from: draws, number: number)
    return request(
      ofClass: place, draws: draws, number: number,
      contextTokens: workload.classes[place].systemPromptTokens)
  }

  /// A request with the draws of a number, whose prompt begins with so many tokens.
  private mutating func request(
    ofClass place: Int, draws: RandomStream, number: Int, contextTokens: Int,
    session: SessionTurn? = nil
  ) -> ArrivingRequest {
    let id = issued
    issued += 1
    var urgency = urgencies[place]
    if case .replay(let trace, _) = workload.arrivals, let urgencies = trace.urgencies {
      urgency = urgencies[id]
    }
    let samples = workload.classes[place].samples
    return ArrivingRequest(
      id: Int64(id),
      promptTokens: contextTokens
        + tokens(workload.classes[place].promptTokens, .promptTokens, draws, number),
      outputTokens: tokens(workload.classes[place].outputTokens, .outputTokens, draws, number),
      furtherSamples: samples > 1
        ? FurtherSamples(draws: draws, number: number, count: samples - 1) : nil,
      requestClass: place,
      promptRow: prompts?.row(
        ofRequest: id, class: place,
        isFromTrace: workload.classes[place].promptTokens == .fromTrace) ?? -1,
      priority: urgency.priority, ttftObjectiveNs: urgency.ttftObjectiveNs, session: session)
  }

  @inline(__always)
  private func tokens(
    _ lengths: Workload.Lengths, _ purpose: RandomStream.Purpose, _ draws: RandomStream,
    _ number: Int
  ) -> Int {
    if let tokens = lengths.drawn(purpose, from: draws, entity: Int64(number)) { return tokens }
    guard case .replay(let trace, _) = workload.arrivals else {
      preconditionFailure("lengths from a trace stand with its replay")
    }
    return Int(purpose == .promptTokens ? trace.promptTokens[number] : trace.outputTokens[number])
  }

  // MARK: Sessions

  /// What comes of it that a request leaves `now`: the next turn of its session; in a closed loop,
  /// else, its client's next request.
  mutating func follower(of left: RequestRecord, now: Int64) -> Follower {
    if hasSessions {
      let place = sessions.left(left.id)
      let session = sessions[place]
      if session.turnsBegun < session.turns {
        guard left.outcome == .finished else { return .unsent(nextTurn(of: place)) }
        let dueNs = now + pauseNs(behind: session)
        sessions.schedule(place, dueNs: dueNs)
        return .due(dueNs)
      }
      sessions.close(place)
    }
    guard isClosedLoop, hasUnscheduled else { return .nobody }
    return .due(nextDueNs(after: left.id, now: now))
  }

  /// Opens the session of the request whose time was told last. Its turns count as scheduled from
  /// then on, so that those of all sessions come to the workload's requests, whatever the order in
  /// which they come: the last session has as many as are left.
  private mutating func openSession(dueNs: Int64) {
    let index = due.popFirst() ?? 0
    let stream = streams[index]
    let number = stream.issued
    streams[index].issued += 1
    let place = stream.requestClass ?? shares.drawn(from: stream.draws, number: number)
    let requestClass = workload.classes[place]
    let drawn =
      requestClass.sessions.map { tokens($0.turns, .sessionTurns, stream.draws, number) } ?? 1
    let turns = min(drawn, workload.requests - scheduled + 1)
    scheduled += turns - 1
    sessions.open(
      OpenSessions.Session(
        stream: index, numberInStream: number, requestClass: place, turns: turns,
        contextTokens: requestClass.systemPromptTokens),
      dueNs: dueNs)
  }

  private mutating func nextTurn(of place: Int) -> ArrivingRequest {
    let session = sessions[place]
    let isOfSession = workload.classes[session.requestClass].sessions != nil
    let request = request(
      ofClass: session.requestClass, draws: streams[session.stream].draws,
      number: session.entity(ofTurn: session.turnsBegun), contextTokens: session.contextTokens,
      session: isOfSession ? sessions.nextTurn(of: place) : nil)
    sessions.begin(request, at: place)
    return request
  }

  /// The pause behind the turn of a session that was handed out last.
  private func pauseNs(behind session: OpenSessions.Session) -> Int64 {
    workload.classes[session.requestClass].sessions?.thinkTime.ns(
      of: .turnThinkTime, entity: Int64(session.entity(ofTurn: session.turnsBegun - 1)),
      from: streams[session.stream].draws) ?? 0
  }
}
