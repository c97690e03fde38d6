/// `plan`.
enum PlanKeys {
  static let objectives = SchemaKey(
    "objectives", .oneOrMore(of: .objectives), .otherwise("what `--objective` says"),
    "What has to hold, all of it: a bound, or the name of a preset.",
    option: "vllm bench serve --goodput")
  static let rate = SchemaKey(
    "rate", .rate, .otherwise("none: what one replica holds is all that is asked"),
    "How many requests all replicas together have to hold, of traffic that comes at a rate.")
  static let concurrency = SchemaKey(
    "concurrency", .wholeNumber(1...Limits.planClients, of: "clients"),
    .otherwise("none, as of `rate`"),
    "How many clients all replicas together have to hold, of traffic in a closed loop.")
  static let reserve = SchemaKey(
    "reserve", .wholeNumber(0...Limits.replicas, of: "replicas"), .standard(0),
    "Replicas beyond those that are needed, so that as many may fail.")
  static let devices = SchemaKey(
    "devices",
    .list(of: .mapping(PlanDeviceKeys.form), upTo: Limits.groups, called: "devices"),
    .otherwise("the scenario's own"), "Devices to choose from.")
  static let vary = SchemaKey(
    "vary", .variations, .otherwise("nothing"),
    "Keys of the scenario and the values to choose from, as `kvsim sweep` takes them.")

  static let form = MappingForm(
    objectives, rate, concurrency, reserve, devices, vary,
    conflicts: [(.present(rate.name), .present(concurrency.name))])

  /// The path of a key from the root of a scenario.
  static func path<Value>(_ key: SchemaKey<Value>) -> String {
    "\(ScenarioKeys.plan.name).\(key.name)"
  }
}

/// A device of `devices`.
enum PlanDeviceKeys {
  static let name = SchemaKey(
    "name",
    .path("a profile's name in `devices`, its path, or the id of a data sheet"), .required,
    "What the replicas run on; of a data sheet, with times derived from the scenario's profile.")
  static let pricePerHour = SchemaKey(
    DeviceKeys.pricePerHour.name, DeviceKeys.pricePerHour.form, .otherwise("unknown"),
    "What it costs an hour, in any currency.")

  static let form = MappingForm(name, pricePerHour)
}

extension ValueForm where Value == [ServiceObjective] {
  /// An objective, or a preset of several.
  static var objectives: ValueForm {
    ValueForm(
      accepted: "an objective, \(ServiceObjective.accepted)",
      schema: [
        ("type", "string"), ("minLength", 1),
        ("examples", .texts(["ttft.p99 <= 500 ms", "goodput >= 99 %"])),
      ],
      read: { cursor in
        guard let text = cursor.text(accepted: ServiceObjective.accepted) else { return nil }
        do throws(ObjectiveFault) {
          return try ServiceObjective.parse(text)
        } catch {
          cursor.refuse(error.description)
          return nil
        }
      })
  }
}

extension ValueForm where Value == [Variation] {
  /// Keys of scenarios, each with a list of values or a text of several.
  static var variations: ValueForm {
    let accepted = "a mapping such as `{engine.max_num_seqs: [8, 16, 32]}`"
    return ValueForm(
      accepted: accepted,
      schema: [
        ("type", "object"), ("minProperties", 1),
        (
          "additionalProperties",
          .object([("type", .texts(["array", "string", "number", "boolean", "object"]))])
        ),
      ],
      read: { $0.variations(accepted: accepted) })
  }
}

extension Cursor {
  fileprivate func variations(accepted: String) -> [Variation]? {
    guard case .mapping(let members) = node.kind, !members.isEmpty else {
      refuse(accepted: accepted)
      return nil
    }
    var isRefused = false
    for member in members {
      guard let fault = ScenarioSetting.fault(ofPath: member.key) else { continue }
      log.report(at: member.keyPosition, key: path, fault)
      isRefused = true
    }
    return isRefused ? nil : members.map { Variation($0.key, $0.value) }
  }
}

extension Variation {
  fileprivate init(_ path: String, _ node: SourceNode) {
    self.path = path
    values =
      switch node.kind {
      case .sequence(let items): .list(items.map(\.written))
      case .scalar(let text, _): .text(text)
      case .mapping: .list([node.written])
      }
  }
}

extension SourceNode {
  /// The value in one line of YAML.
  var written: String {
    switch kind {
    case .scalar(let text, quoted: false): text
    case .scalar(let text, quoted: true): JSONValue.text(text).written()
    case .sequence(let items): "[" + items.map(\.written).joined(separator: ", ") + "]"
    case .mapping(let members):
      "{" + members.map { "\($0.key): \($0.value.written)" }.joined(separator: ", ") + "}"
    }
  }
}
