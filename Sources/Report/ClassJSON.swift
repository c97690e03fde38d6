import Simulator

/// How many requests met the objectives of their classes, as JSON.
struct GoodputJSON: Encodable {
  private let requests: Int
  private let goodRequests: Int
  /// Absent without a request.
  private let goodShare: Double?
  private let requestsPerS: Double

  init(_ goodput: Goodput) {
    requests = goodput.requests
    goodRequests = goodput.goodRequests
    goodShare = goodput.share
    requestsPerS = goodput.requestsPerSecond
  }
}

/// What the requests of one class came to, as JSON.
struct ClassJSON: Encodable {
  private struct Latency: Encodable {
    let count: Int
    let meanNs: Double
    let p50Ns: Int64
    let p95Ns: Int64
    let p99Ns: Int64
    let maxNs: Int64

    /// Nothing without a value: a latency of zero would be a lie.
    init?(_ statistics: LatencyStatistics) {
      guard statistics.count > 0 else { return nil }
      count = statistics.count
      meanNs = statistics.meanNs
      p50Ns = statistics.p50Ns
      p95Ns = statistics.p95Ns
      p99Ns = statistics.p99Ns
      maxNs = statistics.maxNs
    }
  }

  private let name: String
  private let priority: Int
  private let finishedRequests: Int
  private let rejectedRequests: Int
  /// Absent of a class without objectives.
  private let goodput: GoodputJSON?
  private let ttft: Latency?
  private let tpot: Latency?
  private let e2e: Latency?

  /// The JSON of each class of a run; nil where there is one, whose figures are the run's.
  static func classes(_ classes: [RequestClass], of summary: RunSummary) -> [ClassJSON]? {
    guard classes.count > 1 else { return nil }
    return zip(classes, summary.classes).map {
      ClassJSON($0, $1, goodput: summary.goodput(of: [$1]))
    }
  }

  private init(_ requestClass: RequestClass, _ summary: ClassSummary, goodput: Goodput?) {
    name = requestClass.name
    priority = requestClass.priority
    finishedRequests = summary.finishedRequests
    rejectedRequests = summary.rejectedRequests
    self.goodput = goodput.map(GoodputJSON.init)
    ttft = Latency(summary.ttft)
    tpot = Latency(summary.tpot)
    e2e = Latency(summary.e2e)
  }
}
