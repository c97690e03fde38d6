import Simulator

/// `arrivals` of process `replay`: a request trace, and what is made of it before it is played.
struct ReplayReader {
  /// The scenario's folder, empty or with a slash at the end.
  let folder: String
  /// The run's seed, of which jitter is drawn.
  let seed: UInt64
  /// Errors in the request trace.
  private(set) var diagnosticsOfTrace: [Diagnostic] = []

  init(folder: String, seed: UInt64) {
    self.folder = folder
    self.seed = seed
  }

  /// Nil with at least one error where it is refused.
  mutating func replay(_ arrivals: MappingCursor) -> Workload.Arrivals? {
    let scale = arrivals.value(ArrivalKeys.timeScale)
    let times = (
      start: arrivals.value(ArrivalKeys.start), jitter: arrivals.value(ArrivalKeys.jitter)
    )
    guard let path = arrivals.value(ArrivalKeys.trace), let whole = trace(path),
      let timeScale = scale, let startNs = times.start, let jitterNs = times.jitter
    else { return nil }
    let part = whole.starting(atNs: startNs)
    guard part.count > 0 else {
      let last = Double(whole.arrivalNs.last ?? 0) / 1e9
      arrivals.optional(ArrivalKeys.start)?.refuse(
        "no row of the trace comes as late; accepted: up to \(last) s, when its last one comes")
      return nil
    }
    let trace = part.jittered(byNs: jitterNs, seed: seed)
    let seconds = Double(trace.arrivalNs.last ?? 0) / 1e9 * timeScale
    guard seconds <= Limits.arrivalSeconds else {
      (arrivals.optional(ArrivalKeys.timeScale) ?? path.cursor).refuse(
        "at this scale the trace takes more than a hundred years")
      return nil
    }
    return .replay(trace, timeScale: timeScale)
  }

  private mutating func trace(_ path: GivenPath) -> RequestTrace? {
    do throws(ScenarioError) {
      return try RequestTraceFile.read(path: path.relative(to: folder))
    } catch {
      diagnosticsOfTrace += path.cursor.refuse(file: error)
      return nil
    }
  }
}
