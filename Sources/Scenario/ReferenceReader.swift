import Operators
import Simulator

/// `reference`: what a real engine did with the scenario's load.
struct ReferenceReader {
  /// What of the scenario a reference has to fit; nil where that was refused itself.
  struct ScenarioParts {
    let workload: Workload?
    let formats: [KVFormat]?
    let tensorParallelSize: Int?
  }

  /// The scenario's folder, empty or with a slash at the end.
  let folder: String
  /// Errors in the files that `reference` names.
  private(set) var diagnosticsOfOtherFiles: [Diagnostic] = []

  private static let recordedRun = "the path of a recorded run, relative to this file"
  private static let published = "the path of a table of results, relative to this file"

  init(folder: String) {
    self.folder = folder
  }

  /// Nil where there is none, or it is refused with an error.
  mutating func reference(_ file: MappingCursor, for scenario: ScenarioParts) -> Reference? {
    guard let mapping = file.optional("reference")?.mapping(keys: SchemaKeys.reference) else {
      return nil
    }
    if let cursor = mapping.optional("published") {
      refuse(SchemaKeys.recordedRun, in: mapping, besides: "published")
      return published(cursor, mapping, scenario).map(Reference.published)
    }
    guard !mapping.isMisspelt("published"),
      let cursor = mapping.required(
        "requests",
        accepted: "\(ReferenceReader.recordedRun), or `published` with that of a table of results")
    else { return nil }
    refuse(SchemaKeys.publishedResults, in: mapping, besides: "requests")
    return recordedRun(cursor, mapping, scenario).map(Reference.recordedRun)
  }

  private func refuse(_ foreign: [String], in mapping: MappingCursor, besides key: String) {
    for name in foreign {
      mapping.refuse(
        key: name,
        "does not go with `\(key)`; accepted: "
          + [SchemaKeys.recordedRun, SchemaKeys.publishedResults].map { keys in
            keys.map { "`\($0)`" }.joined(separator: " and ")
          }.joined(separator: ", or "))
    }
  }

  // MARK: Recorded runs

  private mutating func recordedRun(
    _ cursor: Cursor, _ mapping: MappingCursor, _ scenario: ScenarioParts
  ) -> RecordedRun? {
    let log = mapping.optional("timeseries")
    let timeseries = log?.nonEmptyText(accepted: "the path of its log, relative to this file")
    guard let requests = cursor.nonEmptyText(accepted: ReferenceReader.recordedRun),
      log == nil || timeseries != nil
    else { return nil }
    let folder = folder
    let run = reading(cursor) { () throws(ScenarioError) in
      try RecordedRunFile.read(
        requests: SourceFile.path(requests, in: folder),
        timeseries: timeseries.map { SourceFile.path($0, in: folder) })
    }
    guard let run else { return nil }
    if let workload = scenario.workload, workload.requests != run.requests.count {
      mapping.log.report(
        at: mapping.position, key: cursor.path,
        "has \(run.requests.count) requests, but the workload has \(workload.requests); "
          + "accepted: the run whose requests are replayed")
    }
    return run
  }

  // MARK: Published results

  private mutating func published(
    _ cursor: Cursor, _ mapping: MappingCursor, _ scenario: ScenarioParts
  ) -> PublishedResults? {
    let overhead = mapping.optional("run_overhead").map { $0.nanoseconds() }
    guard let relative = cursor.nonEmptyText(accepted: ReferenceReader.published) else {
      return nil
    }
    let path = SourceFile.path(relative, in: folder)
    guard
      let table = reading(
        cursor, { () throws(ScenarioError) in try PublishedTableFile.read(path: path) }),
      let workload = scenario.workload, let formats = scenario.formats,
      let tensorParallelSize = scenario.tensorParallelSize, let runOverheadNs = overhead ?? 0
    else { return nil }
    let found = matching(cursor) { () throws(PublishedMatch.Refusal) in
      let match = try PublishedMatch(
        workload, formats: formats, tensorParallelSize: tensorParallelSize)
      return (match: match, entries: try match.entries(of: table))
    }
    guard let (match, entries) = found,
      let ofLoad = reading(
        cursor, { () throws(ScenarioError) in try table.rows(of: entries) })
    else { return nil }
    return matching(cursor) { () throws(PublishedMatch.Refusal) in
      PublishedResults(
        path: path, load: match.load, rows: try match.rows(of: ofLoad),
        runOverheadNs: runOverheadNs)
    }
  }

  /// What is read of the file that `cursor` names; nil with its errors where it is refused.
  private mutating func reading<Value>(
    _ cursor: Cursor, _ body: () throws(ScenarioError) -> Value
  ) -> Value? {
    do throws(ScenarioError) {
      return try body()
    } catch {
      diagnosticsOfOtherFiles += cursor.refuse(file: error)
      return nil
    }
  }

  /// What a table has for the scenario; nil with an error where that is nothing.
  private func matching<Value>(
    _ cursor: Cursor, _ body: () throws(PublishedMatch.Refusal) -> Value
  ) -> Value? {
    do throws(PublishedMatch.Refusal) {
      return try body()
    } catch {
      cursor.refuse(error.message)
      return nil
    }
  }
}
