import Simulator

/// `arrivals` with the process `closed-loop`.
struct ClosedLoopReader {
  /// Nil with an error where it is refused.
  func arrivals(_ arrivals: MappingCursor) -> Workload.Arrivals? {
    let concurrency = arrivals.required("concurrency", accepted: "a whole number of clients")?
      .integer(in: 1...Limits.clients, unit: "clients")
    let thinkTime = arrivals.optional("think_time").map(thinkTime) ?? Workload.ThinkTime.none
    guard let concurrency, let thinkTime else { return nil }
    return .closedLoop(concurrency: concurrency, thinkTime: thinkTime)
  }

  private func thinkTime(_ cursor: Cursor) -> Workload.ThinkTime? {
    switch cursor.node.kind {
    case .scalar:
      return cursor.nanoseconds(upTo: Limits.arrivalSeconds).map { .fixed(ns: $0) }
    case .sequence:
      cursor.refuse(accepted: "a time such as 300 ms, or {exponential: {mean: 300 ms}}")
      return nil
    case .mapping:
      return cursor.mapping(keys: SchemaKeys.thinkTime)?
        .required("exponential", accepted: "{mean: 300 ms}")?
        .mapping(keys: SchemaKeys.exponential)?
        .required("mean", accepted: "a time such as 300 ms")?
        .nanoseconds(upTo: Limits.arrivalSeconds).map { .exponential(meanNs: $0) }
    }
  }
}
