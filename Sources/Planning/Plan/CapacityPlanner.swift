import CostModel
import Dispatch
import Operators
import Scenario
import Simulator
import Synchronization
import Trace

/// How a plan is made.
public struct PlannerOptions: Hashable, Sendable {
  /// How wide half the confidence interval of a load may be, as a share of the load.
  public var tolerance = 0.03
  /// Seeds that each option is judged by at least.
  public var leastSeeds = 3
  /// And at most, whatever the tolerance.
  public var mostSeeds = 24
  /// Requests in a steady state that every reading is of at least; percentiles take more.
  public var leastRequests = 2000
  /// Runs that are made at a time.
  public var threads = 1

  /// The usual ones.
  public init() {}
}

/// Finds what each of several ways to serve a scenario's traffic holds within objectives.
public struct CapacityPlanner: Sendable {
  /// How far a plan has come.
  public struct Progress: Sendable {
    /// Searches that were made, each of an option with a seed.
    public var searches = 0
    /// Options.
    public var options = 0
    /// Options that are settled.
    public var settled = 0
    /// Runs that were begun, those included that are no part of a search.
    public var runs = 0
    /// The load of the last of them; nil before the first.
    public var load: OfferedLoad?

    /// How much of the work may be done: nobody knows how many seeds an option takes, so that each
    /// search beyond the least number takes a part of what is left.
    public var share: Double {
      guard options > 0 else { return 0 }
      let least = Double(options * PlannerOptions().leastSeeds)
      let share = 0.6 * min(1, Double(searches) / least)
      let further = max(0, Double(searches) - least)
      return share + 0.35 * max(Double(settled) / Double(options), further / (further + least))
    }
  }

  /// The progress that all threads of a plan report.
  private final class SharedProgress: Sendable {
    private let progress = Mutex(Progress())
    private let report: @Sendable (Progress) -> Void

    init(_ report: @escaping @Sendable (Progress) -> Void) { self.report = report }

    func update(_ change: (inout Progress) -> Void) {
      progress.withLock {
        change(&$0)
        report($0)
      }
    }
  }

  /// An option while it is looked at.
  struct Case: Sendable {
    let settings: [ScenarioSetting]
    let format: KVFormat
    /// What it is run with, or why it cannot be.
    let trials: Result<LoadTrials, PlanRefusal>
    var results: [LoadSearch.Result] = []
    /// Nil while it is not known.
    var isSettled: Bool?

    /// What it is run with; nil where it cannot be.
    var runnable: LoadTrials? { try? trials.get() }

    /// Whether an option is what was found of it.
    func isOf(_ option: PlanOption) -> Bool {
      option.isOne(with: settings, in: format.name)
    }
  }

  /// Why an option cannot be run.
  struct PlanRefusal: Error { let reason: String }

  /// What is asked.
  public let question: PlanQuestion
  /// The scenario before anything is varied.
  public let scenario: ServingScenario
  let options: PlannerOptions
  private let candidates: [Candidate]

  /// The scenario with some settings.
  private struct Candidate {
    let settings: [ScenarioSetting]
    let scenario: Result<ServingScenario, ScenarioError>
  }

  /// Options at most.
  private static let mostOptions = 1000

  /// Lists the ways to serve the traffic: each device with each value of what is varied.
  ///
  /// - Parameters:
  ///   - template: the scenario, which has to be a good one as it stands.
  ///   - question: what is asked, with an objective at least.
  ///   - options: how the plan is made.
  /// - Throws: ``PlanningError/badQuestion(_:)``; `ScenarioError` of the scenario as it stands.
  public init(
    _ template: ScenarioTemplate, question: PlanQuestion, options: PlannerOptions
  ) throws {
    let scenario = try template.scenario()
    self.scenario = scenario
    self.question = question
    self.options = options
    try CapacityPlanner.check(question, scenario)
    var all: [[ScenarioSetting]] = [[]]
    if !question.devices.isEmpty {
      do throws(ScenarioError) {
        all = try question.devices.map { (device) throws(ScenarioError) in
          [try template.setting(of: device)]
        }
      } catch {
        throw PlanningError.badQuestion(.init(key: PlanQuestion.devicesKey, error.firstReason))
      }
    }
    for variation in question.variations {
      let axis: SweepAxisDescription
      do throws(SweepError) {
        axis = try SweepAxisDescription(variation)
      } catch {
        throw PlanningError.badQuestion(
          .init(key: PlanQuestion.variationsKey, error.description))
      }
      all = all.flatMap { settings in
        axis.values.map { settings + [ScenarioSetting(path: axis.path, value: $0)] }
      }
      guard all.count <= CapacityPlanner.mostOptions else {
        throw PlanningError.badQuestion(
          .init(
            key: PlanQuestion.variationsKey,
            "more than \(CapacityPlanner.mostOptions) ways to choose from; vary less at a time"))
      }
    }
    let candidates = all.map { settings in
      Candidate(
        settings: settings,
        scenario: Result { () throws(ScenarioError) in try template.scenario(settings) })
    }
    self.candidates = candidates
    try CapacityPlanner.checkValues(of: question, candidates)
  }

  /// A value that makes no scenario with whatever else is chosen is a mistake, and no option.
  private static func checkValues(
    of question: PlanQuestion, _ candidates: [Candidate]
  ) throws(PlanningError) {
    let varied = Set(question.variations.map(\.path))
    for candidate in candidates {
      guard case .failure(let error) = candidate.scenario else { continue }
      let wrong = candidate.settings.first { setting in
        varied.contains(setting.path)
          && !candidates.contains {
            $0.settings.contains(setting) && (try? $0.scenario.get()) != nil
          }
      }
      guard let wrong else { continue }
      throw .badQuestion(
        .init(
          key: PlanQuestion.variationsKey,
          "`\(wrong.path)=\(wrong.value)`: \(error.firstReason)"))
    }
  }

  private static func check(
    _ question: PlanQuestion, _ scenario: ServingScenario
  ) throws(PlanningError) {
    guard !question.objectives.isEmpty else {
      throw .badQuestion(
        .init(
          "no objective is stated; say what has to hold, such as --objective 'ttft.p99 <= 500 ms' "
            + "--objective 'tpot.p99 <= 40 ms', or `plan: {objectives: [...]}` in the scenario"))
    }
    if let fault = question.faults(in: scenario.workload).first { throw .badQuestion(fault) }
    let requests = scenario.workload.requests
    guard scenario.workload.course == .level || requests <= LoadTrials.mostRequests else {
      throw .badQuestion(
        .init(
          "a plan plays all \(requests) requests of such traffic again and again; accepted: up to "
            + "\(LoadTrials.mostRequests) in `workload.requests`"))
    }
    if let fault = fault(of: scenario.cluster) { throw .badQuestion(.init(fault)) }
    for variation in question.variations {
      let root = String(variation.path.prefix { $0 != "." && $0 != "[" })
      guard serving.contains(root) else {
        throw .badQuestion(
          .init(
            key: PlanQuestion.variationsKey,
            "`\(variation.path)` is not chosen from: a plan compares ways to serve one traffic; "
              + "accepted: keys of \(serving.map { "`\($0)`" }.joined(separator: ", ")), "
              + "and `kvsim sweep` for others"))
      }
    }
  }

  /// The keys of a scenario's root that say how its traffic is served.
  private static let serving = ["model", "device", "kv_cache", "engine", "cluster"]

  /// Why a cluster is not planned with; nil where it is.
  private static func fault(of cluster: ClusterOptions) -> String? {
    guard !cluster.outages.isEmpty || cluster.groups.contains(where: { $0.autoscaling != nil })
    else { return nil }
    return "`failures` and `autoscaling` are not planned with: a plan finds the number of replicas "
      + "itself, and `reserve` says how many may fail"
  }

  /// Looks at every option.
  ///
  /// - Parameter report: called before each run and after each search, on any thread, one call at a
  ///   time.
  public func run(report: @escaping @Sendable (Progress) -> Void) -> CapacityPlan {
    let progress = SharedProgress(report)
    var cases = candidates.flatMap { self.cases($0, progress) }
    progress.update { $0.options = cases.count }
    // Each option's first search tells where the others begin.
    var wave = cases.indices.filter { cases[$0].runnable != nil }.map {
      (place: $0, seed: 0)
    }
    while !wave.isEmpty {
      for (task, result) in search(wave, cases, progress) {
        cases[task.place].results.append(result)
      }
      wave = []
      for place in cases.indices where cases[place].runnable != nil {
        cases[place].isSettled = isSettled(cases[place])
        guard cases[place].isSettled == nil else { continue }
        let known = cases[place].results.count
        let more = known < options.leastSeeds ? options.leastSeeds - known : 1
        wave += (known..<known + more).map { (place, $0) }
      }
      progress.update { $0.settled = cases.count { $0.runnable == nil || $0.isSettled != nil } }
    }
    let found = CapacityPlanner.eachInParallel(cases, threads: options.threads) { self.option($0) }
    return complete(found, cases)
  }

  /// Puts the options in order and asks what else there is to ask.
  private func complete(_ found: [PlanOption], _ cases: [Case]) -> CapacityPlan {
    let plain = CapacityPlan(
      question: question, scenario: scenario, planner: options, options: found, levers: [],
      rotation: [], fleetCheck: nil)
    let ordered = plain.ordered(found)
    let whatIf = WhatIf(planner: self, cases: cases, options: ordered)
    return CapacityPlan(
      question: question, scenario: scenario, planner: options, options: ordered,
      levers: whatIf.levers(), rotation: whatIf.rotation(),
      fleetCheck: plain.fleetCheck(of: ordered, cases))
  }

  private func cases(_ candidate: Candidate, _ progress: SharedProgress) -> [Case] {
    let scenario: ServingScenario
    switch candidate.scenario {
    case .success(let good): scenario = good
    case .failure(let error):
      return self.scenario.formats.map { format in
        Case(
          settings: candidate.settings, format: format,
          trials: .failure(PlanRefusal(reason: error.firstReason)))
      }
    }
    let fault = CapacityPlanner.fault(of: scenario.cluster)
    return scenario.formats.map { format in
      let trials = Result { () throws(PlanRefusal) in
        if let fault { throw PlanRefusal(reason: fault) }
        do throws(PlanningError) {
          return LoadTrials(
            plan: try ComparisonPlan(scenario, formats: [format]), format: 0,
            objectives: question.objectives, leastRequests: options.leastRequests,
            begins: { load in
              progress.update {
                $0.runs += 1
                $0.load = self.offered(load)
              }
            })
        } catch {
          throw PlanRefusal(reason: error.description)
        }
      }
      return Case(settings: candidate.settings, format: format, trials: trials)
    }
  }

  // MARK: Searching

  private typealias Task = (place: Int, seed: Int)

  /// Makes some searches, as many at a time as there are threads; their results in the order of the
  /// tasks.
  private func search(
    _ tasks: [Task], _ cases: [Case], _ progress: SharedProgress
  ) -> [(Task, LoadSearch.Result)] {
    let results = CapacityPlanner.eachInParallel(tasks, threads: options.threads) { task in
      let result = self.search(cases[task.place], seed: task.seed)
      progress.update { $0.searches += 1 }
      return result
    }
    return Array(zip(tasks, results))
  }

  /// Searches with a seed; where the first one has told of the load, from there in small steps.
  private func search(_ own: Case, seed: Int) -> LoadSearch.Result {
    guard let trials = own.runnable else { preconditionFailure("it cannot be run") }
    let search = LoadSearch(
      trials: trials, seed: scenario.seed &+ UInt64(seed), resolution: resolution)
    let known = own.results.compactMap { $0.held?.load }
    guard !known.isEmpty else {
      return search.highest(from: scenario.workload.load?.amount ?? 1)
    }
    return search.highest(
      from: known.reduce(0, +) / Double(known.count), stride: 1 + 4 * resolution)
  }

  /// What a search leaves open beside what seeds differ by.
  var resolution: Double { options.tolerance / 2 }

  /// Whether an option needs no more seeds, and if so, whether its load is known well enough.
  private func isSettled(_ own: Case) -> Bool? {
    let held = own.results.compactMap { $0.held?.load }
    // Objectives that the lightest load of some seed misses are not met.
    guard held.count == own.results.count else { return true }
    guard held.count >= options.leastSeeds else { return nil }
    let estimate = estimate(own)
    if estimate.halfWidth ?? .infinity <= options.tolerance * estimate.mean { return true }
    return held.count >= options.mostSeeds ? false : nil
  }

  // MARK: What was found

  private func option(_ own: Case) -> PlanOption {
    let cell = own.runnable.map { PlanCell($0.plan.pools[0]) }
    return PlanOption(
      settings: own.settings, format: own.format.name, cell: cell, outcome: outcome(own, cell))
  }

  private func outcome(_ own: Case, _ cell: PlanCell?) -> PlanOption.Outcome {
    let trials: LoadTrials
    switch own.trials {
    case .failure(let refusal): return .impossible(refusal.reason)
    case .success(let runnable): trials = runnable
    }
    if let seed = own.results.firstIndex(where: { $0.held == nil }),
      let lightest = own.results[seed].missed
    {
      return .unmet(
        UnmetObjectives(
          seed: scenario.seed &+ UInt64(seed), load: lightest.load, readings: lightest.readings,
          figures: lightest.figures,
          others: own.results.contains { $0.held != nil } ? estimate(own) : nil))
    }
    let load = estimate(own)
    let least = load.values.min() ?? load.mean
    // Seeds that differ by much leave an interval that reaches to nothing.
    let (amount, readings) = planned(own, trials, below: max(load.lower, least / 2))
    if let unjudged = readings.first(where: { $0.value == nil }) {
      return .impossible(
        "nothing was measured of `\(unjudged.objective)`: no request of the runs has such a time")
    }
    let devices = Double(cell?.devices ?? 1)
    var course: [LoadPoint] = []
    var planned: LoadTrial?
    for share in [0.125, 0.25, 0.5, 0.75, 1] {
      let trial = trials.trial(at: self.load(amount * share), seed: scenario.seed)
      if share == 1 { planned = trial }
      guard let user = trial.figures.tokensPerSecondOfUser else { continue }
      course.append(
        LoadPoint(
          load: trial.load,
          tokensPerSecondOfDevice: trial.figures.outputTokensPerSecond / devices,
          tokensPerSecondOfUser: user))
    }
    guard let planned, let first = own.results.first else {
      preconditionFailure("an option with a load was searched for")
    }
    return .held(
      HeldLoad(
        load: load, planned: planned.load, isSettled: own.isSettled ?? false,
        trials: own.results.reduce(0) { $0 + $1.trials }, figures: planned.figures,
        readings: readings, limit: LoadLimit(first, planned, trials.plan),
        stepTimeError: ErrorEstimates(trials.plan.pools[0][0].group.setup.profile)
          .error(of: planned.summary.cost, on: trials.plan.pools[0]),
        course: course))
  }

  /// The loads of all seeds. What a search leaves open, a share or less than a client, is halved.
  private func estimate(_ own: Case) -> Estimate {
    guard case .clients = scenario.workload.load else {
      let middles = own.results.compactMap { result in
        result.held.map { ($0.load * (result.missed?.load ?? $0.load)).squareRoot() }
      }
      let mean = middles.reduce(0, +) / Double(middles.count)
      return Estimate(middles, slack: resolution / 2 * mean)
    }
    return Estimate(own.results.compactMap { $0.held?.load }, slack: 0.5)
  }

  /// Steps down from the lower end of an interval till the objectives are met on the mean of the
  /// seeds, at most: near a cliff, such as a pool that is full, one seed that falls over it counts
  /// for more than others that do not.
  private static let stepsDown = 10

  /// The load to plan with, and what the objectives come to there.
  private func planned(
    _ own: Case, _ trials: LoadTrials, below lower: Double
  ) -> (load: Double, readings: [ObjectiveReading]) {
    var amount = load(lower)
    var readings = readings(own, trials, at: amount)
    for _ in 0..<CapacityPlanner.stepsDown where !readings.allSatisfy(\.isMet) {
      amount = load(min(amount * (1 - resolution), load(amount - 1e-9)))
      readings = self.readings(own, trials, at: amount)
    }
    return (amount, readings)
  }

  /// What objectives come to at a load, as means over some of the seeds that were searched with.
  private func readings(
    _ own: Case, _ trials: LoadTrials, at load: Double
  ) -> [ObjectiveReading] {
    let runs = own.results.indices.prefix(8).map { seed in
      trials.trial(at: load, seed: scenario.seed &+ UInt64(seed)).readings
    }
    return question.objectives.indices.map { place in
      let values = runs.compactMap { $0[place].value }
      return ObjectiveReading(
        question.objectives[place],
        value: values.isEmpty ? nil : values.reduce(0, +) / Double(values.count))
    }
  }

  /// A load that can be offered: clients are whole.
  private func load(_ amount: Double) -> Double {
    guard case .clients = scenario.workload.load else { return amount }
    return max(1, amount.rounded(.down))
  }

  /// The same in words of its kind.
  private func offered(_ amount: Double) -> OfferedLoad {
    guard case .clients = scenario.workload.load else { return .rate(perSecond: amount) }
    return .clients(Int(amount))
  }

  /// The results of a function in the order of what it is asked of, by several threads.
  static func eachInParallel<Item: Sendable, Value: Sendable>(
    _ items: [Item], threads: Int, _ value: @Sendable (Item) -> Value
  ) -> [Value] {
    let state = Mutex((next: 0, values: [Value?](repeating: nil, count: items.count)))
    DispatchQueue.concurrentPerform(iterations: max(1, min(threads, items.count))) { _ in
      while true {
        let place = state.withLock { state -> Int? in
          guard state.next < items.count else { return nil }
          state.next += 1
          return state.next - 1
        }
        guard let place else { return }
        let result = value(items[place])
        state.withLock { $0.values[place] = result }
      }
    }
    return state.withLock { $0.values.compactMap { $0 } }
  }
}
