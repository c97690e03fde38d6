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
    let accepted = "the path of a request trace, relative to this file"
    let scale = arrivals.optional("time_scale").map {
      $0.number(in: { $0 > 0 }, accepted: "a positive number; 2 halves the rate")
    }
    let times = (
      start: arrivals.time("start", upTo: Limits.arrivalSeconds),
      jitter: arrivals.time("jitter")
    )
    guard let cursor = arrivals.required("trace", accepted: accepted),
      let relative = cursor.nonEmptyText(accepted: accepted),
      let whole = trace(SourceFile.path(relative, in: folder), at: cursor),
      let timeScale = scale ?? 1, let startNs = times.start, let jitterNs = times.jitter
    else { return nil }
    let part = whole.starting(atNs: startNs)
    guard part.count > 0 else {
      let last = Double(whole.arrivalNs.last ?? 0) / 1e9
      arrivals.optional("start")?.refuse(
        "no row of the trace comes as late; accepted: up to \(last) s, when its last one comes")
      return nil
    }
    let trace = part.jittered(byNs: jitterNs, seed: seed)
    let seconds = Double(trace.arrivalNs.last ?? 0) / 1e9 * timeScale
    guard seconds <= Limits.arrivalSeconds else {
      (arrivals.optional("time_scale") ?? cursor).refuse(
        "at this scale the trace takes more than a hundred years")
      return nil
    }
    return .replay(trace, timeScale: timeScale)
  }

  private mutating func trace(_ path: String, at cursor: Cursor) -> RequestTrace? {
    do throws(ScenarioError) {
      return try RequestTraceFile.read(path: path)
    } catch {
      diagnosticsOfTrace += cursor.refuse(file: error)
      return nil
    }
  }
}
