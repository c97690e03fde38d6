import CostModel
import Operators
import Scenario
import Simulator
import Trace

/// What one format came to in a scenario.
public struct FormatOutcome: Sendable {
  /// The format.
  public let format: KVFormat
  /// How the memory was divided.
  public let pool: PoolPlan
  /// What happened.
  public let summary: RunSummary
  /// The digest of every row that the run left in the trace; nil where there is none.
  public let rowDigest: String?
}

/// One scenario in several formats, which see the very same arrivals and lengths.
public struct FormatComparison: Sendable {
  /// The scenario.
  public let scenario: ServingScenario
  /// One outcome a format, in the scenario's order.
  public let outcomes: [FormatOutcome]
}

/// A comparison that is known to be possible: every format fits and has its prices. To be made
/// before any file is.
public struct ComparisonPlan: Sendable {
  private struct Entry: Sendable {
    let format: KVFormat
    let pool: PoolPlan
    let pricer: StepPricer
  }

  /// How far a comparison has come.
  public struct Progress: Sendable {
    /// The format being run.
    public let format: KVFormat
    /// Requests that have left, over all formats.
    public let done: Int
    /// Requests over all formats.
    public let total: Int
  }

  /// The scenario to run.
  public let scenario: ServingScenario
  private let entries: [Entry]

  /// Divides the memory and tabulates the prices for each format.
  /// - Parameter formats: some of the scenario's; nil stands for all of them.
  /// - Throws: `PlanningError.doesNotFit`, `.poolTooSmall`, or
  ///   ``PlanningError/profile(_:)``.
  public init(
    _ scenario: ServingScenario, formats: [KVFormat]? = nil
  ) throws(PlanningError) {
    self.scenario = scenario
    var entries: [Entry] = []
    let requestTokens = scenario.workload.shortestCachedTokens + scenario.engine.draftTokens
    for format in formats ?? scenario.formats {
      let pool = try ComparisonPlan.pool(scenario, format, requestTokens: requestTokens)
      do throws(ProfileError) {
        let pricer = try StepPricer(
          model: scenario.model, format: format, profile: scenario.profile,
          maxSequences: scenario.engine.maxNumSeqs,
          maxTokens: scenario.engine.maxNumBatchedTokens, parallelism: scenario.parallelism,
          host: scenario.hostOverhead,
          drafting: scenario.engine.speculation.map {
            Drafting(tokens: $0.draftTokens, model: scenario.draftModel)
          })
        entries.append(Entry(format: format, pool: pool, pricer: pricer))
      } catch {
        throw .profile(error)
      }
    }
    self.entries = entries
  }

  /// Runs every format and writes it to the trace, which is then finished.
  ///
  /// - Parameters:
  ///   - usesExactSteps: walk every decode step instead of jumping over runs of them.
  ///   - version: of kvsim, for the trace.
  ///   - startedUTC: the wall clock, for the trace.
  ///   - report: called now and then.
  /// - Throws: ``PlanningError/trace(_:)``, ``PlanningError/beyondHorizon(format:)``; the writer
  ///   has then removed its file.
  public func run(
    writingTo writer: TraceWriter, usesExactSteps: Bool, version: String, startedUTC: String,
    report: @escaping (Progress) -> Void
  ) throws(PlanningError) -> FormatComparison {
    let outcomes: [FormatOutcome]
    do throws(TraceError) {
      outcomes = try self.outcomes(
        writingTo: writer, usesExactSteps: usesExactSteps, version: version,
        startedUTC: startedUTC, report: report)
      if outcomes.last?.summary.reachedHorizon == false { try writer.finish() }
    } catch {
      throw .trace(error)
    }
    if let last = outcomes.last, last.summary.reachedHorizon {
      writer.discard()
      throw .beyondHorizon(format: last.format.name)
    }
    return FormatComparison(scenario: scenario, outcomes: outcomes)
  }

  /// Runs every format and keeps no rows, in memory that does not grow with the requests.
  /// - Throws: ``PlanningError/beyondHorizon(format:)``.
  public func runWithoutTrace(
    usesExactSteps: Bool, report: @escaping (Progress) -> Void
  ) throws(PlanningError) -> FormatComparison {
    var outcomes: [FormatOutcome] = []
    for (index, entry) in entries.enumerated() {
      var recorder = ReportingRecorder(base: NullRecorder()) {
        report(self.progress(of: index, done: $0))
      }
      let summary = play(entry, usesExactSteps: usesExactSteps, recordingInto: &recorder)
      guard !summary.reachedHorizon else { throw .beyondHorizon(format: entry.format.name) }
      outcomes.append(
        FormatOutcome(format: entry.format, pool: entry.pool, summary: summary, rowDigest: nil))
    }
    return FormatComparison(scenario: scenario, outcomes: outcomes)
  }

  private func progress(of index: Int, done: Int) -> Progress {
    let total = scenario.workload.requests
    return Progress(
      format: entries[index].format, done: index * total + done, total: entries.count * total)
  }

  /// The outcome of each format; the last one of those that were reached, if it met the horizon.
  private func outcomes(
    writingTo writer: TraceWriter, usesExactSteps: Bool, version: String, startedUTC: String,
    report: @escaping (Progress) -> Void
  ) throws(TraceError) -> [FormatOutcome] {
    let scenarioID = try writer.addScenario(
      ScenarioDescription(
        name: scenario.name, sourcePath: scenario.path, text: scenario.text,
        modelJSON: scenario.modelText, linkJSON: scenario.linkText,
        classes: scenario.workload.classes.map(ClassDescription.init)))
    let profileID = try writer.addProfile(
      ProfileDescription(
        name: scenario.profilePath, device: scenario.profile.device.name,
        kernelPath: scenario.profile.device.kernelPath,
        provenance: scenario.profile.provenance.rawValue,
        checksum: scenario.profileChecksum, text: scenario.profileText))
    var outcomes: [FormatOutcome] = []
    for (index, entry) in entries.enumerated() {
      try writer.beginRun(
        RunDescription(
          scenarioID: scenarioID, profileID: profileID, format: entry.format.name,
          seed: scenario.seed, kvsimVersion: version, startedUTC: startedUTC,
          kvBytesPerToken: Int64(entry.pool.kvBytesPerToken),
          poolTokens: Int64(entry.pool.tokens), poolBlocks: Int64(entry.pool.blocks),
          blockSize: Int64(entry.pool.blockSize)))
      var recorder = ReportingRecorder(base: writer) {
        report(self.progress(of: index, done: $0))
      }
      outcomes.append(try play(entry, usesExactSteps: usesExactSteps, &recorder))
      if outcomes[index].summary.reachedHorizon { break }
    }
    return outcomes
  }

  /// How the memory is divided in each format.
  public var pools: [PoolPlan] { entries.map(\.pool) }

  /// Runs one format alone, as a real engine did: to the last token of every request.
  /// - Throws: `PlanningError.beyondHorizon`, `.rejectedRequests`.
  func playWhole<Records: Recorder>(
    _ index: Int, usesExactSteps: Bool, recordingInto recorder: inout Records
  ) throws(PlanningError) -> RunSummary where Records.Failure == Never {
    let entry = entries[index]
    let summary = play(entry, usesExactSteps: usesExactSteps, recordingInto: &recorder)
    guard !summary.reachedHorizon else { throw .beyondHorizon(format: entry.format.name) }
    guard summary.rejectedRequests == 0 else {
      throw .rejectedRequests(summary.rejectedRequests)
    }
    return summary
  }

  private func play<Records: Recorder>(
    _ entry: Entry, usesExactSteps: Bool, recordingInto recorder: inout Records
  ) throws(Records.Failure) -> RunSummary {
    let member = Cluster.Member(
      configuration: EngineConfiguration(
        options: scenario.engine, poolBlocks: entry.pool.blocks,
        hostMemory: entry.pool.hostMemory, maxPositions: scenario.model.maxPositions,
        usesExactSteps: usesExactSteps),
      pricer: entry.pricer)
    return try simulate(
      scenario.workload, seed: scenario.seed,
      cluster: Cluster(
        members: Array(repeating: member, count: scenario.cluster.replicas),
        routing: scenario.cluster.routing),
      recorder: &recorder)
  }

  private func play(
    _ entry: Entry, usesExactSteps: Bool, _ recorder: inout ReportingRecorder<TraceWriter>
  ) throws(TraceError) -> FormatOutcome {
    let summary = try play(entry, usesExactSteps: usesExactSteps, recordingInto: &recorder)
    let digest = try recorder.base.endRun(
      metrics: RunFigures(
        summary: summary, pool: entry.pool, classes: scenario.workload.classes.map(\.name)
      ).metrics)
    return FormatOutcome(
      format: entry.format, pool: entry.pool, summary: summary,
      rowDigest: digest)
  }

  private static func pool(
    _ scenario: ServingScenario, _ format: KVFormat, requestTokens: Int
  ) throws(PlanningError) -> PoolPlan {
    let search = RemedySearch(scenario: scenario, format: format, requestTokens: requestTokens)
    let pool = search.pool
    guard pool.shortfallBytes == 0 else {
      throw .doesNotFit(model: scenario.model.name, pool: pool, remedies: search.remedies())
    }
    guard search.suffices(pool) else {
      throw .poolTooSmall(
        format: format.name, pool: pool, requestTokens: requestTokens, remedies: search.remedies())
    }
    return pool
  }
}

/// Passes records on and says now and then how many requests have left.
private struct ReportingRecorder<Base: Recorder>: Recorder {
  static var kinds: RecordedKinds { Base.kinds == .none ? .requests : Base.kinds }

  var base: Base
  let report: (Int) -> Void
  private var left = 0

  init(base: Base, report: @escaping (Int) -> Void) {
    self.base = base
    self.report = report
  }

  mutating func record(_ request: RequestRecord) throws(Base.Failure) {
    try base.record(request)
    left += 1
    if left % 64 == 0 { report(left) }
  }

  mutating func record(_ run: StepRecord) throws(Base.Failure) {
    try base.record(run)
  }
}
