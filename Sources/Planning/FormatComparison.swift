import CostModel
import Operators
import Scenario
import Simulator
import Trace

/// What one format came to in a scenario.
public struct FormatOutcome: Sendable {
  /// The format.
  public let format: KVFormat
  /// How the memory was divided, in each group of replicas.
  public let groups: [GroupPool]
  /// What happened.
  public let summary: RunSummary
  /// The digest of every row that the run left in the trace; nil where there is none.
  public let rowDigest: String?
  /// What went on over time; nil where nobody asked for it.
  public let timeline: RunTimeline?

  /// How the memory was divided in the first group.
  public var pool: PoolPlan { groups[0].pool }
}

/// A group of replicas in a run.
public struct GroupPool: Sendable {
  /// The group.
  public let group: ReplicaGroup
  /// The number of its first replica.
  public let firstReplica: Int
  /// The format in which its replicas keep keys and values.
  public let format: KVFormat
  /// How the memory of each of them is divided.
  public let pool: PoolPlan

  /// The numbers of its replicas.
  public var replicas: Range<Int> { firstReplica..<firstReplica + group.most }
}

extension ErrorEstimates {
  /// The estimate of a run's steps on some groups of replicas, whose first one's profile this is;
  /// nil where they were measured on several devices, or keep several formats: sums over these have
  /// none.
  public func error(of cost: StepCost, on groups: [GroupPool]) -> Double? {
    let first = groups[0]
    guard
      groups.allSatisfy({
        $0.group.setup.profile == first.group.setup.profile && $0.format == first.format
      })
    else { return nil }
    return error(of: cost, in: first.format)
  }
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
    let groups: [GroupPool]
    /// By group.
    let pricers: [StepPricer]

    /// An empty timeline of its replicas.
    var timeline: RunTimeline {
      RunTimeline(
        blocks: groups.reduce(0) { $0 + $1.group.most * $1.pool.blocks },
        replicas: groups.last?.replicas.upperBound ?? 0)
    }
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
  private let supposition: Supposition

  /// Divides the memory and tabulates the prices for each format.
  /// - Parameters:
  ///   - formats: some of the scenario's; nil stands for all of them.
  ///   - supposition: what is taken to be otherwise than it was measured.
  /// - Throws: `PlanningError.doesNotFit`, `.poolTooSmall`, or
  ///   ``PlanningError/profile(_:)``.
  public init(
    _ scenario: ServingScenario, formats: [KVFormat]? = nil,
    supposing supposition: Supposition = .none
  ) throws(PlanningError) {
    self.scenario = scenario
    self.supposition = supposition
    var entries: [Entry] = []
    for format in formats ?? scenario.formats {
      var groups: [GroupPool] = []
      var pricers: [StepPricer] = []
      for group in scenario.cluster.groups {
        let pool = try GroupPool(
          group, of: scenario, in: format, firstReplica: groups.last?.replicas.upperBound ?? 0)
        pricers.append(try ComparisonPlan.pricer(pool, of: scenario, supposition))
        groups.append(pool)
      }
      entries.append(Entry(format: format, groups: groups, pricers: pricers))
    }
    self.entries = entries
  }

  /// Runs every format and writes it to the trace, which is then finished.
  ///
  /// - Parameters:
  ///   - options: how to play it.
  ///   - version: of kvsim, for the trace.
  ///   - startedUTC: the wall clock, for the trace.
  ///   - report: called now and then.
  /// - Throws: ``PlanningError/trace(_:)``, ``PlanningError/timeLimit(_:)``; the writer
  ///   has then removed its file.
  public func run(
    writingTo writer: TraceWriter, options: PlayOptions = .fast, version: String,
    startedUTC: String,
    report: @escaping (Progress) -> Void
  ) throws(PlanningError) -> FormatComparison {
    let outcomes: [FormatOutcome]
    do throws(TraceError) {
      outcomes = try self.outcomes(
        writingTo: writer, options: options, version: version,
        startedUTC: startedUTC, report: report)
      if outcomes.last?.summary.reachedHorizon == false { try writer.finish() }
    } catch {
      throw .trace(error)
    }
    if let last = outcomes.last {
      if last.summary.reachedHorizon { writer.discard() }
      try checkEnded(last.summary, in: last.format)
    }
    return FormatComparison(scenario: scenario, outcomes: outcomes)
  }

  /// Runs every format and keeps no rows, in memory that does not grow with the requests.
  ///
  /// - Parameters:
  ///   - options: how to play it.
  ///   - report: called now and then.
  /// - Throws: ``PlanningError/timeLimit(_:)``.
  public func runWithoutTrace(
    options: PlayOptions = .fast, report: @escaping (Progress) -> Void
  ) throws(PlanningError) -> FormatComparison {
    var outcomes: [FormatOutcome] = []
    for (index, entry) in entries.enumerated() {
      let left: (Int) -> Void = { report(self.progress(of: index, done: $0)) }
      let summary: RunSummary
      var timeline: RunTimeline?
      if options.keepsTimelines {
        var recorder = ReportingRecorder(
          base: TimelineRecorder(base: NullRecorder(), timeline: entry.timeline), report: left)
        summary = play(entry, options, recordingInto: &recorder)
        timeline = recorder.base.timeline
      } else {
        var recorder = ReportingRecorder(base: NullRecorder(), report: left)
        summary = play(entry, options, recordingInto: &recorder)
      }
      try checkEnded(summary, in: entry.format)
      outcomes.append(
        FormatOutcome(
          format: entry.format, groups: entry.groups, summary: summary, rowDigest: nil,
          timeline: timeline))
    }
    return FormatComparison(scenario: scenario, outcomes: outcomes)
  }

  private func checkEnded(_ summary: RunSummary, in format: KVFormat) throws(PlanningError) {
    guard !summary.reachedHorizon else {
      throw .timeLimit(TimeLimitReached(format.name, scenario.workload, summary))
    }
  }

  private func progress(of index: Int, done: Int) -> Progress {
    let total = scenario.workload.requests
    return Progress(
      format: entries[index].format, done: index * total + done, total: entries.count * total)
  }

  /// The outcome of each format; the last one of those that were reached, if it met the horizon.
  private func outcomes(
    writingTo writer: TraceWriter, options: PlayOptions = .fast, version: String,
    startedUTC: String,
    report: @escaping (Progress) -> Void
  ) throws(TraceError) -> [FormatOutcome] {
    let scenarioID = try writer.addScenario(ScenarioDescription(scenario))
    let profileIDs = try addProfiles(to: writer)
    var outcomes: [FormatOutcome] = []
    for (index, entry) in entries.enumerated() {
      try writer.beginRun(
        RunDescription(
          scenarioID: scenarioID, format: entry.format.name, seed: scenario.seed,
          kvsimVersion: version, startedUTC: startedUTC,
          groups: zip(entry.groups, profileIDs).map { GroupDescription($0, profileID: $1) }))
      var recorder = ReportingRecorder(
        base: TimelineRecorder(
          base: writer, timeline: options.keepsTimelines ? entry.timeline : nil)
      ) {
        report(self.progress(of: index, done: $0))
      }
      outcomes.append(try play(entry, options, &recorder))
      if outcomes[index].summary.reachedHorizon { break }
    }
    return outcomes
  }

  /// Keeps the profile of each group, and each profile once; their numbers, by group.
  private func addProfiles(to writer: TraceWriter) throws(TraceError) -> [Int64] {
    var kept: [(checksum: String, id: Int64)] = []
    var ids: [Int64] = []
    for setup in scenario.cluster.groups.map(\.setup) {
      if let known = kept.first(where: { $0.checksum == setup.profileChecksum }) {
        ids.append(known.id)
        continue
      }
      let id = try writer.addProfile(ProfileDescription(setup))
      kept.append((setup.profileChecksum, id))
      ids.append(id)
    }
    return ids
  }

  /// How the memory is divided in each format, by group.
  public var pools: [[GroupPool]] { entries.map(\.groups) }

  /// Plays other requests than the scenario's in one format, by so many times its replicas.
  func play<Records: Recorder>(
    _ index: Int, _ workload: Workload, seed: UInt64, times: Int = 1,
    recordingInto recorder: inout Records
  ) throws(Records.Failure) -> RunSummary {
    try simulate(
      workload, seed: seed, cluster: cluster(entries[index], .fast).repeated(times),
      recorder: &recorder)
  }

  /// Runs one format alone, as a real engine did: to the last token of every request.
  /// - Throws: `PlanningError.timeLimit`, `.rejectedRequests`.
  func playWhole<Records: Recorder>(
    _ index: Int, _ options: PlayOptions, recordingInto recorder: inout Records
  ) throws(PlanningError) -> RunSummary where Records.Failure == Never {
    let entry = entries[index]
    let summary = play(entry, options, recordingInto: &recorder)
    try checkEnded(summary, in: entry.format)
    guard summary.rejectedRequests == 0 else {
      throw .rejectedRequests(summary.rejectedRequests)
    }
    return summary
  }

  /// Runs every format and sums its records up.
  /// - Throws: ``PlanningError/timeLimit(_:)``.
  func sweep(_ options: PlayOptions) throws(PlanningError) -> [SweptRun] {
    var runs: [SweptRun] = []
    for entry in entries {
      var records = RecordTotals()
      let summary = play(entry, options, recordingInto: &records)
      try checkEnded(summary, in: entry.format)
      runs.append(
        SweptRun(
          format: entry.format.name, seed: scenario.seed,
          groups: entry.groups.map {
            (GroupDescription($0, profileID: 0), ProfileDescription($0.group.setup))
          }, records: records, metrics: figures(summary, of: entry).metrics))
    }
    return runs
  }

  private func figures(_ summary: RunSummary, of entry: Entry) -> RunFigures {
    RunFigures(
      summary: summary, groups: entry.groups, classes: scenario.workload.classes.map(\.name))
  }

  private func play<Records: Recorder>(
    _ entry: Entry, _ options: PlayOptions, recordingInto recorder: inout Records
  ) throws(Records.Failure) -> RunSummary {
    try simulate(
      scenario.workload, seed: scenario.seed,
      cluster: cluster(entry, options), recorder: &recorder)
  }

  private func cluster(_ entry: Entry, _ options: PlayOptions) -> Cluster<StepPricer> {
    var members: [Cluster<StepPricer>.Member] = []
    for (own, pricer) in zip(entry.groups, entry.pricers) {
      let member = Cluster.Member(
        configuration: EngineConfiguration(
          options: own.group.setup.engine,
          poolBlocks: supposition.applied(toBlocks: own.pool.blocks),
          hostMemory: own.pool.hostMemory, maxPositions: scenario.model.maxPositions,
          usesExactSteps: options.usesExactSteps, keepsTokenTimes: options.keepsTokenTimes,
          checksInvariants: options.checksInvariants),
        pricer: pricer, role: own.group.role)
      members += Array(repeating: member, count: own.group.most)
    }
    return Cluster(
      members: members, routing: scenario.cluster.routing, transfer: transfer(entry),
      outages: scenario.cluster.outages,
      scaling: entry.groups.compactMap { own in
        own.group.autoscaling?.shifted(by: own.firstReplica)
      })
  }

  /// Whole blocks travel, whatever number of devices shares their heads.
  private func transfer(_ entry: Entry) -> KVTransfer? {
    guard let link = scenario.cluster.transferLink,
      let sender = entry.groups.first(where: { $0.group.role == .prefill })
    else { return nil }
    let heads = scenario.model.heads
    let page = PageLayout(
      format: sender.format, blockSize: sender.pool.blockSize, kvHeads: heads.kvHeads,
      headDim: heads.headDim)
    return KVTransfer(link: link, blockBytes: page.pageBytes * scenario.model.layers)
  }

  private func play(
    _ entry: Entry, _ options: PlayOptions,
    _ recorder: inout ReportingRecorder<TimelineRecorder<TraceWriter>>
  ) throws(TraceError) -> FormatOutcome {
    let summary = try play(entry, options, recordingInto: &recorder)
    let digest = try recorder.base.base.endRun(metrics: figures(summary, of: entry).metrics)
    return FormatOutcome(
      format: entry.format, groups: entry.groups, summary: summary, rowDigest: digest,
      timeline: recorder.base.timeline)
  }

  private static func pricer(
    _ own: GroupPool, of scenario: ServingScenario, _ supposition: Supposition
  ) throws(PlanningError) -> StepPricer {
    let setup = own.group.setup
    do throws(ProfileError) {
      return try StepPricer(
        model: scenario.model, format: own.format,
        profile: supposition.applied(to: setup.profile), maxSequences: setup.engine.maxNumSeqs,
        maxTokens: setup.engine.maxNumBatchedTokens,
        parallelism: setup.parallelism, host: setup.hostOverhead,
        drafting: setup.engine.speculation.map {
          Drafting(tokens: $0.draftTokens, model: setup.draftModel)
        })
    } catch {
      throw .profile(error)
    }
  }
}

extension GroupPool {
  /// Divides the memory of a group's replicas in a run of one format.
  fileprivate init(
    _ group: ReplicaGroup, of scenario: ServingScenario, in format: KVFormat, firstReplica: Int
  ) throws(PlanningError) {
    self.group = group
    self.firstReplica = firstReplica
    // As the group's kernels keep it.
    self.format = group.format ?? group.setup.profile.format(named: format.name) ?? format
    let requestTokens =
      scenario.workload.shortestCachedTokens + group.setup.engine.draftTokens
    let search = RemedySearch(
      model: scenario.model, setup: group.setup, formats: scenario.formats, format: self.format,
      requestTokens: requestTokens)
    pool = search.pool
    guard pool.shortfallBytes == 0 else {
      throw .doesNotFit(model: scenario.model.name, pool: pool, remedies: search.remedies())
    }
    guard search.suffices(pool) else {
      throw .poolTooSmall(
        format: self.format.name, pool: pool, requestTokens: requestTokens,
        remedies: search.remedies())
    }
  }
}

/// Passes records on and says now and then how many requests have left.
private struct ReportingRecorder<Base: Recorder>: Recorder {
  static var kinds: RecordedKinds { Base.kinds == .none ? .requests : Base.kinds }
  static var takesTime: Bool { Base.takesTime }

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

  mutating func record(_ event: EventRecord) throws(Base.Failure) {
    try base.record(event)
  }

  mutating func record(_ tokens: TokenRecord) throws(Base.Failure) {
    try base.record(tokens)
  }
}
