/// One form of export.
protocol TraceExporter {
  /// Writes what a form has before its first run.
  func begin(_ runs: [ExportedRun], to file: ExportFile) throws(TraceError)
  /// Writes a run.
  mutating func write(
    _ run: ExportedRun, of source: ExportSource, to file: ExportFile
  ) throws(TraceError)
  /// Writes what a form has behind its last run.
  func end(to file: ExportFile) throws(TraceError)
}

extension TraceExporter {
  func begin(_ runs: [ExportedRun], to file: ExportFile) throws(TraceError) {}
  func end(to file: ExportFile) throws(TraceError) {}
}

/// A run with what is known of its scenario.
struct ExportedRun {
  let stored: StoredRun
  /// The scenario's name.
  let scenario: String
  /// What its requests' classes are called.
  let classes: [String]
  let traffic: StatedTraffic

  var id: Int64 { stored.id }
  var format: String { stored.description.format }
  /// What the model is called in the words of other tools.
  var modelName: String { traffic.modelName ?? "unknown" }

  /// The name of a class, or its number where the scenario has none of it.
  func className(_ requestClass: Int64) -> String {
    classes.indices.contains(Int(requestClass)) ? classes[Int(requestClass)] : "\(requestClass)"
  }

  /// The group of a replica; nil where no group has it.
  func group(of replica: Int64) -> GroupDescription? {
    stored.description.groups.first {
      $0.firstReplica >= 0 && replica >= $0.firstReplica
        && replica - $0.firstReplica < $0.replicas
    }
  }
}

/// Writes a trace in another program's form. Memory does not grow with the number of rows.
public struct TraceExport {
  private let reader: TraceReader
  private let options: ExportOptions
  private let describe: (ScenarioDescription) -> StatedTraffic

  /// An export of a trace.
  /// - Parameter describe: reads a scenario that the trace keeps.
  public init(
    of reader: TraceReader, options: ExportOptions,
    describe: @escaping (ScenarioDescription) -> StatedTraffic
  ) {
    self.reader = reader
    self.options = options
    self.describe = describe
  }

  /// Writes it.
  /// - Throws: `exportRefused` where the trace has not got what was asked for; `fileExists`,
  ///   `notARegularFile`, `notAFolder`, `noSuchFolder`, `busy`, `diskFull`, `io` of what is
  ///   written; `damaged` and `queryTimeLimit` of what is read.
  public func write(as form: ExportForm) throws(TraceError) {
    let source = try reader.exportSource(timeLimit: options.timeLimit)
    let runs = try chosenRuns(for: form)
    switch form {
    case .csv, .jsonl: try writeTables(of: source, runs, as: form)
    case .perfetto: try write(PerfettoExport(window: options.window), runs, source)
    case .otlp: try write(OTLPExport(), runs, source)
    case .prometheus: try write(PrometheusExport(), runs, source)
    case .vllmBench: try write(VLLMBenchExport(), runs, source)
    case .mooncake: try write(MooncakeExport(), runs, source)
    }
  }

  // MARK: Runs

  private func chosenRuns(for form: ExportForm) throws(TraceError) -> [ExportedRun] {
    if !form.isOfTables, try reader.sweep() != nil {
      throw refusal(
        "a sweep keeps the figures of its runs and no records, of which \(form.rawValue) is made. "
          + "Ask the query `sweep`, export it to csv or jsonl, or play a point's scenario by "
          + "`kvsim run`")
    }
    let all = try reader.runs()
    var chosen = all
    if let run = options.run {
      chosen = chosen.filter { $0.id == run }
    }
    if let format = options.format {
      chosen = chosen.filter { $0.description.format == format }
    }
    guard !chosen.isEmpty else { throw refusal("there is no such run; \(list(all))") }
    if !form.takesOpenRuns, let open = chosen.first(where: { $0.end == nil }) {
      throw refusal(
        "run \(open.id) has not ended, and \(form.rawValue) tells runs as a whole; \(list(all))")
    }
    guard form.takesSeveralRuns || chosen.count == 1 else {
      throw refusal(
        "\(form.rawValue) has room for one run, to be chosen by --run or --format; \(list(all))")
    }
    return try named(chosen)
  }

  private func named(_ runs: [StoredRun]) throws(TraceError) -> [ExportedRun] {
    // Runs of one file mostly share their scenario.
    var known: [Int64: (scenario: ScenarioDescription, traffic: StatedTraffic)] = [:]
    var named: [ExportedRun] = []
    for run in runs {
      let id = run.description.scenarioID
      if known[id] == nil {
        guard let scenario = try reader.scenario(id) else {
          throw .damaged(path: reader.path, reason: "run \(run.id) has no scenario")
        }
        known[id] = (scenario, describe(scenario))
      }
      let (scenario, traffic) = known[id]!
      named.append(
        ExportedRun(
          stored: run, scenario: scenario.name, classes: scenario.classes.map(\.name),
          traffic: traffic))
    }
    return named
  }

  private func list(_ runs: [StoredRun]) -> String {
    let shown = runs.prefix(20).map {
      "\($0.id) (\($0.description.format)\($0.end == nil ? ", not ended" : ""))"
    }
    let rest = runs.count > shown.count ? " and \(runs.count - shown.count) more" : ""
    return "it has " + (runs.isEmpty ? "no run" : "runs " + shown.joined(separator: ", ") + rest)
  }

  private func refusal(_ reason: String) -> TraceError {
    .exportRefused(path: reader.path, reason: reason)
  }

  // MARK: Files

  private func write(
    _ exporter: some TraceExporter, _ runs: [ExportedRun], _ source: ExportSource
  ) throws(TraceError) {
    var exporter = exporter
    let file = try singleFile()
    try exporter.begin(runs, to: file)
    for run in runs {
      try source.checkRows(of: run.stored)
      try exporter.write(run, of: source, to: file)
    }
    try exporter.end(to: file)
    try file.complete()
    try file.publish()
  }

  private func writeTables(
    of source: ExportSource, _ runs: [ExportedRun], as form: ExportForm
  ) throws(TraceError) {
    let all = try source.tables()
    let isChosen = options.run != nil || options.format != nil
    let rows = TableRows(source: source, runs: isChosen ? runs.map(\.stored) : nil)
    if let table = options.table {
      guard all.contains(table) else {
        throw refusal("there is no table `\(table)`; it has \(all.joined(separator: ", "))")
      }
      return try write([table], rows, as: form)
    }
    guard case .folder(let path) = options.target else { return try write(all, rows, as: form) }
    let folder = try ExportFolder(path, overwrites: options.overwrites)
    for table in all {
      let file = try folder.file("\(table).\(form.rawValue)")
      try rows.write(table, as: form, to: file)
      try file.complete()
    }
    try folder.publish()
  }

  private func write(
    _ tables: [String], _ rows: TableRows, as form: ExportForm
  ) throws(TraceError) {
    let file = try singleFile()
    for table in tables { try rows.write(table, as: form, to: file) }
    try file.complete()
    try file.publish()
  }

  private func singleFile() throws(TraceError) -> ExportFile {
    switch options.target {
    case .standardOutput: return ExportFile()
    case .file(let given), .folder(let given):
      let path = try TracePath(given)
      guard path.file != reader.file else {
        throw refusal("the export would replace the trace that it is made of")
      }
      return try ExportFile(path, overwrites: options.overwrites)
    }
  }
}
