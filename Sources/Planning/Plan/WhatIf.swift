import Operators
import Scenario

/// What would become of a plan if devices or kernels were otherwise. Each question is asked with
/// the first seed and held against what that seed came to, so that nothing else differs.
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

  /// What would help the best option of each format.
  func levers() -> [CapacityPlan.Lever] {
    let factor = CapacityPlan.leverFactor
    let asked = bestOfFormats.flatMap { place in
      [.memory(factor), .bandwidth(factor), .arithmetic(factor)].map {
        Question(option: place, supposition: $0)
      }
    }
    return answers(asked).compactMap { question, load in
      guard let load, let present = firstLoad(question.option) else { return nil }
      return CapacityPlan.Lever(
        option: question.option, supposition: question.supposition, gain: load / present)
    }
  }

  /// What rotated INT4 would hold at higher costs of rotation, in the settings of its best option.
  func rotation() -> [CapacityPlan.RotationCost] {
    guard
      let place = options.firstIndex(where: {
        isEnded($0) && $0.format == KVFormat.int4Rotated.name
      }),
      let present = firstLoad(place)
    else { return [] }
    let fp16 = options.firstIndex {
      $0.held != nil && $0.format == KVFormat.fp16.name && $0.settings == options[place].settings
    }
    let reference = fp16.flatMap { firstLoad($0) }
    let asked = CapacityPlan.rotationShares.map {
      Question(option: place, supposition: .kernels(.int4, 1 + $0), format: .int4)
    }
    return zip(CapacityPlan.rotationShares, answers(asked)).compactMap { share, answer in
      guard let load = answer.1 else { return nil }
      return CapacityPlan.RotationCost(
        share: share, ofRotated: load / present, ofFP16: reference.map { load / $0 })
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
    cases.first {
      $0.format.name == options[place].format && $0.settings == options[place].settings
    }
  }

  private func firstLoad(_ place: Int) -> Double? {
    ownCase(place)?.results.first?.held?.load
  }

  /// The loads that are held; nil where none is, or the question cannot be asked.
  private func answers(_ questions: [Question]) -> [(Question, Double?)] {
    let loads = CapacityPlanner.eachInParallel(questions, threads: planner.options.threads) {
      load($0)
    }
    return Array(zip(questions, loads))
  }

  private func load(_ question: Question) -> Double? {
    guard let own = ownCase(question.option), let present = firstLoad(question.option),
      let trials = try? own.trials.get()
    else { return nil }
    let plan = try? ComparisonPlan(
      trials.plan.scenario, formats: [question.format ?? own.format],
      supposing: question.supposition)
    guard let plan else { return nil }
    let search = LoadSearch(
      trials: LoadTrials(
        plan: plan, format: 0, objectives: trials.objectives, leastRequests: trials.leastRequests),
      seed: planner.scenario.seed, resolution: planner.resolution / 2)
    return search.highest(from: present, stride: 1 + 4 * planner.resolution).held?.load
  }
}
