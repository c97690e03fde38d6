/// What the requests of one class came to.
public struct ClassSummary: Hashable, Sendable {
  /// Requests that produced every token.
  public let finishedRequests: Int
  /// Requests refused on arrival.
  public let rejectedRequests: Int
  /// Requests that met all objectives of their class; nil where it states none.
  public let goodRequests: Int?
  /// Time to first token. Like the others without a value where the run has one class: the run's
  /// own figures are those.
  public let ttft: LatencyStatistics
  /// Mean time per output token of each request, after its first.
  public let tpot: LatencyStatistics
  /// End-to-end latency.
  public let e2e: LatencyStatistics

  /// Requests that arrived and left.
  public var requests: Int { finishedRequests + rejectedRequests }
}

/// How many of so many requests met the objectives of their classes.
public struct Goodput: Hashable, Sendable {
  /// Requests of classes with objectives, those that were rejected included.
  public let requests: Int
  /// Those that met all of them.
  public let goodRequests: Int
  /// The same per second of the run.
  public let requestsPerSecond: Double

  /// ``goodRequests`` of ``requests``; nil without one.
  public var share: Double? {
    requests == 0 ? nil : Double(goodRequests) / Double(requests)
  }
}

extension RunSummary {
  /// Over all classes that state objectives; nil where none does.
  public var goodput: Goodput? { goodput(of: classes) }

  /// Of some of its classes; nil where none of these states objectives.
  public func goodput(of classes: [ClassSummary]) -> Goodput? {
    let judged = classes.filter { $0.goodRequests != nil }
    guard !judged.isEmpty else { return nil }
    let good = judged.reduce(0) { $0 + ($1.goodRequests ?? 0) }
    return Goodput(
      requests: judged.reduce(0) { $0 + $1.requests }, goodRequests: good,
      requestsPerSecond: perSecond(good))
  }
}

/// Gathers the figures of each class of a workload as requests leave.
struct ClassMetrics: Sendable {
  private struct Figures {
    var finished = 0
    var rejected = 0
    var good = 0
    var ttft = LatencySamples()
    var tpot = LatencySamples()
    var e2e = LatencySamples()
  }

  private let objectives: [RequestClass.Objectives]
  private var figures: [Figures]

  init(_ classes: [RequestClass]) {
    objectives = classes.map(\.objectives)
    figures = Array(repeating: Figures(), count: classes.count)
  }

  mutating func left(_ record: RequestRecord) {
    let place = Int(record.requestClass)
    guard record.outcome == .finished else {
      figures[place].rejected += 1
      return
    }
    figures[place].finished += 1
    if objectives[place].areMet(by: record) { figures[place].good += 1 }
    // Those of an only class are the run's, which keeps them already.
    guard objectives.count > 1 else { return }
    if let ns = record.ttftNs { figures[place].ttft.append(ns) }
    if let ns = record.tpotNs { figures[place].tpot.append(ns) }
    if let ns = record.e2eNs { figures[place].e2e.append(ns) }
  }

  /// Adds what requests of the same workload came to elsewhere. The order does not matter.
  /// - Precondition: the classes are the same.
  static func += (sum: inout ClassMetrics, other: ClassMetrics) {
    precondition(sum.objectives == other.objectives)
    for (place, added) in other.figures.enumerated() {
      sum.figures[place].finished += added.finished
      sum.figures[place].rejected += added.rejected
      sum.figures[place].good += added.good
      sum.figures[place].ttft += added.ttft
      sum.figures[place].tpot += added.tpot
      sum.figures[place].e2e += added.e2e
    }
  }

  /// What each class came to. O(n log n).
  func summaries() -> [ClassSummary] {
    zip(objectives, figures).map { objectives, figures in
      ClassSummary(
        finishedRequests: figures.finished, rejectedRequests: figures.rejected,
        goodRequests: objectives == .unstated ? nil : figures.good,
        ttft: figures.ttft.statistics, tpot: figures.tpot.statistics,
        e2e: figures.e2e.statistics)
    }
  }
}
