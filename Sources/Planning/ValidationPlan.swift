import Scenario

/// A comparison with what a real engine did that is known to be possible, and not yet played:
/// whatever is compared fits and has its prices.
public enum ValidationPlan: Sendable {
  /// Of a recorded run, in the scenario's first format.
  case recorded(ComparisonPlan, RecordedRun)
  /// Of published results, in each format that they have a row of, in the order of the rows.
  case published(ComparisonPlan, PublishedResults)

  /// Plans the comparison with a scenario's reference.
  /// - Throws: ``PlanningError/noReference`` where it has none, else what ``ComparisonPlan`` throws.
  public init(_ scenario: ServingScenario) throws(PlanningError) {
    switch scenario.reference {
    case nil: throw .noReference
    case .recordedRun(let run):
      self = .recorded(try ComparisonPlan(scenario, formats: [scenario.formats[0]]), run)
    case .published(let results):
      let formats = results.rows.map(\.format)
      self = .published(try ComparisonPlan(scenario, formats: formats), results)
    }
  }
}
