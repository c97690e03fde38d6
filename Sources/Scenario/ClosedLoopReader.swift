import Simulator

/// `arrivals` with the process `closed-loop`.
struct ClosedLoopReader {
  /// Nil with an error where it is refused.
  func arrivals(_ arrivals: MappingCursor) -> Workload.Arrivals? {
    let concurrency = arrivals.value(ArrivalKeys.concurrency)
    let thinkTime = arrivals.value(ArrivalKeys.thinkTime).flatMap(Workload.ThinkTime.init)
    guard let concurrency, let thinkTime else { return nil }
    return .closedLoop(concurrency: concurrency, thinkTime: thinkTime)
  }
}

extension Workload.ThinkTime {
  /// The value of a `think_time`; nil with an error where it is refused.
  init?(_ given: ScalarOrMapping<Int64>) {
    switch given {
    case .scalar(let ns): self = .fixed(ns: ns)
    case .mapping(let mapping, _):
      guard let mean = mapping.value(ThinkTimeKeys.exponential)?.value(ThinkTimeKeys.mean) else {
        return nil
      }
      self = .exponential(meanNs: mean)
    }
  }
}
