import Operators
import Scenario

/// What would become of a plan if devices or kernels were otherwise. Each question is asked with
/// the first seeds and held against what is, searched for in the same steps with the same seeds, so
/// that nothing else differs.
struct WhatIf: Sendable {
  let planner: CapacityPlanner
  let cases: [CapacityPlanner.Case]
  let options: [PlanOption]

  private struct Question: Sendable {
    /// The place of the option.
    let option: Int
    let supposition: Supposition
    /// The format that is played; nil for the option's own.
    var format: KVFormat?
  }

  /// Seeds with which each question is asked.
  private static let seeds = 3

  /// What would help the best option of each format.
  func levers() -> [CapacityPlan.Lever] {
    let factor = CapacityPlan.leverFactor
    let suppositions = [Supposition.memory(factor), .bandwidth(factor), .arithmetic(factor)]
    let places = bestOfFormats
    let loads = answers(
      places.flatMap { place in
        ([.none] + suppositions).map { Question(option: place, supposition: $0) }
      })
    return places.indices.flatMap { index -> [CapacityPlan.Lever] in
      let own = loads[index * 4..<index * 4 + 4]
      guard let present = own[index * 4] else { return [] }
      return zip(suppositions, own.dropFirst()).compactMap { supposition, load in
        load.map {
          CapacityPlan.Lever(
            option: places[index], supposition: supposition, gain: $0 / present)
        }
      }
    }
  }

  /// What rotated INT4 would hold at higher costs of rotation, in the settings of its best option.
  func rotation() -> [CapacityPlan.RotationCost] {
    guard
      let place = options.firstIndex(where: {
        isEnded($0) && $0.format == KVFormat.int4Rotated.name
      })
    else { return [] }
    let fp16 = options.firstIndex {
      $0.held != nil && $0.format == KVFormat.fp16.name && $0.settings == options[place].settings
    }
    let loads = answers(
      [Question(option: place, supposition: .none)]
        + CapacityPlan.rotationShares.map {
          Question(option: place, supposition: .kernels(.int4, 1 + $0), format: .int4)
        } + (fp16.map { [Question(option: $0, supposition: .none)] } ?? []))
    guard let present = loads[0] else { return [] }
    let reference = fp16 == nil ? nil : loads[loads.count - 1]
    return zip(CapacityPlan.rotationShares, loads.dropFirst()).compactMap { share, load in
      load.map { load in
        CapacityPlan.RotationCost(
          share: share, ofRotated: load / present, ofFP16: reference.map { load / $0 })
      }
    }
  }

  /// Whether an option holds a load and no more than that, so that more could be held.
  private func isEnded(_ option: PlanOption) -> Bool {
    option.held.map { $0.limit.breach != .none } ?? false
  }

  /// The places of the first option of each format that has an end.
  private var bestOfFormats: [Int] {
    var formats: Set<String> = []
    return options.indices.filter {
      isEnded(options[$0]) && formats.insert(options[$0].format).inserted
    }
  }

  private func ownCase(_ place: Int) -> CapacityPlanner.Case? {
    cases.first { $0.isOf(options[place]) }
  }

  /// The mean loads that are held; nil where some seed holds none, or the question cannot be asked.
  private func answers(_ questions: [Question]) -> [Double?] {
    let tasks = questions.flatMap { question in
      (0..<WhatIf.seeds).map { (question: question, seed: $0) }
    }
    let loads = CapacityPlanner.eachInParallel(tasks, threads: planner.options.threads) {
      load($0.question, seed: $0.seed)
    }
    return questions.indices.map { place in
      let own = loads[place * WhatIf.seeds..<(place + 1) * WhatIf.seeds].compactMap { $0 }
      return own.count == WhatIf.seeds ? own.reduce(0, +) / Double(own.count) : nil
    }
  }

  private func load(_ question: Question, seed: Int) -> Double? {
    guard let own = ownCase(question.option), let trials = own.runnable,
      let start = own.results.first?.held?.load
    else { return nil }
    let plan = try? ComparisonPlan(
      trials.plan.scenario, formats: [question.format ?? own.format],
      supposing: question.supposition)
    guard let plan else { return nil }
    let search = LoadSearch(
      trials: LoadTrials(
        plan: plan, format: 0, objectives: trials.objectives, leastRequests: trials.leastRequests,
        begins: trials.begins),
      seed: planner.scenario.seed &+ UInt64(seed), resolution: planner.resolution / 2)
    return search.highest(from: start, stride: 1 + 4 * planner.resolution).held?.load
  }
}
