import Simulator

/// `arrivals` with the process `closed-loop`.
struct ClosedLoopReader {
  /// Nil with an error where it is refused.
  func arrivals(_ arrivals: MappingCursor) -> Workload.Arrivals? {
    let concurrency = arrivals.value(ArrivalKeys.concurrency)
    let thinkTime = arrivals.value(ArrivalKeys.thinkTime).flatMap(thinkTime)
    guard let concurrency, let thinkTime else { return nil }
    return .closedLoop(concurrency: concurrency, thinkTime: thinkTime)
  }

  private func thinkTime(_ given: ScalarOrMapping<Int64>) -> Workload.ThinkTime? {
    switch given {
    case .scalar(let ns): return .fixed(ns: ns)
    case .mapping(let mapping, _):
      return mapping.value(ThinkTimeKeys.exponential)?.value(ThinkTimeKeys.mean)
        .map { .exponential(meanNs: $0) }
    }
  }
}
