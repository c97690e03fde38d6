import CostModel
import Scenario
import Simulator
import Trace

/// Why a question could not be answered.
public enum PlanningError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Weights, activations and pool exceed the memory, and what would help.
  case doesNotFit(model: String, pool: PoolPlan, remedies: [Remedy])
  /// The pool does not hold the shortest request of the workload, and what would help.
  case poolTooSmall(format: String, pool: PoolPlan, requestTokens: Int, remedies: [Remedy])
  /// What is asked of a plan makes no sense, and what would.
  case badQuestion(PlanQuestion.Fault)
  /// The scenario names nothing that a real engine did.
  case noReference
  /// Requests that the real engine served do not fit the pool or the model's context.
  case rejectedRequests(Int)
  /// The workload's time limit was reached before all requests had left.
  case timeLimit(TimeLimitReached)
  /// The profile cannot price the model.
  case profile(ProfileError)
  /// The trace could not be written.
  case trace(TraceError)

  /// One sentence for people, saying what would help.
  public var description: String {
    switch self {
    case .doesNotFit(let model, let pool, let remedies):
      return PlanningError.doesNotFit(model, pool, remedies)
    case .poolTooSmall(let format, let pool, let requestTokens, let remedies):
      return """
        \(PlanningError.place(pool)) holds \(pool.laneTokens) tokens in format \(format), \
        and the shortest request needs \(requestTokens)\(PlanningError.advice(remedies))
        """
    case .badQuestion(let fault): return fault.reason
    case .noReference:
      return """
        it names no run of a real engine to compare with; give it `reference` with `requests` or \
        `published` (see docs/scenarios.md)
        """
    case .rejectedRequests(let count):
      return """
        \(count) requests that the real engine served were rejected: too long for the pool or the \
        model's context, or the queue was full; check kv_cache_memory_bytes, the model and \
        max_queued_requests
        """
    case .timeLimit(let reached): return reached.description
    case .profile(let error): return error.description
    case .trace(let error): return error.description
    }
  }

  /// What has to hold a request: the pool, or one lane's part of it.
  private static func place(_ pool: PoolPlan) -> String {
    let whole = "the KV pool of \(Size(pool.poolBytes))"
    return pool.stages > 1 ? "each of the \(pool.stages) lanes of \(whole)" : whole
  }

  private static func doesNotFit(_ model: String, _ pool: PoolPlan, _ remedies: [Remedy]) -> String
  {
    let limit = min(pool.usableBytes, pool.deviceBytes)
    let needed = pool.weightBytes + pool.activationBytes + pool.poolBytes
    return """
      \(model) does not fit: weights \(Size(pool.weightBytes)), activations \
      \(Size(pool.activationBytes)) and KV pool \(Size(pool.poolBytes)) need \(Size(needed)), \
      \(Size(pool.shortfallBytes)) more than the \(Size(limit)) that the engine may use of the \
      device's \(Size(pool.deviceBytes))\(advice(remedies))
      """
  }

  private static func advice(_ remedies: [Remedy]) -> String {
    guard !remedies.isEmpty else { return "" }
    return "; it would fit with " + remedies.map(\.description).joined(separator: ", or ")
  }
}

extension ScenarioError {
  /// The first of the errors, without a place in the file that a setting was never in.
  var firstReason: String {
    let all = diagnostics
    guard let first = all.first else { return description }
    let key = first.keyPath.isEmpty ? "" : "\(first.keyPath): "
    return key + first.message + (all.count > 1 ? " (and \(all.count - 1) more)" : "")
  }
}

/// A run that was given up.
public struct TimeLimitReached: Error, Hashable, Sendable, CustomStringConvertible {
  /// The run's format.
  public let format: String
  /// Requests of the workload.
  public let requests: Int
  /// Those that had left.
  public let left: Int
  /// When it was given up, in nanoseconds since its start.
  public let limitNs: Int64

  init(_ format: String, _ workload: Workload, _ summary: RunSummary) {
    self.format = format
    requests = workload.requests
    left = summary.finishedRequests + summary.rejectedRequests
    limitNs = workload.timeLimitNs
  }

  /// One sentence for people, saying what would help.
  public var description: String {
    let isHorizon = limitNs == simulationHorizonNs
    let limit = isHorizon ? "a hundred years" : "its `time_limit`, \(seconds) s,"
    return """
      \(left) of \(requests) requests in format \(format) had left after \(limit) of simulated \
      time; check the workload's rate and lengths and the times of the profile\
      \(isHorizon ? "" : ", or raise the limit")
      """
  }

  private var seconds: String {
    let (whole, rest) = limitNs.quotientAndRemainder(dividingBy: 1_000_000_000)
    return rest == 0 ? "\(whole)" : "\(Double(limitNs) * 1e-9)"
  }
}

/// A number of bytes as people read it: two decimals of the binary unit that suits it.
public struct Size: Hashable, Sendable, CustomStringConvertible {
  private let bytes: Int

  /// The size of so many bytes.
  public init(_ bytes: Int) { self.bytes = bytes }

  /// For example `15.26 GiB`.
  public var description: String {
    var value = Double(bytes)
    for unit in ["B", "KiB", "MiB", "GiB"] {
      if value < 1024 { return unit == "B" ? "\(bytes) B" : "\(Size.twoDecimals(value)) \(unit)" }
      value /= 1024
    }
    return "\(Size.twoDecimals(value)) TiB"
  }

  private static func twoDecimals(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    let fraction = hundredths % 100
    return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
  }
}
