import Simulator

/// `arrivals` of process `clients`: a table of clients, each with a rate and a coefficient of
/// variation of its own, as ServeGen finds them in the traffic of large services (Xiang et al.,
/// "ServeGen: workload characterization and generation of large language model serving in
/// production", 2025).
struct ClientTableReader {
  private static let columns = ["client", "rate", "cv"]

  /// The scenario's folder, empty or with a slash at the end.
  let folder: String
  /// How many requests have to come.
  let requests: Int
  /// Errors in the table.
  private(set) var diagnosticsOfTable: [Diagnostic] = []

  init(folder: String, requests: Int) {
    self.folder = folder
    self.requests = requests
  }

  /// A stream a client; nil with at least one error where they are refused.
  mutating func streams(_ arrivals: MappingCursor) -> [Workload.Stream]? {
    let scale = arrivals.value(ArrivalKeys.rateScale)
    guard let path = arrivals.value(ArrivalKeys.file), let scale else { return nil }
    do throws(ScenarioError) {
      let file = try SourceFile.read(
        path: path.relative(to: folder), limit: Limits.clientTableBytes)
      let streams = try ClientTableReader.parse(file, scale: scale)
      return isSuitable(streams, path.cursor) ? streams : nil
    } catch {
      diagnosticsOfTable += path.cursor.refuse(file: error)
      return nil
    }
  }

  /// Whether so many requests come, and not more than one a nanosecond.
  private func isSuitable(_ streams: [Workload.Stream], _ cursor: Cursor) -> Bool {
    let rate = streams.reduce(0.0) { sum, stream in
      guard case .gamma(let rate, _) = stream.arrivals else { return sum }
      return sum + rate
    }
    guard Double(requests) / rate <= Limits.arrivalSeconds else {
      cursor.refuse("at these rates the requests take more than a hundred years to arrive")
      return false
    }
    guard rate <= 1e9 else {
      cursor.refuse("all clients together send more than one request a nanosecond")
      return false
    }
    return true
  }

  static func parse(_ file: SourceFile, scale: Double) throws(ScenarioError) -> [Workload.Stream] {
    let log = DiagnosticLog(file: file.path, dialect: .csv)
    let table = CSVTable(file, columns: columns, into: log)
    try log.throwIfAny()
    guard let table else { preconditionFailure("a table is neither read nor refused") }
    let others = table.columns(beside: columns)
    if !others.isEmpty {
      log.report(
        at: .start,
        "the header has \(others.map(Escaping.quoted).joined(separator: ", ")) too; accepted: "
          + "columns `client`, `rate`, `cv` alone")
      try log.throwIfAny()
    }
    if !(1...Limits.clients).contains(table.rows.count) {
      log.report(
        at: .start, "\(table.rows.count) clients; accepted: from 1 to \(Limits.clients)")
      try log.throwIfAny()
    }
    var streams: [Workload.Stream] = []
    var names: Set<String> = []
    for row in table.rows {
      guard !log.isFull else { break }
      let rate = table.number(row, "rate", in: Limits.clientRates)
      let cv = table.number(row, "cv", in: Limits.gapVariations)
      let name = table.word(row, "client")
      guard !name.isEmpty, name.unicodeScalars.count <= Limits.nameCharacters,
        names.insert(name).inserted
      else {
        table.refuse(
          row, "client", "a name of its own, at most \(Limits.nameCharacters) characters")
        continue
      }
      guard let rate, let cv else { continue }
      streams.append(
        Workload.Stream(
          name: name,
          arrivals: .gamma(requestsPerSecond: rate * scale, burstiness: 1 / (cv * cv))))
    }
    try log.throwIfAny()
    return streams
  }
}
