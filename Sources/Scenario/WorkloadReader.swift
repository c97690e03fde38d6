import Simulator

/// `workload`: how many requests, when they arrive and how long they are.
struct WorkloadReader {
  let log: DiagnosticLog
  /// The scenario's folder, empty or with a slash at the end.
  let folder: String
  /// The model's `max_position_embeddings`, if the model could be read.
  let maxPositions: Int?
  /// The run's seed, of which a replay's jitter is drawn.
  let seed: UInt64
  /// Errors in the request trace and in files of lengths.
  private(set) var diagnosticsOfOtherFiles: [Diagnostic] = []

  init(log: DiagnosticLog, folder: String, maxPositions: Int?, seed: UInt64) {
    self.log = log
    self.folder = folder
    self.maxPositions = maxPositions
    self.seed = seed
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
    var lengthsReader = LengthsReader(folder: folder, maxPositions: maxPositions)
    let lengths = lengthsReader.lengths(workload, isReplay: isReplay, isKnown: process != nil)
    diagnosticsOfOtherFiles += lengthsReader.diagnosticsOfOtherFiles
    let requests = requests(workload, isOptional: process == nil || isReplay)
    let client = client(workload)
    guard let arrivals, let process else { return nil }
    refuseForeignKeys(arrivals, process)
    let times: Workload.Arrivals?
    switch process {
    case "closed-loop": times = ClosedLoopReader().arrivals(arrivals)
    case "replay":
      var reader = ReplayReader(folder: folder, seed: seed)
      times = reader.replay(arrivals)
      diagnosticsOfOtherFiles += reader.diagnosticsOfTrace
    default:
      let reader = OpenLoopReader(requests: requests.flatMap { $0 } ?? 1)
      times = reader.arrivals(arrivals, process: process)
    }
    guard let times, let lengths, let requests, let client else { return nil }
    return complete(times, lengths, requests, client, workload)
  }

  private func complete(
    _ arrivals: Workload.Arrivals, _ lengths: (prompt: Workload.Lengths, output: Workload.Lengths),
    _ requests: Int?, _ client: Workload.Client, _ workload: MappingCursor
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
      requests: count, client: client)
  }

  /// An instant one where it is absent, nil with an error where it is refused.
  private func client(_ workload: MappingCursor) -> Workload.Client? {
    guard let cursor = workload.optional("client") else { return .instant }
    guard let client = cursor.mapping(keys: SchemaKeys.client) else { return nil }
    let times = (client.time("prepare"), client.time("send"))
    guard let prepareNs = times.0, let sendNs = times.1 else { return nil }
    return Workload.Client(prepareNs: prepareNs, sendNs: sendNs)
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
}
