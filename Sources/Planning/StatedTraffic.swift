import Scenario
import Trace

extension StatedTraffic {
  /// What a scenario that a trace keeps says.
  public init(_ scenario: ScenarioDescription) {
    self.init(StoredScenario(text: scenario.text, modelText: scenario.modelJSON))
  }

  /// What a scenario says that has been read: the same that its trace will.
  init(_ scenario: ServingScenario) {
    self.init(StoredScenario(text: scenario.text, modelText: scenario.modelText))
  }

  private init(_ stored: StoredScenario) {
    self.init(modelName: stored.modelName)
    switch stored.arrivals {
    case .openLoop(let rate, let burstiness):
      requestRate = .perSecond(rate)
      self.burstiness = burstiness
    case .closedLoop(let concurrency):
      requestRate = .unlimited
      maxConcurrency = concurrency
    case nil: break
    }
  }
}
