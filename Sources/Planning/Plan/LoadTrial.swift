import Scenario
import Simulator

/// A run of one format under one load.
struct LoadTrial: Sendable {
  /// Requests per second, or clients.
  let load: Double
  /// Whether the run reached a steady state, or was one of a course that has none.
  let isSteady: Bool
  /// How many requests each of these found in the system on the mean.
  let present: Double
  /// Requests of the whole run.
  let requests: Int
  /// What each objective came to, of the requests in that state.
  let readings: [ObjectiveReading]
  /// These requests; all of the run where it reached none.
  let figures: LoadFigures
  /// The whole run.
  let summary: RunSummary

  /// Whether the load is held.
  var holds: Bool { isSteady && readings.allSatisfy(\.isMet) }
}

/// What some requests of a run came to.
public struct LoadFigures: Hashable, Sendable {
  /// Requests.
  public let requests: Int
  /// How many of these were rejected for each cause.
  public let rejections: [EventRecord.Cause: Int]
  /// Time to first token.
  public let ttft: LatencyStatistics
  /// Mean time per output token of each request, after its first.
  public let tpot: LatencyStatistics
  /// End-to-end latency.
  public let e2e: LatencyStatistics
  /// Requests that came in a second.
  public let requestsPerSecond: Double
  /// Output tokens of these.
  public let outputTokensPerSecond: Double
  /// Mean output tokens of a request.
  public let outputTokens: Double

  /// - Parameter causes: why requests were rejected, by their numbers.
  init(_ records: ArraySlice<RequestRecord>, _ causes: [Int64: EventRecord.Cause]) {
    let finished = records.filter { $0.outcome == .finished }
    requests = records.count
    rejections = records.reduce(into: [:]) { counts, record in
      guard record.outcome == .rejected else { return }
      counts[causes[record.id] ?? .none, default: 0] += 1
    }
    ttft = LatencyStatistics(values: finished.compactMap(\.ttftNs))
    tpot = LatencyStatistics(values: finished.compactMap(\.tpotNs))
    e2e = LatencyStatistics(values: finished.compactMap(\.e2eNs))
    let span = Double((records.last?.arrivalNs ?? 0) - (records.first?.arrivalNs ?? 0)) * 1e-9
    requestsPerSecond = span > 0 ? Double(records.count - 1) / span : 0
    let tokens = Double(finished.reduce(0) { $0 + $1.outputTokens })
    outputTokens = finished.isEmpty ? 0 : tokens / Double(finished.count)
    outputTokensPerSecond = span > 0 ? tokens / span : 0
  }

  /// Requests that were rejected.
  public var rejected: Int { rejections.values.reduce(0, +) }

  /// Tokens a second that a user sees: the inverse of the mean TPOT; nil where no request has one.
  public var tokensPerSecondOfUser: Double? {
    tpot.count > 0 && tpot.meanNs > 0 ? 1e9 / tpot.meanNs : nil
  }
}

/// Runs one format of a scenario under loads of any size.
struct LoadTrials: Sendable {
  let plan: ComparisonPlan
  /// The place of the format in the plan.
  let format: Int
  let objectives: [ServiceObjective]
  /// Requests that every reading is of at least.
  var leastRequests = PlannerOptions().leastRequests
  /// How many times the scenario's replicas there are.
  var cells = 1
  /// Told of the load of each run before it is made, on the thread that makes it.
  var begins: (@Sendable (Double) -> Void)?

  private var workload: Workload { plan.scenario.workload }

  /// How many times a run that has not settled is made twice as long.
  private static let doublings = 4
  /// Requests that a steady stretch has at least for each that is in the system.
  private static let turnovers = 10.0
  /// Requests that are part of the beginning, for each that is in the system: those that began it,
  /// all at once in a closed loop, and those that took their places.
  private static let firstTurnovers = 2.0

  /// Requests that are played at most, and that a scenario whose traffic is of some stretch of time
  /// may have.
  static let mostRequests = 1_000_000
  /// Requests of such a stretch that are played at higher rates than the scenario's at most.
  private static let mostOfStretch = 4 * mostRequests

  /// Runs under a load, as long as it takes for a verdict: a run that has not settled, or has too
  /// few requests, is run again with twice as many, four times at most; more often where several
  /// cells share the requests, as each settles by its own.
  func trial(at load: Double, seed: UInt64) -> LoadTrial {
    var requests = firstLength(at: load)
    let doublings = LoadTrials.doublings + (Int.bitWidth - (cells - 1).leadingZeroBitCount)
    for _ in 0..<doublings where 2 * requests <= LoadTrials.mostRequests {
      let (trial, isLongEnough) = run(load, seed, requests)
      // Where an objective is missed by far, more requests would not save it.
      if isLongEnough && trial.isSteady || trial.readings.contains(where: { $0.use > 2 }) {
        return trial
      }
      requests *= 2
    }
    return run(load, seed, requests).trial
  }

  private func firstLength(at load: Double) -> Int {
    switch workload.course {
    case .recorded: return workload.requests
    case .changing:
      // The same stretch of time, and so more requests of a higher rate; where rates begin again,
      // from beginning to beginning.
      let share = load / (workload.load?.amount ?? load)
      var requests = Double(workload.requests) * share
      if let period = requestsOfPeriod(at: load) {
        requests = max(1, (requests / period).rounded(.up)) * period
      }
      return Int(min(Double(LoadTrials.mostOfStretch), max(1, requests.rounded())))
    case .level:
      let most = objectives.map { $0.requestsNeeded(atLeast: leastRequests) }.max()
      let needed = 3 * (most ?? leastRequests) / 2
      guard case .clients = workload.load else { return needed }
      return min(LoadTrials.mostRequests, max(needed, Int(2 * LoadTrials.turnovers * load)))
    }
  }

  /// Requests that come till the rates begin again; nil where they do not.
  private func requestsOfPeriod(at load: Double) -> Double? {
    workload.periodNs.map { max(1, load * Double($0) * 1e-9) }
  }

  private func run(
    _ load: Double, _ seed: UInt64, _ requests: Int
  ) -> (trial: LoadTrial, isLongEnough: Bool) {
    begins?(load)
    let offered = workload.offering(load, requests: requests)
    var kept = RequestKeeper()
    let summary = plan.play(format, offered, seed: seed, times: cells, recordingInto: &kept)
    kept.records.sort { ($0.arrivalNs, $0.id) < ($1.arrivalNs, $1.id) }
    let records = kept.records
    let found = SteadyState.found(by: records)
    guard workload.course == .level else {
      // A stretch that is too long to be played says nothing of the rest of it.
      let isWhole = requests < LoadTrials.mostOfStretch
      return (trial(load, kept, records.indices, found, isSteady: isWhole, summary), true)
    }
    let last = Int(found.last ?? 0)
    var values = found
    // Of a closed loop as many are there all the time.
    if case .clients = workload.load { values = records.map { Double($0.finishNs - $0.arrivalNs) } }
    guard case .steady(let range) = SteadyState.verdict(on: values, leavingOut: last) else {
      return (trial(load, kept, records.indices, found, isSteady: false, summary), false)
    }
    let present = found[range].reduce(0, +) / Double(range.count)
    let start = max(range.lowerBound, Int(LoadTrials.firstTurnovers * present))
    guard start < range.upperBound else {
      return (trial(load, kept, records.indices, found, isSteady: false, summary), false)
    }
    let steady = records[start..<range.upperBound]
    let isLongEnough =
      Double(steady.count) >= LoadTrials.turnovers * present
      && objectives.allSatisfy {
        ObjectiveReading.judged($0, steady, workload.classes).count
          >= $0.requestsNeeded(atLeast: leastRequests)
      }
    return (
      trial(load, kept, start..<range.upperBound, found, isSteady: true, summary), isLongEnough
    )
  }

  private func trial(
    _ load: Double, _ kept: RequestKeeper, _ range: Range<Int>, _ found: [Double],
    isSteady: Bool, _ summary: RunSummary
  ) -> LoadTrial {
    let records = kept.records[range]
    return LoadTrial(
      load: load, isSteady: isSteady,
      present: found[range].reduce(0, +) / Double(max(1, range.count)),
      requests: kept.records.count,
      readings: objectives.map { ObjectiveReading($0, of: records, workload.classes) },
      figures: LoadFigures(records, kept.causes), summary: summary)
  }
}

/// Keeps every request, and why some were rejected.
private struct RequestKeeper: Recorder {
  static var kinds: RecordedKinds { .requests }
  var records: [RequestRecord] = []
  /// By the numbers of requests.
  var causes: [Int64: EventRecord.Cause] = [:]

  mutating func record(_ request: RequestRecord) throws(Never) { records.append(request) }
  mutating func record(_ run: StepRecord) throws(Never) {}
  mutating func record(_ event: EventRecord) throws(Never) {
    if event.kind == .rejected { causes[event.request] = event.cause }
  }
}
