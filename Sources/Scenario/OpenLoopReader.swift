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
    guard let cursor = arrivals.required("rate", accepted: "a rate such as 2.5/s"),
      let rate = cursor.ratePerSecond()
    else { return nil }
    // The last arrival of n has a mean of n/rate; nanoseconds have to hold it.
    guard Double(requests) / rate <= Limits.arrivalSeconds else {
      refuseAsEndless(cursor)
      return nil
    }
    return isLowEnough(rate, cursor) ? rate : nil
  }

  private func isLowEnough(_ rate: Double, _ cursor: Cursor) -> Bool {
    guard rate > 1e9 else { return true }
    cursor.refuse("\(cursor.node.given) is more than one request a nanosecond")
    return false
  }

  private func refuseAsEndless(_ cursor: Cursor) {
    cursor.refuse("at this rate the requests take more than a hundred years to arrive")
  }

  private func gamma(_ arrivals: MappingCursor) -> Workload.Arrivals? {
    let range = Limits.burstiness
    let accepted =
      "a number from \(range.lowerBound) to \(Int(range.upperBound)); 1 is Poisson, less burstier"
    let burstiness = arrivals.required("burstiness", accepted: accepted)?
      .number(in: range.contains, accepted: accepted)
    guard let rate = rate(arrivals), let burstiness else { return nil }
    return .gamma(requestsPerSecond: rate, burstiness: burstiness)
  }

  // MARK: Rates that change

  private func rateCurve(_ arrivals: MappingCursor) -> Workload.Arrivals? {
    let accepted = "a list of {at: 0 s, rate: 2.5/s}, at most \(Limits.ratePoints)"
    let periodCursor = arrivals.optional("period")
    let period = periodCursor.map { $0.positiveNanoseconds() }
    guard let cursor = arrivals.required("points", accepted: accepted),
      let items = cursor.items(accepted: accepted)
    else { return nil }
    guard (1...Limits.ratePoints).contains(items.count) else {
      cursor.refuse("\(items.count) points; accepted: \(accepted)")
      return nil
    }
    var points: [RateCurve.Point] = []
    for item in items {
      guard let point = point(item, after: points.last) else { return nil }
      points.append(point)
    }
    guard let periodNs = period ?? .some(nil) else { return nil }
    let lastNs = points[points.count - 1].atNs
    if let periodNs, let periodCursor, periodNs < lastNs {
      periodCursor.refuse(
        "\(periodCursor.node.given) ends before the last point; accepted: at least its `at`")
      return nil
    }
    guard let curve = RateCurve(points: points, periodNs: periodNs) else {
      cursor.refuse(
        "after some time no more requests come; accepted: a last rate above 0, or with `period` a "
          + "rate above 0 for some time")
      return nil
    }
    return complete(curve, cursor)
  }

  private func point(_ item: Cursor, after last: RateCurve.Point?) -> RateCurve.Point? {
    guard let keys = item.mapping(keys: SchemaKeys.ratePoint) else { return nil }
    let at = keys.required("at", accepted: "a time such as 10 min")
    let rate = keys.required("rate", accepted: "a rate such as 2.5/s, or 0/s")
    let values = (at?.nanoseconds(upTo: Limits.arrivalSeconds), rate?.ratePerSecondOrNone())
    guard let at, let rate, let atNs = values.0, let perSecond = values.1 else { return nil }
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
    guard isLowEnough(perSecond, rate) else { return nil }
    return RateCurve.Point(atNs: atNs, requestsPerSecond: perSecond)
  }

  private func onOff(_ arrivals: MappingCursor) -> Workload.Arrivals? {
    let time = "a time such as 10 s"
    let cursor = arrivals.required("rate", accepted: "a rate such as 2.5/s")
    let rates = (
      cursor?.ratePerSecond(),
      arrivals.optional("off_rate").map { cursor in
        cursor.ratePerSecondOrNone().flatMap { isLowEnough($0, cursor) ? $0 : nil }
      } ?? 0
    )
    let times = (
      arrivals.required("on", accepted: time)?.positiveNanoseconds(),
      arrivals.required("off", accepted: time)?.positiveNanoseconds()
    )
    guard let cursor, let rate = rates.0, let offRate = rates.1, let onNs = times.0,
      let offNs = times.1, isLowEnough(rate, cursor)
    else { return nil }
    guard
      let curve = RateCurve.onOff(
        requestsPerSecond: rate, onNs: onNs, offNs: offNs, offRequestsPerSecond: offRate)
    else {
      refuseAsEndless(cursor)
      return nil
    }
    return complete(curve, cursor)
  }

  private func complete(_ curve: RateCurve, _ cursor: Cursor) -> Workload.Arrivals? {
    guard curve.timeNs(of: Double(requests), after: 0) <= simulationHorizonNs else {
      refuseAsEndless(cursor)
      return nil
    }
    return .rateCurve(curve)
  }
}
