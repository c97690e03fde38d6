import CostModel
import Simulator

/// `workload`: how many requests, when they arrive and how long they are.
struct WorkloadReader {
  let log: DiagnosticLog
  /// The scenario's folder, empty or with a slash at the end.
  let folder: String
  /// The model's `max_position_embeddings`, if the model could be read.
  let maxPositions: Int?
  /// Errors in the request trace.
  private(set) var diagnosticsOfTrace: [Diagnostic] = []

  init(log: DiagnosticLog, folder: String, maxPositions: Int?) {
    self.log = log
    self.folder = folder
    self.maxPositions = maxPositions
  }

  /// Nil with at least one error where it is refused.
  mutating func workload(_ file: MappingCursor) -> Workload? {
    guard
      let workload = file.required("workload", accepted: "a mapping with `arrivals`")?
        .mapping(keys: SchemaKeys.workload)
    else { return nil }
    let processes = SchemaKeys.processes.map(\.process)
    let arrivals = workload.required("arrivals", accepted: "a mapping with `process`")?
      .mapping(keys: SchemaKeys.arrivals)
    let process = arrivals?.required("process", accepted: processes.joined(separator: ", "))?
      .choice(of: processes)
    let isReplay = process == "replay"
    let lengthsReader = LengthsReader(maxPositions: maxPositions)
    let lengths = lengthsReader.lengths(workload, isReplay: isReplay, isKnown: process != nil)
    let requests = requests(workload, isOptional: process == nil || isReplay)
    guard let arrivals, let process else { return nil }
    refuseForeignKeys(arrivals, process)
    let times: Workload.Arrivals?
    switch process {
    case "poisson": times = poisson(arrivals, requests: requests.flatMap { $0 })
    case "closed-loop": times = closedLoop(arrivals)
    default: times = replay(arrivals)
    }
    guard let times, let lengths, let requests else { return nil }
    return complete(times, lengths, requests, workload)
  }

  private func complete(
    _ arrivals: Workload.Arrivals, _ lengths: (prompt: Workload.Lengths, output: Workload.Lengths),
    _ requests: Int?, _ workload: MappingCursor
  ) -> Workload? {
    var count = requests
    if case .replay(let trace, _) = arrivals {
      if let requests, requests > trace.count {
        workload.optional("requests")?.refuse(
          "\(requests) requests, but the trace has \(trace.count) rows; accepted: up to "
            + "\(trace.count)")
        return nil
      }
      count = requests ?? trace.count
    }
    guard let count else { return nil }
    return Workload(
      arrivals: arrivals, promptTokens: lengths.prompt, outputTokens: lengths.output,
      requests: count)
  }

  /// The number of requests; the inner nil stands for all of a trace's.
  private func requests(_ workload: MappingCursor, isOptional: Bool) -> Int?? {
    let range = 1...Limits.requests
    guard let cursor = workload.optional("requests") else {
      if isOptional { return .some(nil) }
      _ = workload.required(
        "requests", accepted: "a whole number from 1 to \(Limits.requests)")
      return nil
    }
    guard let requests = cursor.integer(in: range, unit: "requests") else { return nil }
    return .some(requests)
  }

  // MARK: Arrivals

  private func refuseForeignKeys(_ arrivals: MappingCursor, _ process: String) {
    let own = SchemaKeys.processes.first { $0.process == process }?.keys ?? []
    for key in SchemaKeys.arrivals where key != "process" && !own.contains(key) {
      arrivals.refuse(
        key: key,
        "`\(key)` does not go with process \(process); it takes: \(own.joined(separator: ", "))")
    }
  }

  private func poisson(_ arrivals: MappingCursor, requests: Int?) -> Workload.Arrivals? {
    guard let cursor = arrivals.required("rate", accepted: "a rate such as 2.5/s"),
      let rate = cursor.ratePerSecond()
    else { return nil }
    // The last arrival of n has a mean of n/rate; nanoseconds have to hold it.
    guard Double(requests ?? 1) / rate <= Limits.arrivalSeconds else {
      cursor.refuse("at this rate the requests take more than a hundred years to arrive")
      return nil
    }
    guard rate <= 1e9 else {
      cursor.refuse("\(cursor.node.given) is more than one request a nanosecond")
      return nil
    }
    return .poisson(requestsPerSecond: rate)
  }

  private func closedLoop(_ arrivals: MappingCursor) -> Workload.Arrivals? {
    arrivals.required("concurrency", accepted: "a whole number of clients")?
      .integer(in: 1...Limits.requests, unit: "clients")
      .map { .closedLoop(concurrency: $0) }
  }

  private mutating func replay(_ arrivals: MappingCursor) -> Workload.Arrivals? {
    let accepted = "the path of a request trace, relative to this file"
    let scale = arrivals.optional("time_scale").map {
      $0.number(in: { $0 > 0 }, accepted: "a positive number; 2 halves the rate")
    }
    guard let cursor = arrivals.required("trace", accepted: accepted),
      let relative = cursor.nonEmptyText(accepted: accepted),
      let trace = trace(PathInFolder.path(relative, folder: folder), at: cursor)
    else { return nil }
    guard let timeScale = scale ?? 1 else { return nil }
    let seconds = Double(trace.arrivalNs.last ?? 0) / 1e9 * timeScale
    guard seconds <= Limits.arrivalSeconds else {
      arrivals.optional("time_scale")?.refuse(
        "at this scale the trace takes more than a hundred years")
      return nil
    }
    return .replay(trace, timeScale: timeScale)
  }

  private mutating func trace(_ path: String, at cursor: Cursor) -> RequestTrace? {
    do throws(ScenarioError) {
      return try RequestTraceFile.read(path: path)
    } catch {
      if case .unreadable(let path, let reason) = error {
        cursor.refuse("`\(path)` \(reason)")
      } else {
        diagnosticsOfTrace += error.diagnostics
      }
      return nil
    }
  }
}

/// `prompt_tokens` and `output_tokens`.
private struct LengthsReader {
  let maxPositions: Int?

  /// `isKnown` tells whether the process is: without it, absent lengths are not reported.
  func lengths(
    _ workload: MappingCursor, isReplay: Bool, isKnown: Bool
  ) -> (prompt: Workload.Lengths, output: Workload.Lengths)? {
    let isOptional = isReplay || !isKnown
    let prompt = lengths("prompt_tokens", workload, isOptional: isOptional)
    let output = lengths("output_tokens", workload, isOptional: isOptional)
    guard let prompt, let output else { return nil }
    if let maxPositions, let least = least(prompt, output), least > maxPositions {
      let place = workload.optional("prompt_tokens") ?? workload.optional("output_tokens")
      place?.refuse(
        "the shortest prompt and output have \(least) tokens together; accepted: up to the "
          + "model's `max_position_embeddings`, \(maxPositions)")
      return nil
    }
    return (prompt, output)
  }

  private func lengths(
    _ key: String, _ workload: MappingCursor, isOptional: Bool
  ) -> Workload.Lengths? {
    let accepted = "a whole number of tokens, or {uniform: {min: 1, max: 9}}"
    guard let cursor = workload.optional(key) else {
      if isOptional { return .fromTrace }
      _ = workload.required(key, accepted: accepted)
      return nil
    }
    switch cursor.node.kind {
    case .scalar:
      return cursor.integer(in: 1...Limits.tokens, unit: "tokens").map { .fixed($0) }
    case .sequence:
      cursor.refuse(accepted: accepted)
      return nil
    case .mapping:
      return cursor.mapping(keys: SchemaKeys.lengths)?
        .required("uniform", accepted: "{min: 1, max: 9}").flatMap(uniform)
    }
  }

  private func uniform(_ cursor: Cursor) -> Workload.Lengths? {
    guard let range = cursor.mapping(keys: SchemaKeys.uniform) else { return nil }
    func bound(_ key: String) -> Int? {
      range.required(key, accepted: "a whole number of tokens")?
        .integer(in: 1...Limits.tokens, unit: "tokens")
    }
    let bounds = (bound("min"), bound("max"))
    guard let least = bounds.0, let most = bounds.1 else { return nil }
    guard least <= most else {
      range.optional("max")?.refuse("\(most) is less than `min`, \(least); accepted: at least min")
      return nil
    }
    return .uniform(least...most)
  }

  /// Tokens of the shortest request; lengths from a trace count as one token, because a trace may
  /// hold requests that are too long: the simulator rejects those one by one.
  private func least(_ lengths: Workload.Lengths...) -> Int? {
    lengths.map { lengths in
      switch lengths {
      case .fixed(let tokens): tokens
      case .uniform(let range): range.lowerBound
      case .fromTrace: 1
      }
    }.reduce(0, +)
  }
}
