import Kernels
import Operators

/// Runs the cases of a plan on kernels and judges what comes out.
///
/// Data is made once per case and shown to every path. All operators but append are compared
/// with Double on the same stored K and V (``Reference``), so that their error is the kernel's and
/// not the format's; append is judged apart (``AppendJudge``). Outputs start as NaN with sentinels
/// behind them, and pools start full of other data.
public struct CheckSuite {
  /// The cases.
  public let plan: CheckPlan
  private let backends: [any KernelBackend]
  /// Writes the caches that all paths read, and gives the bytes that all paths must write.
  private let writer: any KernelBackend
  private let peer: (any KernelBackend)?
  private var report: CheckReport
  private var places: [TallyKey: Int] = [:]

  private struct TallyKey: Hashable {
    let kind: CheckOperator
    let format: KVFormat?
    let path: String
  }

  /// - Parameters:
  ///   - backends: what is checked; their `kernelPath`s are the names in the report.
  ///   - writer: the scalar kernels.
  ///   - peer: kernels of another device, on which every case runs once more: what is checked must
  ///     come as near to them as to the reference.
  public init(
    plan: CheckPlan, backends: [any KernelBackend], writer: any KernelBackend,
    peer: (any KernelBackend)? = nil
  ) {
    self.plan = plan
    self.backends = backends
    self.writer = writer
    self.peer = peer
    report = CheckReport(plan: plan, backends: backends, peer: peer)
  }

  /// Runs every case, or the one with index `only`, and the properties.
  ///
  /// - Parameter progress: told the share of the work that is done, and what comes next.
  /// - Throws: what the writer refuses; what a checked backend refuses is a failed case.
  public func run(
    only: Int? = nil, progress: (Double, String) -> Void = { _, _ in }
  ) throws(DeviceError) -> CheckReport {
    var suite = self
    try suite.proceed(only: only, progress: progress)
    return suite.report
  }

  private mutating func proceed(
    only: Int?, progress: (Double, String) -> Void
  ) throws(DeviceError) {
    listTallies()
    let chosen = only.map { only in plan.cases.filter { $0.index == only } } ?? plan.cases
    let total = Double(chosen.reduce(1) { $0 + $1.work })
    var done = 0.0
    for each in chosen {
      report.coverage.add(each.operand)
      let trial = try trial(each)
      progress(done / total, trial.format?.name ?? each.operators[0].rawValue)
      check(each, trial)
      done += Double(each.work)
    }
    if only == nil {
      progress(1, "properties")
      for backend in backends {
        let properties = try CheckProperties(seed: plan.seed, backend: backend, writer: writer)
          .run()
        report.properties += properties.tallies
        report.failures += properties.failures
      }
    }
    report.tallies.removeAll { $0.cases == 0 }
    report.comparisons.removeAll { $0.cases == 0 }
  }

  /// A row for every combination, in the order in which tables show them.
  private mutating func listTallies() {
    for kind in CheckOperator.allCases {
      for format in kind.hasPages ? CheckPlan.formats.map(Optional.some) : [nil] {
        for path in report.paths {
          places[TallyKey(kind: kind, format: format, path: path)] = report.tallies.count
          report.tallies.append(CheckReport.Tally(kind: kind, format: format, path: path))
        }
      }
      guard peer != nil else { continue }
      report.comparisons += report.paths.map { CheckReport.Comparison(kind: kind, path: $0) }
    }
  }

  // MARK: One case

  private func trial(_ each: CheckCase) throws(DeviceError) -> any Trial {
    var random = CheckRandom(seed: plan.seed, index: each.index)
    switch each.operand {
    case .attention(let shape):
      return try AttentionTrial(shape, writer: writer, random: &random)
    case .linear(let shape): return LinearTrial(shape, random: &random)
    case .small(let shape): return SmallOperatorTrial(shape, random: &random)
    }
  }

  private mutating func check(_ each: CheckCase, _ trial: any Trial) {
    for kind in each.operators {
      let expectation = trial.expectation(of: kind)
      let theirs = peer.map { ($0.kernelPath, trial.outcome(of: kind, on: $0)) }
      for backend in backends {
        let path = backend.kernelPath
        let outcome = trial.outcome(of: kind, on: backend)
        count(
          Verdict(outcome, against: expectation), kind, trial.format, path, each.index,
          each.operand.description)
        if case .refused = outcome { continue }
        guard let (peer, theirs) = theirs else { continue }
        var verdict = Verdict(fault: "\(peer) refused")
        if let expected = Expectation(theirs, of: peer, parts: expectation.parts) {
          verdict = Verdict(outcome, against: expected)
        }
        compare(verdict, kind, path, peer, each)
      }
    }
  }

  private mutating func count(
    _ verdict: Verdict, _ kind: CheckOperator, _ format: KVFormat?, _ path: String, _ index: Int,
    _ shape: String
  ) {
    guard let place = places[TallyKey(kind: kind, format: format, path: path)] else {
      preconditionFailure("every combination of the plan has a row")
    }
    report.tallies[place].cases += 1
    if let error = verdict.error, !(error <= report.tallies[place].worst) {
      report.tallies[place].worst = error
    }
    let limit = kind == .append ? 1 : CheckReport.gate
    let reason = verdict.reason(limit: limit)
    if kind != .append, let error = verdict.error, !(error <= CheckReport.aim) {
      report.tallies[place].aboveAim += 1
      if reason == nil {
        report.remarks.append(
          CheckReport.Remark(index: index, kind: kind, path: path, shape: shape, error: error))
      }
    }
    guard let reason else { return }
    report.tallies[place].failed += 1
    report.failures.append(
      CheckReport.Failure(
        index: index, subject: kind.rawValue, path: path, shape: shape, reason: reason))
  }

  private mutating func compare(
    _ verdict: Verdict, _ kind: CheckOperator, _ path: String, _ peer: String, _ each: CheckCase
  ) {
    let place = report.comparisons.firstIndex { $0.kind == kind && $0.path == path }!
    report.comparisons[place].cases += 1
    if let error = verdict.error, !(error <= report.comparisons[place].worst) {
      report.comparisons[place].worst = error
    }
    guard let reason = verdict.reason(limit: CheckReport.gate) else { return }
    report.comparisons[place].failed += 1
    report.failures.append(
      CheckReport.Failure(
        index: each.index, subject: "\(kind.rawValue) against \(peer)", path: path,
        shape: each.operand.description, reason: reason))
  }
}
