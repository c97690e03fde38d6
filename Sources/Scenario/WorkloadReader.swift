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
    guard let classes = workload.given(WorkloadKeys.classes) else {
      return self.workload(workload, classes: [])
    }
    return classes.flatMap(ClassesReader.mappings)
      .flatMap { self.workload(workload, classes: $0) }
  }

  /// The requests of some classes, or where there is none, of one that the workload describes
  /// itself.
  private mutating func workload(
    _ workload: MappingCursor, classes: [MappingCursor]
  ) -> Workload? {
    let haveOwnArrivals = classes.contains { $0.optional(ClassKeys.arrivals) != nil }
    if haveOwnArrivals, isMixed(workload, classes) { return nil }
    var arrivalsReader = ArrivalsReader(folder: folder, seed: seed)
    let mapping = haveOwnArrivals ? nil : workload.required(WorkloadKeys.arrivals)
    let process = mapping?.value(ArrivalKeys.process)
    // Of arrivals that are refused nobody knows what they need.
    let isOptional = process == ArrivalKeys.replay || process == nil && !haveOwnArrivals
    var classesReader = ClassesReader(
      folder: folder, maxPositions: maxPositions, areLengthsOptional: isOptional,
      haveOwnArrivals: haveOwnArrivals)
    let read =
      classes.isEmpty
      ? classesReader.onlyClass(workload).map { [$0] }
      : classesReader.classes(classes, of: workload)
    let requests = requests(workload, isOptional: isOptional)
    let client = client(workload)
    let timeLimit = workload.given(WorkloadKeys.timeLimit)
    let arrivals: Workload.Arrivals?
    if haveOwnArrivals {
      arrivals = superposed(classes, read, &arrivalsReader)
    } else if let mapping, let process {
      arrivals = arrivalsReader.arrivals(
        mapping, process: process, requests: requests.flatMap { $0 } ?? 1)
    } else {
      arrivals = nil
    }
    diagnosticsOfOtherFiles +=
      classesReader.diagnosticsOfOtherFiles + arrivalsReader.diagnosticsOfOtherFiles
    guard let arrivals, let read, let requests, let client,
      let timeLimit = timeLimit ?? .some(nil)
    else { return nil }
    let mappings = classes.isEmpty ? [workload] : classes
    guard !beginAlikeTwice(read, mappings, arrivals),
      !areSessionsOfTrace(arrivals, [workload] + classes)
    else { return nil }
    return complete(
      arrivals, read, requests, client, workload, timeLimitNs: timeLimit ?? simulationHorizonNs)
  }

  /// Whether some requests arrive by processes of their classes and others do not, with an error
  /// at the first of either.
  private func isMixed(_ workload: MappingCursor, _ classes: [MappingCursor]) -> Bool {
    let accepted = "`arrivals` at the workload, or in every class"
    if workload.optional(WorkloadKeys.arrivals) != nil {
      classes.first { $0.optional(ClassKeys.arrivals) != nil }?
        .refuse(
          key: ClassKeys.arrivals.name,
          "the workload has `arrivals` too; accepted: \(accepted)")
      return true
    }
    guard let first = classes.first(where: { $0.optional(ClassKeys.arrivals) == nil }) else {
      return false
    }
    _ = first.required(ClassKeys.arrivals.name, accepted: accepted)
    return true
  }

  /// What the classes' own arrivals come to; nil with an error where one is refused, or where the
  /// classes were.
  private func superposed(
    _ mappings: [MappingCursor], _ classes: [RequestClass]?, _ reader: inout ArrivalsReader
  ) -> Workload.Arrivals? {
    var streams: [Workload.Stream] = []
    var isComplete = true
    for (place, mapping) in mappings.enumerated() {
      let name = classes?[place].name ?? ""
      if let own = reader.streams(mapping, place: place, name: name) {
        streams += own
      } else {
        isComplete = false
      }
    }
    return isComplete && classes != nil ? .superposed(streams) : nil
  }

  /// Whether a class has a system prompt before prompts of which the trace says how they begin,
  /// with an error at it.
  private func beginAlikeTwice(
    _ classes: [RequestClass], _ mappings: [MappingCursor], _ arrivals: Workload.Arrivals
  ) -> Bool {
    guard case .replay(let trace, _) = arrivals, trace.promptBlocks != nil else { return false }
    for (requestClass, mapping) in zip(classes, mappings)
    where requestClass.systemPromptTokens > 0 && requestClass.promptTokens == .fromTrace {
      mapping.refuse(
        key: WorkloadKeys.systemPromptTokens.name,
        "the trace says already how its prompts begin; accepted: with `prompt_tokens` of another "
          + "kind, or a trace that does not name blocks")
      return true
    }
    return false
  }

  /// Whether some mapping states sessions beside a replay, with an error at the first.
  private func areSessionsOfTrace(
    _ arrivals: Workload.Arrivals, _ mappings: [MappingCursor]
  ) -> Bool {
    guard case .replay = arrivals,
      let mapping = mappings.first(where: { $0.optional(WorkloadKeys.sessions) != nil })
    else { return false }
    mapping.refuse(
      key: WorkloadKeys.sessions.name,
      "a trace says when each of its requests comes, those of conversations too; accepted: with "
        + "an open or a closed loop")
    return true
  }

  private func complete(
    _ arrivals: Workload.Arrivals, _ classes: [RequestClass], _ requests: Int?,
    _ client: Workload.Client, _ workload: MappingCursor, timeLimitNs: Int64
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
      arrivals: arrivals, classes: classes, requests: count, client: client,
      timeLimitNs: timeLimitNs)
  }

  /// Nil with an error where it is refused.
  private func client(_ workload: MappingCursor) -> Workload.Client? {
    guard let client = workload.value(WorkloadKeys.client) else { return nil }
    let times = (client.value(ClientKeys.prepare), client.value(ClientKeys.send))
    guard let prepareNs = times.0, let sendNs = times.1 else { return nil }
    return Workload.Client(prepareNs: prepareNs, sendNs: sendNs)
  }

  /// The number of requests; the inner nil stands for all of a trace's.
  private func requests(_ workload: MappingCursor, isOptional: Bool) -> Int?? {
    guard let given = workload.given(WorkloadKeys.requests, isNeeded: !isOptional) else {
      return .some(nil)
    }
    return given.map { .some($0) }
  }
}
