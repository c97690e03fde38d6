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
    let jitter = arrivals.value(ArrivalKeys.jitter)
    let part = part(arrivals)
    guard let part, let timeScale = scale, let jitterNs = jitter else { return nil }
    let trace = part.jittered(byNs: jitterNs, seed: seed)
    let seconds = Double(trace.arrivalNs.last ?? 0) / 1e9 * timeScale
    guard seconds <= Limits.arrivalSeconds else {
      (arrivals.optional(ArrivalKeys.timeScale) ?? arrivals.optional(ArrivalKeys.trace))?.refuse(
        "at this scale the trace takes more than a hundred years")
      return nil
    }
    return .replay(trace, timeScale: timeScale)
  }

  /// The rows from `start` to `end`, as often as they are to come.
  private mutating func part(_ arrivals: MappingCursor) -> RequestTrace? {
    let start = arrivals.value(ArrivalKeys.start)
    let end = arrivals.given(ArrivalKeys.end)
    let repeats = arrivals.value(ArrivalKeys.repeats)
    guard let path = arrivals.value(ArrivalKeys.trace), let whole = trace(path),
      let startNs = start, let repeats
    else { return nil }
    var part = whole.starting(atNs: startNs)
    guard part.count > 0 else {
      let last = Double(whole.arrivalNs.last ?? 0) / 1e9
      arrivals.optional(ArrivalKeys.start)?.refuse(
        "no row of the trace comes as late; accepted: up to \(last) s, when its last one comes")
      return nil
    }
    guard let end else {
      guard repeats > 1 else { return part }
      arrivals.optional(ArrivalKeys.repeats)?.refuse(
        "needs `end` beside it, when the rows come again")
      return nil
    }
    guard let endNs = end else { return nil }
    let first = startNs + part.arrivalNs[0]
    guard endNs > first else {
      arrivals.optional(ArrivalKeys.end)?.refuse(
        "no row of the trace comes from `start` to then; accepted: above \(Double(first) / 1e9) s")
      return nil
    }
    part = part.ending(atNs: endNs - startNs)
    return repeated(part, repeats, periodNs: endNs - startNs, arrivals)
  }

  /// Nil with an error where it comes to more than a workload may have.
  private func repeated(
    _ part: RequestTrace, _ times: Int, periodNs: Int64, _ arrivals: MappingCursor
  ) -> RequestTrace? {
    let most = min(
      Limits.requests / part.count, Int(Int32.max) / max(1, part.promptBlocks?.ids.count ?? 0),
      Int(Limits.arrivalSeconds * 1e9) / Int(periodNs))
    guard times == 1 || times <= most else {
      arrivals.optional(ArrivalKeys.repeats)?.refuse(
        "out of range; accepted: at most \(most) of these rows, which are \(Limits.requests) "
          + "requests or a hundred years")
      return nil
    }
    return part.repeated(times, periodNs: periodNs)
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
