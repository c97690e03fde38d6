/// What a command line asks of a plan, in the place of what the scenario's file says under `plan`.
public struct PlanArguments: Hashable, Sendable {
  /// Objectives and presets.
  public var objectives: [String] = []
  /// `rate`, as a scenario has it.
  public var rate: String?
  /// `concurrency`.
  public var concurrency: Int?
  /// `reserve`.
  public var reserve: Int?
  /// Names of devices, each with `=` and its price behind it or without.
  public var devices: [String] = []
  /// `PATH=VALUES`.
  public var variations: [String] = []

  /// Nothing is asked.
  public init() {}

  /// The same as settings of a scenario, which are read and checked as its file is.
  public var settings: [ScenarioSetting] {
    var settings: [ScenarioSetting] = []
    func set<Value>(_ key: SchemaKey<Value>, _ value: JSONValue) {
      settings.append(
        ScenarioSetting(path: "\(ScenarioKeys.plan.name).\(key.name)", value: value.written()))
    }
    if !objectives.isEmpty { set(PlanKeys.objectives, .texts(objectives)) }
    if let rate { set(PlanKeys.rate, .text(rate)) }
    if let concurrency { set(PlanKeys.concurrency, .integer(concurrency)) }
    if let reserve { set(PlanKeys.reserve, .integer(reserve)) }
    if !devices.isEmpty {
      set(PlanKeys.devices, .list(devices.map(PlanArguments.device)))
    }
    if !variations.isEmpty {
      set(
        PlanKeys.vary,
        .object(
          variations.map { text in
            let (path, values) = PlanArguments.sides(text)
            return (path, .text(values ?? ""))
          }))
    }
    return settings
  }

  private static func device(_ text: String) -> JSONValue {
    let (name, price) = sides(text)
    let named: [JSONValue.Member] = [(PlanDeviceKeys.name.name, .text(name))]
    return .object(named + (price.map { [(PlanDeviceKeys.pricePerHour.name, .word($0))] } ?? []))
  }

  /// What stands before the first `=` and behind it.
  private static func sides(_ text: String) -> (String, String?) {
    guard let equals = text.firstIndex(of: "=") else { return (text, nil) }
    return (String(text[..<equals]), String(text[text.index(after: equals)...]))
  }
}
