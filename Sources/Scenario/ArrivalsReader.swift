import Simulator

/// `arrivals`: when requests come, of a workload or of one of its classes.
struct ArrivalsReader {
  /// The scenario's folder, empty or with a slash at the end.
  let folder: String
  /// The run's seed, of which a replay's jitter is drawn.
  let seed: UInt64
  /// Errors in the files that arrivals name.
  private(set) var diagnosticsOfOtherFiles: [Diagnostic] = []

  init(folder: String, seed: UInt64) {
    self.folder = folder
    self.seed = seed
  }

  /// What requests come by, of which `requests` have to come; nil with at least one error where it
  /// is refused.
  mutating func arrivals(
    _ arrivals: MappingCursor, process: String, requests: Int
  ) -> Workload.Arrivals? {
    refuseForeignKeys(arrivals, process)
    switch process {
    case ArrivalKeys.closedLoop: return ClosedLoopReader().arrivals(arrivals)
    case ArrivalKeys.replay:
      var reader = ReplayReader(folder: folder, seed: seed)
      defer { diagnosticsOfOtherFiles += reader.diagnosticsOfTrace }
      return reader.replay(arrivals)
    case ArrivalKeys.clients:
      var reader = ClientTableReader(folder: folder, requests: requests)
      defer { diagnosticsOfOtherFiles += reader.diagnosticsOfTable }
      return reader.streams(arrivals).map { .superposed($0) }
    default:
      return OpenLoopReader(requests: requests).arrivals(arrivals, process: process)
    }
  }

  /// The streams of a class, which has the arrivals to itself; nil with at least one error where
  /// they are refused.
  mutating func streams(
    _ requestClass: MappingCursor, place: Int, name: String
  ) -> [Workload.Stream]? {
    guard let mapping = requestClass.value(ClassKeys.arrivals),
      let process = mapping.value(ArrivalKeys.openLoop),
      // Others may bring most of the requests.
      let arrivals = arrivals(mapping, process: process, requests: 1)
    else { return nil }
    guard case .superposed(let streams) = arrivals else {
      return [Workload.Stream(name: name, arrivals: arrivals, requestClass: place)]
    }
    return streams.map { stream in
      Workload.Stream(
        name: "\(name)/\(stream.name)", arrivals: stream.arrivals, requestClass: place)
    }
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
