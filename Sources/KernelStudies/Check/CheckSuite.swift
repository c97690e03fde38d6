import Kernels
import Operators

/// Runs the cases of a plan on kernels and judges what comes out.
///
/// Data is made once per case and shown to every path. Attention, gather and linear are compared
/// with Double on the same stored K and V (``Reference``), so that their error is the kernel's and
/// not the format's; append is judged apart (``AppendJudge``). Outputs start as NaN with sentinels
/// behind them, and pools start full of other data.
public struct CheckSuite {
  /// The cases.
  public let plan: CheckPlan
  let backends: [any KernelBackend]
  /// Writes the caches that all paths read, and gives the bytes that all paths must write.
  private let writer: any KernelBackend
  private var report: CheckReport
  private var places: [TallyKey: Int] = [:]

  /// Outputs of a dense layer that are judged together: one wrong one among 100,000 would not show,
  /// and one alone may be near zero, where rounding is large beside it.
  private static let linearPart = 16

  private struct TallyKey: Hashable {
    let kind: CheckOperator
    let format: KVFormat?
    let path: String
  }

  /// - Parameters:
  ///   - backends: what is checked; their `kernelPath`s are the names in the report.
  ///   - writer: the scalar kernels.
  public init(plan: CheckPlan, backends: [any KernelBackend], writer: any KernelBackend) {
    self.plan = plan
    self.backends = backends
    self.writer = writer
    report = CheckReport(
      seed: plan.seed, extent: plan.extent, paths: backends.map(\.kernelPath))
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
      switch each.operand {
      case .attention(let shape):
        progress(done / total, shape.format.name)
        try check(each, shape)
      case .linear(let shape):
        progress(done / total, "linear")
        check(each, shape)
      case .small(let shape):
        progress(done / total, shape.kind.rawValue)
        check(each, shape)
      }
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
    }
  }

  // MARK: One case

  private mutating func check(_ each: CheckCase, _ shape: AttentionShape) throws(DeviceError) {
    var random = CheckRandom(seed: plan.seed, index: each.index)
    let world = try AttentionWorld(shape, writer: writer, random: &random)
    let heads = shape.heads, row = heads.queryHeads * heads.headDim
    var queries = random.normals(max(world.sequences.count, shape.chunk) * row)
    for (channel, scale) in shape.channelScales {
      for i in stride(from: channel, to: queries.count, by: heads.headDim) { queries[i] /= scale }
    }
    let decoded = world.sequences.indices.flatMap { sequence in
      world.expected(
        sequence, tokens: 1, queries: queries[sequence * row..<(sequence + 1) * row],
        options: shape.options)
    }
    let prefilled = world.expected(
      0, tokens: shape.chunk, queries: queries[..<(shape.chunk * row)], options: shape.options)
    let stored = world.sequences.map { sequence in
      [false, true].map { Reference.gathered(world.pages, sequence, isValue: $0) }
    }
    let share = AppendJudge(world.pages).worstShare(world)
    let trial = AttentionTrial(world: world, shape: shape, queries: queries)
    for backend in backends {
      let path = backend.kernelPath
      func judge(_ kind: CheckOperator, _ verdict: Verdict) {
        count(verdict, kind, shape.format, path, each.index, shape.description)
      }
      judge(.append, trial.append(backend, share: share))
      judge(.gather, trial.gather(backend, expected: stored))
      judge(.decode, trial.decode(backend, expected: decoded))
      judge(.prefill, trial.prefill(backend, expected: prefilled))
    }
  }

  private mutating func check(_ each: CheckCase, _ shape: LinearShape) {
    var random = CheckRandom(seed: plan.seed, index: each.index)
    let activations = random.normals(shape.tokens * shape.inputs)
    let weights = random.normals(shape.outputs * shape.inputs).map { Float16($0) }
    let expected = Reference.linear(
      activations, weights: weights, tokens: shape.tokens, outputs: shape.outputs,
      inputs: shape.inputs)
    let bits = weights.map(\.bitPattern)
    for backend in backends {
      let parts = max(1, expected.count / CheckSuite.linearPart)
      let verdict = Verdict.of(expected: expected, parts: parts) { (output) throws(DeviceError) in
        try backend.linear(
          activations, weights: bits, tokens: shape.tokens, outputs: shape.outputs,
          inputs: shape.inputs, into: &output)
      }
      count(verdict, .linear, nil, backend.kernelPath, each.index, shape.description)
    }
  }

  mutating func count(
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
}

/// What one operator did on one path.
struct Verdict {
  /// NMSE, or for append the share of what an element may err by; nil where nothing came out.
  var error: Double?
  /// What is wrong besides the size of the error.
  var fault: String?

  /// Compares what `body` writes into a guarded output with what is expected. Of several `parts` of
  /// one size, the rest belonging to the last, each is judged by itself and the worst counts: a
  /// large one's error would hide that of a small one.
  static func of(
    expected: [Double], parts: Int = 1, _ body: (inout [Float]) throws(DeviceError) -> Void
  ) -> Verdict {
    var output = GuardedOutput(count: expected.count)
    do throws(DeviceError) {
      try body(&output.floats)
    } catch {
      return Verdict(fault: "refused: \(error)")
    }
    let size = expected.count / parts
    let verdicts = (0..<parts).map { part in
      let range = part * size..<(part + 1 < parts ? (part + 1) * size : expected.count)
      return Verdict(
        error: Statistics.normalisedMeanSquaredError(
          output.written[range], expected[range]))
    }
    let fault = output.sentinelsSurvive ? nil : "wrote behind its output"
    return verdicts.reduce(Verdict(error: 0, fault: fault)) { $0.joined($1) }
  }

  /// Why the verdict is a failure; nil where it is none.
  func reason(limit: Double) -> String? {
    if let fault { return fault }
    guard let error else { return "nothing came out" }
    if error.isNaN { return "an output is NaN or was not written" }
    return error <= limit ? nil : "error \(error) is above \(limit)"
  }

  /// The worse of two.
  func joined(_ other: Verdict) -> Verdict {
    guard let error, let otherError = other.error else {
      return Verdict(fault: fault ?? other.fault)
    }
    let worse = error <= otherError ? otherError : error
    return Verdict(
      error: otherError.isNaN ? otherError : worse, fault: fault ?? other.fault)
  }
}
