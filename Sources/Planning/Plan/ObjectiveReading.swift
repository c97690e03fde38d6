import Scenario
import Simulator

/// What an objective came to.
public struct ObjectiveReading: Hashable, Sendable {
  /// The objective.
  public let objective: ServiceObjective
  /// Nanoseconds, or a share; infinite where requests that were rejected reach into the statistic,
  /// and nil where no request says.
  public let value: Double?

  /// Whether it is met; where nobody says, it is not missed.
  public var isMet: Bool {
    guard let value else { return true }
    switch objective.bound {
    case .time(_, _, let limit): return value <= Double(limit)
    case .goodput(let share): return value >= share
    }
  }

  /// How much of its limit is used: above 1 where it is missed. Of a goodput, the share of requests
  /// that are not good over that which need not be.
  public var use: Double {
    guard let value else { return 0 }
    switch objective.bound {
    case .time(_, _, let limit): return value / Double(limit)
    case .goodput(let share):
      return share < 1 ? (1 - value) / (1 - share) : value < 1 ? .infinity : 1
    }
  }

  /// An objective that came to a value, or to none.
  init(_ objective: ServiceObjective, value: Double?) {
    self.objective = objective
    self.value = value
  }

  /// Reads an objective off requests. A rejected request is later than any limit, and not good.
  /// O(n log n).
  init(
    _ objective: ServiceObjective, of records: ArraySlice<RequestRecord>, _ classes: [RequestClass]
  ) {
    self.objective = objective
    let judged = ObjectiveReading.judged(objective, records, classes)
    switch objective.bound {
    case .time(let measure, let statistic, _):
      value = ObjectiveReading.statistic(statistic, of: judged, measure)
    case .goodput:
      let good = judged.count { record in
        classes[Int(record.requestClass)].objectives.areMet(by: record)
      }
      value = judged.isEmpty ? nil : Double(good) / Double(judged.count)
    }
  }

  /// The requests that an objective is of.
  static func judged(
    _ objective: ServiceObjective, _ records: ArraySlice<RequestRecord>, _ classes: [RequestClass]
  ) -> [RequestRecord] {
    let counts = classes.map { own in
      guard objective.className ?? own.name == own.name else { return false }
      guard case .goodput = objective.bound else { return true }
      return own.objectives != .unstated
    }
    return records.filter { counts[Int($0.requestClass)] }
  }

  private static func statistic(
    _ statistic: ServiceObjective.Statistic, of records: [RequestRecord],
    _ measure: ServiceObjective.Measure
  ) -> Double? {
    let rejected = records.count { $0.outcome == .rejected }
    let times = records.compactMap { record -> Int64? in
      guard record.outcome == .finished else { return nil }
      return switch measure {
      case .ttft: record.ttftNs
      case .tpot: record.tpotNs
      case .e2e: record.e2eNs
      case .queue: record.queueNs
      }
    }
    let count = times.count + rejected
    guard count > 0 else { return nil }
    switch statistic {
    case .mean:
      guard rejected == 0 else { return .infinity }
      return times.reduce(0.0) { $0 + Double($1) } / Double(count)
    case .percentile(let thousandths):
      let rank = max(1, (thousandths * count + 999) / 1000)
      return rank > times.count ? .infinity : Double(times.sorted()[rank - 1])
    }
  }
}

extension ServiceObjective {
  /// The share of requests that it says nothing of: those beyond a percentile, or that need not be
  /// good.
  var spared: Double {
    switch bound {
    case .time(_, .mean, _): 1
    case .time(_, .percentile(let thousandths), _): 1 - Double(thousandths) / 1000
    case .goodput(let share): 1 - share
    }
  }

  /// Requests without which a reading means little: a hundred beyond a percentile or of those that
  /// need not be good, so many in any case, and no more than a hundred thousand; for the largest of
  /// all, which grows with their number, ten thousand.
  func requestsNeeded(atLeast least: Int) -> Int {
    let share: Double =
      switch bound {
      case .time(_, .mean, _): 1
      case .time(_, .percentile(1000), _): 0.01
      case .time(_, .percentile(let thousandths), _): 1 - Double(thousandths) / 1000
      case .goodput(let share): 1 - share
      }
    return max(least, min(100_000, Int((100 / max(share, 1e-3)).rounded())))
  }
}
