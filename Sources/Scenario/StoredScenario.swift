/// What the text of a scenario says of its model and its traffic, when the files that it names need
/// not be there any more: for a trace, which keeps the text. Nothing is refused; what cannot be
/// read is nil.
public struct StoredScenario: Hashable, Sendable {
  /// When requests come.
  public enum Arrivals: Hashable, Sendable {
    /// So many a second, with gaps of this shape (1 is Poisson); nil where they have none.
    case openLoop(requestsPerSecond: Double, burstiness: Double?)
    /// When one of so many clients is free.
    case closedLoop(concurrency: Int)
  }

  /// What the model is called.
  public let modelName: String?
  /// When requests come; nil where no two numbers say it all.
  public let arrivals: Arrivals?

  /// - Parameters:
  ///   - text: the scenario.
  ///   - modelText: its model's `config.json`.
  public init(text: String, modelText: String) {
    // Nothing longer was ever read as a scenario or a model.
    let text = text.utf8.count > Limits.scenarioBytes ? "" : text
    let modelText = modelText.utf8.count > Limits.modelBytes ? "" : modelText
    let log = DiagnosticLog(file: "", dialect: .yaml)
    let file = YAMLSource.parse(text, into: log).flatMap {
      Cursor(node: $0, path: "", log: log).anyMapping(keys: ScenarioKeys.form.names)
    }
    modelName = StoredScenario.nameInModel(modelText) ?? file.flatMap(StoredScenario.nameOfFile)
    arrivals = file?.mapping(at: ScenarioKeys.workload.name, keys: WorkloadKeys.form.names)?
      .mapping(at: WorkloadKeys.arrivals.name, keys: ArrivalKeys.form.names)
      .flatMap(StoredScenario.arrivals)
  }

  private static func nameInModel(_ text: String) -> String? {
    let log = DiagnosticLog(file: "", dialect: .json)
    guard let root = JSONSource.parse(text, into: log),
      case .mapping(let members) = root.kind,
      let member = members.first(where: { $0.key == "_name_or_path" }),
      case .scalar(let name, quoted: true) = member.value.kind
    else { return nil }
    return name.split(separator: "/").last.map(String.init)
  }

  private static func nameOfFile(_ file: MappingCursor) -> String? {
    file.value(ScenarioKeys.model).map { ModelFile.name(ofPath: $0.text) }
  }

  private static func arrivals(_ arrivals: MappingCursor) -> Arrivals? {
    switch arrivals.value(ArrivalKeys.process) {
    case ArrivalKeys.closedLoop:
      return arrivals.value(ArrivalKeys.concurrency).map { .closedLoop(concurrency: $0) }
    case "poisson":
      return arrivals.value(ArrivalKeys.rate).map {
        .openLoop(requestsPerSecond: $0, burstiness: 1)
      }
    case "gamma":
      guard let rate = arrivals.value(ArrivalKeys.rate),
        let burstiness = arrivals.value(ArrivalKeys.burstiness)
      else { return nil }
      return .openLoop(requestsPerSecond: rate, burstiness: burstiness)
    case "deterministic":
      return arrivals.value(ArrivalKeys.rate).map {
        .openLoop(requestsPerSecond: $0, burstiness: nil)
      }
    default: return nil
    }
  }
}
