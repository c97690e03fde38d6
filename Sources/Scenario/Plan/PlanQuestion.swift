import Simulator

/// What a scenario asks `kvsim plan`: what has to hold, of how much traffic, on which devices and
/// with which options.
public struct PlanQuestion: Hashable, Sendable {
  /// A device to choose from.
  public struct Device: Hashable, Sendable {
    /// A profile in `devices`, its path, or the id of a data sheet for which times are derived.
    public let name: String
    /// What it costs an hour, in any currency; nil where nothing is said.
    public let pricePerHour: Double?

    /// A device, complete.
    public init(name: String, pricePerHour: Double? = nil) {
      self.name = name
      self.pricePerHour = pricePerHour
    }
  }

  /// What has to hold, all of it.
  public var objectives: [ServiceObjective]
  /// What all replicas together have to hold; nil where one replica is all that is asked of.
  public var target: OfferedLoad?
  /// Replicas that are there beyond those that are needed, for failures.
  public var reserve: Int
  /// Devices to choose from; none for the scenario's own.
  public var devices: [Device]
  /// Keys of the scenario and the values to choose from.
  public var variations: [Variation]

  /// Nothing is asked.
  public static let empty = PlanQuestion(
    objectives: [], target: nil, reserve: 0, devices: [], variations: [])

  /// The path of `devices` from the root of a scenario.
  public static let devicesKey = PlanKeys.path(PlanKeys.devices)
  /// That of `vary`.
  public static let variationsKey = PlanKeys.path(PlanKeys.vary)

  /// What is wrong with a question.
  public struct Fault: Error, Hashable, Sendable {
    /// The key that asks it, by its path from the root of a scenario; nil where none alone does.
    public let key: String?
    /// A sentence.
    public let reason: String

    /// A fault of one of these keys, or of none alone.
    public init(key: String? = nil, _ reason: String) {
      self.key = key
      self.reason = reason
    }
  }

  /// What of it does not go with a workload.
  public func faults(in workload: Workload) -> [Fault] {
    let classes = workload.classes
    var faults: [Fault] = []
    func add<Value>(_ key: SchemaKey<Value>, _ reason: String) {
      faults.append(Fault(key: PlanKeys.path(key), reason))
    }
    for objective in objectives {
      let judged = classes.filter { $0.name == objective.className ?? $0.name }
      if judged.isEmpty {
        let names = classes.map(\.name).filter { $0 != RequestClass.onlyName }
        let known = names.map { "`\($0)`" }.joined(separator: ", ")
        add(
          PlanKeys.objectives,
          "`\(objective)` is of a class that the workload has not got; it has "
            + (names.isEmpty ? "no `classes`" : known))
      } else if case .goodput = objective.bound,
        judged.allSatisfy({ $0.objectives == .unstated })
      {
        add(
          PlanKeys.objectives,
          "`\(objective)` counts requests that meet the `objectives` of their class, and none are "
            + "stated; give \(objective.className.map { "class `\($0)`" } ?? "`workload`") some, "
            + "such as {ttft: 500 ms, tpot: 40 ms}")
      }
    }
    switch (target, workload.load) {
    case (.rate, .clients):
      add(
        PlanKeys.rate,
        "a `rate` is asked for, and requests come from clients; ask for `concurrency`")
    case (.clients, .rate):
      add(
        PlanKeys.concurrency,
        "clients are asked for, and requests come at a rate; ask for `rate`")
    case (_, nil):
      faults.append(
        Fault("the requests of the trace come all at once, and no rate can be varied"))
    default: break
    }
    return faults
  }
}

/// A key of scenarios and the values that it is to take.
public struct Variation: Hashable, Sendable {
  /// The values of a key.
  public enum Values: Hashable, Sendable {
    /// Each as a scenario would have it.
    case list([String])
    /// A text of several, as the command line takes them.
    case text(String)
  }

  /// The key's path, such as `engine.max_num_seqs`.
  public let path: String
  /// Its values.
  public let values: Values

  /// A variation, complete; nothing is checked yet.
  public init(path: String, values: Values) {
    self.path = path
    self.values = values
  }
}
