import Operators
import Scenario
import Simulator

/// The answer to a plan's question: every way to serve the traffic, the best first.
public struct CapacityPlan: Sendable {
  /// What was asked.
  public let question: PlanQuestion
  /// The scenario before anything is varied.
  public let scenario: ServingScenario
  /// How the plan was made.
  public let planner: PlannerOptions
  /// The options: those that hold a load, the best first, then those that hold none, then those
  /// that cannot be run.
  public let options: [PlanOption]
  /// What would help the best option of each format, and by how much, in the order of ``options``.
  public let levers: [Lever]
  /// What the best option of rotated INT4 would hold if rotating cost more.
  public let rotation: [RotationCost]
  /// What the best option's fleet came to under the target load; nil where it was not simulated.
  public let fleetCheck: FleetCheck?

  /// What the load of an option would be if its devices were better in one respect.
  public struct Lever: Hashable, Sendable {
    /// The option's place.
    public let option: Int
    /// What is supposed.
    public let supposition: Supposition
    /// The load over that without it, both the means of the same seeds.
    public let gain: Double
  }

  /// What rotated INT4 would hold if its kernels took so much longer than those of plain INT4.
  public struct RotationCost: Hashable, Sendable {
    /// How much longer, as a share.
    public let share: Double
    /// The load over that of rotated INT4 as it was measured, both the means of the same seeds.
    public let ofRotated: Double
    /// The same over that of FP16; nil where FP16 holds none, or is no option.
    public let ofFP16: Double?
  }

  /// What rotation is supposed to cost.
  public static let rotationShares = [0.01, 0.05, 0.2]
  /// How much better the devices are supposed to be in one respect.
  public static let leverFactor = 1.1
  /// How much more traffic is asked about.
  public static let growth = 1.5

  /// The best option; nil where none holds a load.
  public var best: PlanOption? { options.first.flatMap { $0.held == nil ? nil : $0 } }

  /// The fleet that an option takes for the target; nil where there is none, or it holds no load.
  /// Of the best option it is as many as its simulation took, of others what one cell holds.
  /// - Parameter growth: how many times the target comes.
  public func fleet(of option: PlanOption, growth: Double = 1) -> FleetSize? {
    let isBest = best?.isOne(with: option.settings, in: option.format) ?? false
    return fleet(of: option, growth: growth, surplus: isBest ? fleetCheck?.surplus ?? 1 : 1)
  }

  private func fleet(of option: PlanOption, growth: Double, surplus: Double) -> FleetSize? {
    guard let target = question.target?.amount, let cell = option.cell, let held = option.held
    else { return nil }
    return FleetSize(
      target * growth, of: cell, holding: held, reserve: question.reserve, surplus: surplus)
  }

  /// What a million output tokens cost with one cell under its planned load, or with the fleet
  /// under the target's; nil where a price is unknown.
  public func pricePerMillionOutputTokens(of option: PlanOption) -> Double? {
    if let fleet = fleet(of: option) { return fleet.pricePerMillionOutputTokens }
    guard let cell = option.cell, let held = option.held else { return nil }
    return FleetSize(held.planned, of: cell, holding: held, reserve: 0).pricePerMillionOutputTokens
  }

  /// Points of all options that no other point betters in both the tokens of a device and the speed
  /// of a user, from the most tokens to the fastest user.
  public var front: [(option: Int, point: LoadPoint)] {
    let all = options.enumerated().flatMap { place, option in
      (option.held?.course ?? []).map { (option: place, point: $0) }
    }.sorted {
      ($1.point.tokensPerSecondOfDevice, $1.point.tokensPerSecondOfUser, $0.option)
        < ($0.point.tokensPerSecondOfDevice, $0.point.tokensPerSecondOfUser, $1.option)
    }
    var front: [(option: Int, point: LoadPoint)] = []
    for candidate in all {
      let fastest = front.last?.point.tokensPerSecondOfUser ?? -1
      if candidate.point.tokensPerSecondOfUser > fastest { front.append(candidate) }
    }
    return front
  }
}

// MARK: The order of options

extension CapacityPlan {
  /// By what options are put in order.
  public enum Criterion: Sendable {
    /// What the fleet costs an hour.
    case pricePerHour
    /// How many devices the fleet has.
    case devices
    /// What a million output tokens cost.
    case pricePerMillionOutputTokens
    /// What a device holds.
    case loadOfDevice
  }

  /// What is asked, as far as it is known of all options: the price, of the fleet if there is a
  /// target; else devices.
  public var criterion: Criterion {
    CapacityPlan.criterion(question, options)
  }

  private static func criterion(_ question: PlanQuestion, _ options: [PlanOption]) -> Criterion {
    let isPriced = options.allSatisfy { $0.held == nil || $0.cell?.pricePerHour != nil }
    guard question.target != nil else {
      return isPriced ? .pricePerMillionOutputTokens : .loadOfDevice
    }
    return isPriced ? .pricePerHour : .devices
  }

  /// What an option comes to with its planned load; less is better.
  private func cost(_ option: PlanOption, _ criterion: Criterion) -> Double {
    guard let cell = option.cell, let held = option.held else { return .infinity }
    // Not all are simulated as a whole, and none is while they are put in order.
    let fleet = fleet(of: option, growth: 1, surplus: 1)
    switch criterion {
    case .pricePerHour: return fleet?.pricePerHour ?? .infinity
    case .devices: return Double(fleet?.devices ?? .max)
    case .loadOfDevice: return Double(cell.devices) / held.planned
    case .pricePerMillionOutputTokens:
      // By tokens and not by requests: options may differ in how many of these they reject.
      return (cell.pricePerHour ?? 0) / max(1e-9, held.planned * held.figures.outputTokens)
    }
  }

  /// Whether an option is not the cheapest, but within the tolerance of what the cheapest costs,
  /// and stands before it because its format keeps more of the model.
  public func isFirstForAccuracy(_ place: Int) -> Bool {
    let own = cost(options[place], criterion)
    return options[(place + 1)...].contains {
      cost($0, criterion) < own && $0.accuracyLoss > options[place].accuracyLoss
    }
  }

  /// Puts options in order: the cheapest goes first, but where others cost as much within the
  /// tolerance, the one of them whose format keeps more of the model.
  func ordered(_ found: [PlanOption]) -> [PlanOption] {
    let criterion = CapacityPlan.criterion(question, found)
    var left = found.enumerated().filter { $0.element.held != nil }.map { place, option in
      (place: place, option: option, cost: cost(option, criterion))
    }
    var ordered: [PlanOption] = []
    while let cheapest = left.min(by: { ($0.cost, $0.place) < ($1.cost, $1.place) }) {
      let next = left.filter { $0.cost <= cheapest.cost * (1 + planner.tolerance) }.min {
        ($0.option.accuracyLoss, $0.cost, $0.place) < ($1.option.accuracyLoss, $1.cost, $1.place)
      }
      guard let next else { break }
      ordered.append(next.option)
      left.removeAll { $0.place == next.place }
    }
    let unmet = found.filter { if case .unmet = $0.outcome { true } else { false } }
    let impossible = found.filter { if case .impossible = $0.outcome { true } else { false } }
    return ordered + unmet + impossible
  }
}

extension PlanOption {
  /// How much its format loses of a model, as a rank: nothing in sixteen bits, more in four without
  /// a rotation than with one (SAW-INT4, arXiv 2604.19157).
  public var accuracyLoss: Int {
    guard let format = KVFormat(name: format) else { return 2 }
    return format.bitsPerElement == 16 ? 0 : format.rotation != nil ? 1 : 2
  }
}
