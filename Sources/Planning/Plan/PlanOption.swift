import CostModel
import Operators
import Scenario
import Simulator

/// One way to serve the traffic: a device, options of the engine and a format.
public struct PlanOption: Sendable {
  /// What differs from the scenario's file, the device first.
  public let settings: [ScenarioSetting]
  /// The format's name.
  public let format: String
  /// What it runs on; nil where the scenario with these settings is no good one.
  public let cell: PlanCell?
  /// What one cell holds.
  public let outcome: Outcome

  /// What was found of an option.
  public enum Outcome: Sendable {
    /// So much is held.
    case held(HeldLoad)
    /// With some seed not even the lightest load is; what it came to there.
    case unmet(UnmetObjectives)
    /// It cannot be run; why, in a sentence.
    case impossible(String)
  }

  /// Whether it is the option with these settings in this format.
  func isOne(with settings: [ScenarioSetting], in format: String) -> Bool {
    self.settings == settings && self.format == format
  }

  /// What is held, if anything is.
  public var held: HeldLoad? {
    if case .held(let held) = outcome { held } else { nil }
  }

  /// What its requests came to, at the load to plan with or else at the lightest; nil where it
  /// cannot be run.
  public var figures: LoadFigures? {
    switch outcome {
    case .held(let held): held.figures
    case .unmet(let unmet): unmet.figures
    case .impossible: nil
    }
  }
}

/// What a plan counts: the replicas of the scenario's `cluster`, which is one where it says
/// nothing.
public struct PlanCell: Hashable, Sendable {
  /// Its replicas.
  public let replicas: Int
  /// Their devices.
  public let devices: Int
  /// The names of its devices, each once.
  public let deviceName: String
  /// What the times of the first one were derived from; nil where they were measured.
  public let derivedFrom: String?
  /// What an hour of all of them costs; nil where a price is unknown.
  public let pricePerHour: Double?

  init(_ groups: [GroupPool]) {
    replicas = groups.reduce(0) { $0 + $1.group.most }
    devices = groups.reduce(0) { $0 + $1.group.most * $1.group.setup.parallelism.devices }
    let names: [String] = groups.reduce(into: []) { names, own in
      let name = own.group.setup.profile.device.name
      if !names.contains(name) { names.append(name) }
    }
    deviceName = names.joined(separator: " and ")
    derivedFrom = groups[0].group.setup.profile.derivation?.from
    let prices = groups.map { own in
      own.group.setup.pricePerHour.map {
        $0 * Double(own.group.most * own.group.setup.parallelism.devices)
      }
    }
    pricePerHour = prices.contains(nil) ? nil : prices.reduce(0) { $0 + ($1 ?? 0) }
  }
}

/// The load that a cell holds.
public struct HeldLoad: Sendable {
  /// Requests per second, or clients: the highest of each seed.
  public let load: Estimate
  /// The load to plan with: the lower end of the confidence interval, of clients whole ones; or as
  /// much less as it takes for the seeds to meet the objectives on the mean.
  public let planned: Double
  /// Whether its confidence interval is as narrow as was asked for.
  public let isSettled: Bool
  /// Runs that were judged.
  public let trials: Int
  /// What a run of the first seed came to at the load to plan with.
  public let figures: LoadFigures
  /// What each objective came to there: the mean over seeds, eight at most.
  public let readings: [ObjectiveReading]
  /// Why no higher load is held.
  public let limit: LoadLimit
  /// How far the times of steps at the planned load are expected to be off, as a share; nil where
  /// nothing tells, or several devices or formats serve.
  public let stepTimeError: Double?
  /// The first seed's runs at shares of the load, the lightest first.
  public let course: [LoadPoint]
}

/// A point on the way to the load that is held.
public struct LoadPoint: Hashable, Sendable {
  /// Requests per second, or clients.
  public let load: Double
  /// Output tokens per second of each device.
  public let tokensPerSecondOfDevice: Double
  /// Output tokens per second that a user sees.
  public let tokensPerSecondOfUser: Double
}

/// Objectives that no load meets, with one seed at least.
public struct UnmetObjectives: Sendable {
  /// The first such seed.
  public let seed: UInt64
  /// The lightest load that was tried with it.
  public let load: Double
  /// What each objective came to.
  public let readings: [ObjectiveReading]
  /// What the requests came to.
  public let figures: LoadFigures
  /// The loads that are held with other seeds; nil where none is.
  public let others: Estimate?
}
