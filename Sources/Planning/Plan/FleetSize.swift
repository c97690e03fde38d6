import Simulator

/// How many cells a load takes, and what they cost.
public struct FleetSize: Hashable, Sendable {
  /// The load that all of them hold: requests per second, or clients.
  public let target: Double
  /// Cells that it takes.
  public let needed: Int
  /// All cells, those included that are there for failures.
  public let cells: Int
  /// All replicas.
  public let replicas: Int
  /// All devices.
  public let devices: Int
  /// What an hour of them costs; nil where a price is unknown.
  public let pricePerHour: Double?
  /// What a million output tokens cost while the target load comes; nil where a price is unknown,
  /// or no token is known of.
  public let pricePerMillionOutputTokens: Double?

  /// The cells for a load, each of which is planned with the lower end of its interval: as many as
  /// share the load, each of them holding its part, and then so many replicas that as many may
  /// fail.
  ///
  /// A part of a stream is burstier than what a router makes of the whole, so this is on the safe
  /// side where requests have nothing to do with one another.
  /// - Parameter surplus: how many times as many it takes, by a simulation of the whole.
  /// - Precondition: the cell holds some load.
  init(
    _ target: Double, of cell: PlanCell, holding held: HeldLoad, reserve: Int, surplus: Double = 1
  ) {
    precondition(held.planned > 0 && target > 0)
    self.target = target
    let share = (target / held.planned * surplus * (1 - 1e-9)).rounded(.up)
    needed = Int(min(1e12, max(1, share)))
    // A cell of several replicas is kept whole.
    cells = needed + (reserve + cell.replicas - 1) / cell.replicas
    replicas = cells * cell.replicas
    devices = cells * cell.devices
    let tokens = held.figures.outputTokensPerSecond / held.planned * target
    let price = cell.pricePerHour.map { [cells] in $0 * Double(cells) }
    pricePerHour = price
    pricePerMillionOutputTokens = price.flatMap { tokens > 0 ? $0 / (tokens * 3600) * 1e6 : nil }
  }
}

/// What all replicas of a fleet but those in reserve came to under the target load.
public struct FleetCheck: Sendable {
  /// Replicas that were simulated, behind the scenario's router.
  public let replicas: Int
  /// Requests per second, or clients.
  public let load: Double
  /// Whether the run reached a steady state.
  public let isSteady: Bool
  /// What each objective came to.
  public let readings: [ObjectiveReading]

  /// Replicas that hold the load: these, or where they do not as many as it takes; nil where none
  /// of the numbers that were tried does.
  public let enough: Int?

  /// How many times as many replicas it takes; 1 where no number that was tried is enough.
  var surplus: Double { enough.map { Double($0) / Double(replicas) } ?? 1 }

  /// Whether the objectives are met.
  public var holds: Bool { isSteady && readings.allSatisfy(\.isMet) }

  /// Replicas that are simulated at most: more take longer than the rest of a plan.
  static let mostReplicas = 256
  /// Larger fleets that are tried where one does not hold the load.
  static let mostTried = 8
}

extension CapacityPlan {
  /// Simulates the fleet of the first option; nil without a target, or where it has too many
  /// replicas, or the scenario says how many requests there are.
  func fleetCheck(of ordered: [PlanOption], _ cases: [CapacityPlanner.Case]) -> FleetCheck? {
    guard let best = ordered.first, let fleet = fleet(of: best), let cell = best.cell,
      fleet.needed * cell.replicas <= FleetCheck.mostReplicas,
      scenario.workload.course == .level,
      var trials = cases.first(where: { $0.isOf(best) })?.runnable
    else { return nil }
    func trial(_ cells: Int) -> LoadTrial {
      trials.cells = cells
      return trials.trial(at: fleet.target, seed: scenario.seed)
    }
    let planned = trial(fleet.needed)
    var cells = fleet.needed
    var holds = planned.holds
    // A router can scatter what a replica by itself keeps together, such as sessions.
    for _ in 0..<FleetCheck.mostTried where !holds {
      cells += max(1, cells / 8)
      guard cells * cell.replicas <= FleetCheck.mostReplicas else { break }
      holds = trial(cells).holds
    }
    return FleetCheck(
      replicas: fleet.needed * cell.replicas, load: fleet.target, isSteady: planned.isSteady,
      readings: planned.readings, enough: holds ? cells * cell.replicas : nil)
  }
}
