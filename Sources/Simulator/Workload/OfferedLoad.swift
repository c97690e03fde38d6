/// How much comes of a workload: what a planner turns up and down.
public enum OfferedLoad: Hashable, Sendable {
  /// Requests per second over the long run, of an open loop; where they come in sessions, first
  /// turns of these.
  case rate(perSecond: Double)
  /// Clients of a closed loop.
  case clients(Int)

  /// The number of requests per second, or of clients.
  public var amount: Double {
    switch self {
    case .rate(let perSecond): perSecond
    case .clients(let count): Double(count)
    }
  }
}

/// Whether a workload goes on alike for as long as one likes.
public enum LoadCourse: Hashable, Sendable {
  /// It does: more requests of it are more of the same.
  case level
  /// Its rate rises and falls with time, so that a run covers a stretch of time.
  case changing
  /// It is what a trace says, from the first request to the last.
  case recorded
}

extension Workload {
  /// How much comes; nil of a trace whose requests all come at once.
  public var load: OfferedLoad? { arrivals.load(ofRequests: requests) }

  /// How it goes on.
  public var course: LoadCourse { arrivals.course }

  /// The longest time, in nanoseconds, after which rates begin again; nil where none does.
  public var periodNs: Int64? { arrivals.periodNs }

  /// The same requests, lengths and classes in the same order, of which more or fewer come in a
  /// time: what is random of them is drawn from the same numbers.
  ///
  /// A rate changes by shortening or stretching all gaps alike, so that streams, curves and traces
  /// keep their shape; a curve keeps its times and changes its height.
  ///
  /// - Parameters:
  ///   - amount: of the kind that ``load`` has: requests per second, or clients, which are rounded.
  ///   - requests: how many there are; a trace keeps its own number.
  ///   - timeLimitNs: when a run is given up.
  /// - Precondition: the workload has a ``load``, and both numbers are positive.
  public func offering(
    _ amount: Double, requests: Int, timeLimitNs: Int64 = simulationHorizonNs
  ) -> Workload {
    guard let load, amount > 0 else { preconditionFailure("there is no such load") }
    return Workload(
      arrivals: arrivals.offering(amount, insteadOf: load.amount), classes: classes,
      requests: course == .recorded ? self.requests : requests, client: client,
      timeLimitNs: timeLimitNs)
  }
}

extension Workload.Arrivals {
  fileprivate var course: LoadCourse {
    switch self {
    case .poisson, .deterministic, .gamma, .closedLoop: .level
    case .rateCurve: .changing
    case .replay: .recorded
    case .superposed(let streams):
      streams.contains { $0.arrivals.course == .changing } ? .changing : .level
    }
  }

  fileprivate var periodNs: Int64? {
    switch self {
    case .rateCurve(let curve): curve.periodNs
    case .superposed(let streams): streams.compactMap(\.arrivals.periodNs).max()
    case .poisson, .deterministic, .gamma, .closedLoop, .replay: nil
    }
  }

  fileprivate func load(ofRequests requests: Int) -> OfferedLoad? {
    switch self {
    case .poisson(let rate), .deterministic(let rate), .gamma(let rate, _):
      return .rate(perSecond: rate)
    case .rateCurve(let curve): return .rate(perSecond: curve.meanRequestsPerSecond)
    case .closedLoop(let concurrency, _): return .clients(concurrency)
    case .replay(let trace, let timeScale):
      let span = Double(trace.arrivalNs[requests - 1] - trace.arrivalNs[0]) * timeScale
      return span > 0 ? .rate(perSecond: Double(requests - 1) * 1e9 / span) : nil
    case .superposed(let streams):
      let rates = streams.compactMap { $0.arrivals.load(ofRequests: requests)?.amount }
      return .rate(perSecond: rates.reduce(0, +))
    }
  }

  fileprivate func offering(_ amount: Double, insteadOf present: Double) -> Workload.Arrivals {
    let factor = amount / present
    switch self {
    case .poisson(let rate): return .poisson(requestsPerSecond: rate * factor)
    case .deterministic(let rate): return .deterministic(requestsPerSecond: rate * factor)
    case .gamma(let rate, let burstiness):
      return .gamma(requestsPerSecond: rate * factor, burstiness: burstiness)
    case .rateCurve(let curve): return .rateCurve(curve.scaled(by: factor))
    case .closedLoop(_, let thinkTime):
      return .closedLoop(concurrency: max(1, Int(amount.rounded())), thinkTime: thinkTime)
    case .replay(let trace, let timeScale): return .replay(trace, timeScale: timeScale / factor)
    case .superposed(let streams):
      return .superposed(
        streams.map { stream in
          let own = stream.arrivals.load(ofRequests: 1)?.amount ?? 1
          return Workload.Stream(
            name: stream.name, arrivals: stream.arrivals.offering(own * factor, insteadOf: own),
            requestClass: stream.requestClass)
        })
    }
  }
}
