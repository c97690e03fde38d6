import CostModel
import Scenario
import Simulator
import Trace

/// A grid of scenarios: a scenario, and the values that some of its keys take.
///
/// A point is its number in the grid and nothing else: its seed and its figures are the same in any
/// order, on any number of threads and on any machine. Points that set no seed have the scenario's,
/// and so see the same draws, as formats do: they differ by what is varied alone.
public struct SweepPlan: Sendable {
  /// What decides what comes out.
  public let sweep: SweepDescription
  private let template: ScenarioTemplate

  /// - Parameters:
  ///   - template: the scenario, which has to be a good one before anything is varied.
  ///   - axes: at least one; the last varies fastest.
  ///   - shard: the points to run.
  ///   - version: of kvsim.
  /// - Throws: what is wrong with the scenario; `SweepError.badAxis` of too many points, or of a
  ///   key that varies twice.
  public init(
    _ template: ScenarioTemplate, axes: [SweepAxisDescription], shard: SweepShard, version: String
  ) throws {
    try SweepPlan.check(axes)
    let scenario = try template.scenario()
    self.template = template
    sweep = SweepDescription(
      scenario: ScenarioDescription(scenario), seed: scenario.seed,
      profileChecksum: scenario.setup.profileChecksum, kvsimVersion: version, axes: axes,
      shard: shard)
  }

  private static func check(_ axes: [SweepAxisDescription]) throws(SweepError) {
    guard !axes.isEmpty else { throw .badAxis("nothing is varied") }
    guard axes.count <= 16 else { throw .badAxis("\(axes.count) keys vary; at most 16") }
    var points = 1
    for axis in axes {
      guard axes.filter({ $0.path == axis.path }).count == 1 else {
        throw .badAxis("`\(axis.path)` is varied twice; list all its values once")
      }
      points *= axis.values.count
      guard points <= SweepAxisDescription.mostPoints else {
        throw .badAxis(
          "the grid has more than \(SweepAxisDescription.mostPoints) points; run parts of it")
      }
    }
  }

  /// The points to run, in their order.
  public var points: [Int] { Array(sweep.shard.points(of: sweep.points)) }

  /// What a point sets.
  public func settings(ofPoint point: Int) -> [ScenarioSetting] {
    zip(sweep.axes, sweep.values(ofPoint: point)).map {
      ScenarioSetting(path: $0.path, value: $1)
    }
  }

  /// Runs a point in each of its formats. Any number of threads may run points at a time.
  public func run(point: Int, options: PlayOptions = .fast) -> SweepOutcome {
    let scenario: ServingScenario
    do throws(ScenarioError) {
      scenario = try template.scenario(settings(ofPoint: point))
    } catch {
      return .failed(reason: error.firstReason)
    }
    do throws(PlanningError) {
      return .done(try ComparisonPlan(scenario).sweep(options))
    } catch {
      return .failed(reason: error.description)
    }
  }
}
