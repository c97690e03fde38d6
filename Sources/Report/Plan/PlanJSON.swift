import Planning
import Scenario
import Simulator
import Trace

/// A capacity plan as JSON: keys in order, times in nanoseconds, options the best first.
public struct PlanJSON: Encodable {
  private let scenario: String
  private let model: String
  private let seed: UInt64
  private let objectives: [String]
  private let loadUnit: String
  /// Absent where no target is asked for.
  private let target: Double?
  private let reserve: Int
  private let tolerance: Double
  private let answer: [String]
  private let options: [OptionSection]
  private let rotation: [RotationSection]
  /// Absent where no fleet was simulated.
  private let fleetCheck: CheckSection?
  private let paretoFront: [FrontSection]

  /// The JSON of a plan.
  public init(_ plan: CapacityPlan) {
    let words = PlanWords(plan)
    scenario = plan.scenario.name
    model = plan.scenario.model.name
    seed = plan.scenario.seed
    objectives = plan.question.objectives.map(\.description)
    loadUnit = words.unit
    target = plan.question.target?.amount
    reserve = plan.question.reserve
    tolerance = plan.planner.tolerance
    answer = [words.headline] + words.sentences
    options = plan.options.indices.map { OptionSection(plan, $0, words) }
    rotation = plan.rotation.map(RotationSection.init)
    fleetCheck = plan.fleetCheck.map(CheckSection.init)
    paretoFront = plan.front.map { option, point in
      FrontSection(option: option, point: PointSection(point))
    }
  }

  /// The text, ended by a newline.
  public func rendered() throws -> String { try snakeCaseJSON() }

  private struct OptionSection: Encodable {
    let format: String
    let device: String?
    let settings: [String: String]
    let devicesPerReplica: Int?
    /// Absent where no load is held.
    let load: LoadSection?
    let fleet: FleetSection?
    let pricePerMillionOutputTokens: Double?
    let binding: String?
    /// How far times of steps are expected to be off, as a share; absent where nothing tells.
    let stepTimeError: Double?
    /// Absent where they were measured.
    let derivedFrom: String?
    /// `prefill` or `decode`; absent where replicas do both.
    let bindingSide: String?
    let levers: [String: Double]?
    /// Why no load is held.
    let reason: String?
    /// Of the run at the planned load, or at the lightest; absent where no request was rejected.
    let rejections: RejectionSection?

    init(_ plan: CapacityPlan, _ place: Int, _ words: PlanWords) {
      let option = plan.options[place]
      format = option.format
      device = option.cell?.deviceName
      settings = Dictionary(
        option.settings.map { ($0.path, $0.value) }, uniquingKeysWith: { _, last in last })
      devicesPerReplica = option.cell.map { $0.devices / $0.replicas }
      load = option.held.map(LoadSection.init)
      fleet = plan.fleet(of: option).map(FleetSection.init)
      pricePerMillionOutputTokens = plan.pricePerMillionOutputTokens(of: option)
      binding = option.held.map { _ in words.noun(ofOption: place) }
      stepTimeError = option.held?.stepTimeError
      derivedFrom = option.cell?.derivedFrom
      bindingSide = plan.side(of: place)?.rawValue
      let own = plan.levers.filter { $0.option == place }
      levers =
        own.isEmpty
        ? nil
        : Dictionary(
          own.map { (PlanWords.key($0.supposition), $0.gain) }, uniquingKeysWith: { $1 })
      reason = words.reason(option)
      rejections = option.figures.flatMap { $0.rejected > 0 ? RejectionSection($0) : nil }
    }
  }

  private struct RejectionSection: Encodable {
    let rejected: Int
    let requests: Int
    /// Of the rejected ones, by cause.
    let causes: [String: Int]

    init(_ figures: LoadFigures) {
      rejected = figures.rejected
      requests = figures.requests
      causes = Dictionary(
        figures.rejections.map { ($0.stored?.description ?? "unknown", $1) },
        uniquingKeysWith: +)
    }
  }

  private struct LoadSection: Encodable {
    let mean: Double
    let halfWidth: Double?
    let planned: Double
    let bySeed: [Double]
    let isSettled: Bool
    let runs: Int
    let endedBy: [String]
    let busyShare: Double
    let readings: [ReadingSection]
    let course: [PointSection]

    init(_ held: HeldLoad) {
      mean = held.load.mean
      halfWidth = held.load.halfWidth
      planned = held.planned
      bySeed = held.load.values
      isSettled = held.isSettled
      runs = held.trials
      switch held.limit.breach {
      case .objectives(let missed): endedBy = missed.map(\.description)
      case .filling: endedBy = ["overload"]
      case .none: endedBy = []
      }
      busyShare = held.limit.slowSide.busyShare
      readings = held.readings.map(ReadingSection.init)
      course = held.course.map(PointSection.init)
    }
  }

  private struct ReadingSection: Encodable {
    let objective: String
    /// Nanoseconds, or a share; absent where no request says, or some were rejected.
    let value: Double?

    init(_ reading: ObjectiveReading) {
      objective = reading.objective.description
      value = reading.value.flatMap { $0.isFinite ? $0 : nil }
    }
  }

  private struct PointSection: Encodable {
    let load: Double
    let tokensPerSPerDevice: Double
    let tokensPerSPerUser: Double

    init(_ point: LoadPoint) {
      load = point.load
      tokensPerSPerDevice = point.tokensPerSecondOfDevice
      tokensPerSPerUser = point.tokensPerSecondOfUser
    }
  }

  private struct FrontSection: Encodable {
    let option: Int
    let point: PointSection
  }

  private struct FleetSection: Encodable {
    let replicas: Int
    let devices: Int
    let pricePerHour: Double?

    init(_ fleet: FleetSize) {
      replicas = fleet.replicas
      devices = fleet.devices
      pricePerHour = fleet.pricePerHour
    }
  }

  private struct CheckSection: Encodable {
    let replicas: Int
    let load: Double
    let holds: Bool
    /// Absent where no number that was tried holds the load.
    let enoughReplicas: Int?
    let readings: [ReadingSection]

    init(_ check: FleetCheck) {
      enoughReplicas = check.enough
      replicas = check.replicas
      load = check.load
      holds = check.holds
      readings = check.readings.map(ReadingSection.init)
    }
  }

  private struct RotationSection: Encodable {
    let share: Double
    let ofRotated: Double
    let ofFp16: Double?

    init(_ cost: CapacityPlan.RotationCost) {
      share = cost.share
      ofRotated = cost.ofRotated
      ofFp16 = cost.ofFP16
    }
  }
}
