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

  /// Devices without a price cost what a scenario says of them.
  public mutating func takePrices(of known: [PlanQuestion.Device]) {
    devices = devices.map { text in
      let price = known.first { $0.name == text }?.pricePerHour
      return price.map { "\(text)=\($0)" } ?? text
    }
  }

  /// The same as settings of a scenario, which are read and checked as its file is.
  public var settings: [ScenarioSetting] { said.map(\.setting) }

  /// The option of the command line that says what the key at a path is, or a part of it; nil where
  /// none does.
  public func option(ofKey path: String) -> String? {
    said.first { path.hasPrefix($0.setting.path) }?.option
  }

  private var said: [(option: String, setting: ScenarioSetting)] {
    var said: [(option: String, setting: ScenarioSetting)] = []
    func set<Value>(_ key: SchemaKey<Value>, by option: String, _ value: JSONValue) {
      let setting = ScenarioSetting(path: PlanKeys.path(key), value: value.written())
      said.append((option, setting))
    }
    if !objectives.isEmpty { set(PlanKeys.objectives, by: "--objective", .texts(objectives)) }
    if let rate { set(PlanKeys.rate, by: "--rate", .text(rate)) }
    if let concurrency { set(PlanKeys.concurrency, by: "--concurrency", .integer(concurrency)) }
    if let reserve { set(PlanKeys.reserve, by: "--reserve", .integer(reserve)) }
    if !devices.isEmpty {
      set(PlanKeys.devices, by: "--device", .list(devices.map(PlanArguments.device)))
    }
    if !variations.isEmpty {
      set(
        PlanKeys.vary, by: "--vary",
        .object(
          variations.map { text in
            let (path, values) = PlanArguments.sides(text)
            return (path, .text(values ?? ""))
          }))
    }
    return said
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
