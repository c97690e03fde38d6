import CostModel
import Dispatch

/// Plays a workload against one engine: every request, from its arrival to its last token.
/// - Throws: what the recorder throws.
public func simulate<Pricer: StepPricing, Records: Recorder>(
  _ workload: Workload, seed: UInt64, configuration: EngineConfiguration, pricer: Pricer,
  recorder: inout Records
) throws(Records.Failure) -> RunSummary {
  try simulate(
    workload, seed: seed,
    cluster: Cluster(members: [.init(configuration: configuration, pricer: pricer)]),
    recorder: &recorder)
}

/// Plays a workload against a cluster: every request, from its arrival to its last token.
///
/// Deterministic: the same workload, seed, cluster and prices give the same records.
/// Between two events that can change a batch, decode steps are priced in closed form.
/// - Precondition: requests of several samples stand with a cluster that plays them.
/// - Throws: what the recorder throws.
public func simulate<Pricer: StepPricing, Records: Recorder>(
  _ workload: Workload, seed: UInt64, cluster: Cluster<Pricer>, recorder: inout Records
) throws(Records.Failure) -> RunSummary {
  try Play(workload, seed, cluster, Records.kinds).finish(recordingInto: &recorder)
}

/// The same at the prices of a profile, for which the loops are compiled by themselves.
/// - Throws: what the recorder throws.
public func simulate<Records: Recorder>(
  _ workload: Workload, seed: UInt64, cluster: Cluster<StepPricer>, recorder: inout Records
) throws(Records.Failure) -> RunSummary {
  try Play(workload, seed, cluster, Records.kinds).finish(recordingInto: &recorder)
}

/// A way to play a run, in stretches.
protocol Playing: SendableMetatype {
  /// Plays a stretch and leaves its records; false where the run is over.
  mutating func playOn(_ records: inout RecordBuffer) -> Bool
  /// The same, long enough for other work to be done meanwhile, on another core where one is free.
  mutating func playOn(
    _ records: inout RecordBuffer, beside work: @escaping @Sendable () -> Void
  ) -> Bool
  /// The figures of a run that is over.
  func summary() -> RunSummary
}

/// Records of a stretch for which it pays to wait for another core.
private let stretchRecords = 1 << 14

extension Playing {
  mutating func playOn(
    _ records: inout RecordBuffer, beside work: @escaping @Sendable () -> Void
  ) -> Bool {
    var goesOn = true
    withUnsafeMutablePointer(to: &self) { playing in
      withUnsafeMutablePointer(to: &records) { records in
        // These are the first iteration's alone.
        nonisolated(unsafe) let (playing, records) = (playing, records)
        nonisolated(unsafe) var playsOn = true
        DispatchQueue.concurrentPerform(iterations: 2) {
          guard $0 == 0 else { return work() }
          while playsOn, records.pointee.count < stretchRecords {
            playsOn = playing.pointee.playOn(&records.pointee)
          }
        }
        goesOn = playsOn
      }
    }
    return goesOn
  }
}

/// A run whose loop knows neither who records nor, from outside, which prices and scheduler it was
/// compiled for: so each pair of these is compiled by itself, and recorders do not multiply them.
private struct Play {
  private let records: RecordBuffer
  private let playOn: (inout RecordBuffer) -> Bool
  private let playBeside: (inout RecordBuffer, @escaping @Sendable () -> Void) -> Bool
  private let summary: () -> RunSummary

  init<Pricer: StepPricing>(
    _ workload: Workload, _ seed: UInt64, _ cluster: Cluster<Pricer>, _ kinds: RecordedKinds
  ) {
    precondition(!workload.hasSamples || cluster.playsSamples)
    switch cluster.members[0].configuration.options.scheduler {
    case .vllm, .sarathi, .shortestPromptFirst:
      self.init(workload, seed, cluster, ContinuousBatching(), kinds)
    case .priority, .edf: self.init(workload, seed, cluster, PreemptiveBatching(), kinds)
    case .vllmV0: self.init(workload, seed, cluster, WholePrompts(), kinds)
    case .sglang: self.init(workload, seed, cluster, PrefillFirst(), kinds)
    case .staticBatching: self.init(workload, seed, cluster, StaticBatching(), kinds)
    }
  }

  private init<Pricer: StepPricing>(
    _ workload: Workload, _ seed: UInt64, _ cluster: Cluster<Pricer>, _ scheduler: some Scheduler,
    _ kinds: RecordedKinds
  ) {
    if cluster.dealsOut(workload) {
      self.init(
        IndependentReplicas(
          workload, seed: seed, cluster: cluster, scheduler: scheduler, recording: kinds), kinds)
    } else {
      self.init(Engine(workload, seed: seed, cluster: cluster, scheduler: scheduler), kinds)
    }
  }

  private init(_ engine: some Playing, _ kinds: RecordedKinds) {
    var engine = engine
    records = RecordBuffer(kinds)
    playOn = { engine.playOn(&$0) }
    playBeside = { engine.playOn(&$0, beside: $1) }
    summary = { engine.summary() }
  }

  func finish<Records: Recorder>(
    recordingInto recorder: inout Records
  ) throws(Records.Failure) -> RunSummary {
    guard !Records.takesTime else { return try finish(recordingBeside: &recorder) }
    var records = records
    var isOver = false
    while !isOver {
      isOver = !playOn(&records)
      try records.passAll(to: &recorder)
    }
    return summary()
  }

  /// Plays each stretch while the one before is recorded.
  private func finish<Records: Recorder>(
    recordingBeside recorder: inout Records
  ) throws(Records.Failure) -> RunSummary {
    var (next, last) = (records, records)
    var isOver = false
    var failure: Records.Failure?
    while !isOver {
      withUnsafeMutablePointer(to: &recorder) { recorder in
        withUnsafeMutablePointer(to: &last) { last in
          // Both are the work's alone, which is done when the stretch has been played.
          nonisolated(unsafe) let (recorder, last) = (recorder, last)
          nonisolated(unsafe) var failed: Records.Failure?
          isOver = !playBeside(&next) {
            do throws(Records.Failure) {
              try last.pointee.passAll(to: &recorder.pointee)
            } catch {
              failed = error
            }
          }
          failure = failed
        }
      }
      if let failure { throw failure }
      swap(&next, &last)
    }
    try last.passAll(to: &recorder)
    return summary()
  }
}
