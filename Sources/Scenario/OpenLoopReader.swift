import Simulator

/// `arrivals` with a process whose requests come at a rate of their own, whatever the engine does.
struct OpenLoopReader {
  /// How many requests have to come.
  let requests: Int

  /// Nil with an error where they are refused.
  func arrivals(_ arrivals: MappingCursor, process: String) -> Workload.Arrivals? {
    switch process {
    case "poisson": return rate(arrivals).map { .poisson(requestsPerSecond: $0) }
    case "deterministic": return rate(arrivals).map { .deterministic(requestsPerSecond: $0) }
    case "gamma": return gamma(arrivals)
    case "rate-curve": return rateCurve(arrivals)
    case "on-off": return onOff(arrivals)
    default: preconditionFailure("a process is listed but not read")
    }
  }

  // MARK: One rate

  private func rate(_ arrivals: MappingCursor) -> Double? {
    guard let rate = arrivals.value(ArrivalKeys.rate) else { return nil }
    // The last arrival of n has a mean of n/rate; nanoseconds have to hold it.
    guard Double(requests) / rate <= Limits.arrivalSeconds else {
      refuseAsEndless(arrivals.optional(ArrivalKeys.rate))
      return nil
    }
    return rate
  }

  private func refuseAsEndless(_ cursor: Cursor?) {
    cursor?.refuse("at this rate the requests take more than a hundred years to arrive")
  }

  private func gamma(_ arrivals: MappingCursor) -> Workload.Arrivals? {
    let burstiness = arrivals.value(ArrivalKeys.burstiness)
    guard let rate = rate(arrivals), let burstiness else { return nil }
    return .gamma(requestsPerSecond: rate, burstiness: burstiness)
  }

  // MARK: Rates that change

  private func rateCurve(_ arrivals: MappingCursor) -> Workload.Arrivals? {
    let period = arrivals.given(ArrivalKeys.period)
    guard let items = arrivals.value(ArrivalKeys.points) else { return nil }
    var points: [RateCurve.Point] = []
    for item in items {
      guard let point = point(item, after: points.last) else { return nil }
      points.append(point)
    }
    guard let periodNs = period ?? .some(nil) else { return nil }
    let lastNs = points[points.count - 1].atNs
    if let periodNs, let cursor = arrivals.optional(ArrivalKeys.period), periodNs < lastNs {
      cursor.refuse(
        "\(cursor.node.given) ends before the last point; accepted: at least its `at`")
      return nil
    }
    let cursor = arrivals.optional(ArrivalKeys.points)
    guard let curve = RateCurve(points: points, periodNs: periodNs) else {
      cursor?.refuse(
        "after some time no more requests come; accepted: a last rate above 0, or with `period` a "
          + "rate above 0 for some time")
      return nil
    }
    return complete(curve, cursor)
  }

  private func point(_ item: Cursor, after last: RateCurve.Point?) -> RateCurve.Point? {
    guard let keys = item.mapping(RatePointKeys.form) else { return nil }
    let values = (keys.value(RatePointKeys.at), keys.value(RatePointKeys.rate))
    guard let at = keys.optional(RatePointKeys.at), let atNs = values.0, let perSecond = values.1
    else { return nil }
    guard last != nil || atNs == 0 else {
      at.refuse("\(at.node.given) is not the start; accepted: a first point at 0 s")
      return nil
    }
    guard atNs >= last?.atNs ?? 0 else {
      at.refuse(
        "\(at.node.given) is earlier than the point before; accepted: points in the order of "
          + "their times")
      return nil
    }
    return RateCurve.Point(atNs: atNs, requestsPerSecond: perSecond)
  }

  private func onOff(_ arrivals: MappingCursor) -> Workload.Arrivals? {
    let rates = (arrivals.value(ArrivalKeys.rate), arrivals.value(ArrivalKeys.offRate))
    let times = (arrivals.value(ArrivalKeys.on), arrivals.value(ArrivalKeys.off))
    guard let rate = rates.0, let offRate = rates.1, let onNs = times.0, let offNs = times.1
    else { return nil }
    let cursor = arrivals.optional(ArrivalKeys.rate)
    guard
      let curve = RateCurve.onOff(
        requestsPerSecond: rate, onNs: onNs, offNs: offNs, offRequestsPerSecond: offRate)
    else {
      refuseAsEndless(cursor)
      return nil
    }
    return complete(curve, cursor)
  }

  private func complete(_ curve: RateCurve, _ cursor: Cursor?) -> Workload.Arrivals? {
    guard curve.timeNs(of: Double(requests), after: 0) <= simulationHorizonNs else {
      refuseAsEndless(cursor)
      return nil
    }
    return .rateCurve(curve)
  }
}
