/// The times of one open-loop process: the n-th goes by the n-th draw of its stream.
struct ArrivalClock: Sendable {
  private let process: Workload.Arrivals
  private let draws: RandomStream
  private var told: Int64 = 0
  private var lastNs: Int64 = 0

  /// - Precondition: `process` is one (``Workload/Arrivals/isProcess``).
  init(_ process: Workload.Arrivals, draws: RandomStream) {
    precondition(process.isProcess)
    self.process = process
    self.draws = draws
  }

  /// When the next request is due, in nanoseconds; never before the one in front of it.
  mutating func nextNs() -> Int64 {
    defer { told += 1 }
    switch process {
    case .poisson(let requestsPerSecond):
      advance(bySeconds: draws.exponential(.arrivalGap, entity: told) / requestsPerSecond)
    case .gamma(let requestsPerSecond, let burstiness):
      advance(
        bySeconds: draws.gamma(shape: burstiness, .arrivalGap, entity: told) / requestsPerSecond)
    case .deterministic(let requestsPerSecond):
      // From the start rather than the last one: a gap's rounding does not add up.
      lastNs = Workload.nanoseconds(Double(told + 1) / requestsPerSecond * 1e9)
    case .rateCurve(let curve):
      lastNs = curve.timeNs(
        of: draws.exponential(.arrivalGap, entity: told),
        after: min(lastNs, simulationHorizonNs + 1))
    case .closedLoop, .replay, .superposed:
      preconditionFailure("no process of its own")
    }
    return lastNs
  }

  private mutating func advance(bySeconds gap: Double) {
    lastNs = min(lastNs, simulationHorizonNs + 1) + Workload.nanoseconds(gap * 1e9)
  }
}

extension Workload {
  /// Whole nanoseconds. Beyond the horizon is as good as never, and sums with it do not overflow.
  static func nanoseconds(_ time: Double) -> Int64 {
    Int64(min(time, Double(simulationHorizonNs) * 1.4).rounded())
  }
}
