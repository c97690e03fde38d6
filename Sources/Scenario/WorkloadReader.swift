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
    guard let workload = file.value(ScenarioKeys.workload) else { return nil }
    let arrivals = workload.value(WorkloadKeys.arrivals)
    let process = arrivals?.value(ArrivalKeys.process)
    // Where the process is not known, nobody knows what has to be there.
    let isComplete = process != nil && process != ArrivalKeys.replay
    var lengthsReader = LengthsReader(folder: folder, maxPositions: maxPositions)
    let lengths = lengthsReader.lengths(workload, areNeeded: isComplete)
    diagnosticsOfOtherFiles += lengthsReader.diagnosticsOfOtherFiles
    // The inner nil stands for all of a trace's.
    let requests: Int?? =
      switch workload.given(WorkloadKeys.requests, isNeeded: isComplete) {
      case nil: .some(nil)
      case .some(let given): given.map { .some($0) }
      }
    let client = client(workload)
    guard let arrivals, let process else { return nil }
    refuseForeignKeys(arrivals, process)
    let times: Workload.Arrivals?
    switch process {
    case ArrivalKeys.closedLoop: times = ClosedLoopReader().arrivals(arrivals)
    case ArrivalKeys.replay:
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
        workload.optional(WorkloadKeys.requests)?.refuse(
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

  /// Nil with an error where it is refused.
  private func client(_ workload: MappingCursor) -> Workload.Client? {
    guard let client = workload.value(WorkloadKeys.client) else { return nil }
    let times = (client.value(ClientKeys.prepare), client.value(ClientKeys.send))
    guard let prepareNs = times.0, let sendNs = times.1 else { return nil }
    return Workload.Client(prepareNs: prepareNs, sendNs: sendNs)
  }

  private func refuseForeignKeys(_ arrivals: MappingCursor, _ process: String) {
    let own = ArrivalKeys.processes.first { $0.value == process }?.keys ?? []
    for key in ArrivalKeys.form.names where key != ArrivalKeys.process.name && !own.contains(key) {
      arrivals.refuse(
        key: key,
        "`\(key)` does not go with process \(process); it takes: \(own.joined(separator: ", "))")
    }
  }
}
