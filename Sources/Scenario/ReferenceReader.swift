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

  init(folder: String) {
    self.folder = folder
  }

  /// Nil where there is none, or it is refused with an error.
  mutating func reference(_ file: MappingCursor, for scenario: ScenarioParts) -> Reference? {
    guard let mapping = file.given(ScenarioKeys.reference).flatMap({ $0 }) else { return nil }
    if mapping.optional(ReferenceKeys.published) != nil {
      refuse(ReferenceKeys.recordedRun, in: mapping, besides: ReferenceKeys.published.name)
      return published(mapping, scenario).map(Reference.published)
    }
    guard !mapping.isMisspelt(ReferenceKeys.published.name),
      let requests = mapping.required(
        ReferenceKeys.requests, instead: ", or `published` with that of a table of results")
    else { return nil }
    refuse(ReferenceKeys.publishedResults, in: mapping, besides: ReferenceKeys.requests.name)
    return recordedRun(requests, mapping, scenario).map(Reference.recordedRun)
  }

  private func refuse(_ foreign: [String], in mapping: MappingCursor, besides key: String) {
    for name in foreign {
      mapping.refuse(
        key: name,
        "does not go with `\(key)`; accepted: "
          + [ReferenceKeys.recordedRun, ReferenceKeys.publishedResults].map { keys in
            keys.map { "`\($0)`" }.joined(separator: " and ")
          }.joined(separator: ", or "))
    }
  }

  // MARK: Recorded runs

  private mutating func recordedRun(
    _ requests: GivenPath, _ mapping: MappingCursor, _ scenario: ScenarioParts
  ) -> RecordedRun? {
    guard let timeseries = mapping.given(ReferenceKeys.timeseries) ?? .some(nil) else { return nil }
    let folder = folder
    let run = reading(requests.cursor) { () throws(ScenarioError) in
      try RecordedRunFile.read(
        requests: requests.relative(to: folder), timeseries: timeseries?.relative(to: folder))
    }
    guard let run else { return nil }
    if let workload = scenario.workload, workload.requests != run.requests.count {
      mapping.log.report(
        at: mapping.position, key: requests.cursor.path,
        "has \(run.requests.count) requests, but the workload has \(workload.requests); "
          + "accepted: the run whose requests are replayed")
    }
    return run
  }

  // MARK: Published results

  private mutating func published(
    _ mapping: MappingCursor, _ scenario: ScenarioParts
  ) -> PublishedResults? {
    let overhead = mapping.value(ReferenceKeys.runOverhead)
    guard let given = mapping.value(ReferenceKeys.published) else { return nil }
    let (path, cursor) = (given.relative(to: folder), given.cursor)
    guard
      let table = reading(
        cursor, { () throws(ScenarioError) in try PublishedTableFile.read(path: path) }),
      let workload = scenario.workload, let formats = scenario.formats,
      let tensorParallelSize = scenario.tensorParallelSize, let runOverheadNs = overhead
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
