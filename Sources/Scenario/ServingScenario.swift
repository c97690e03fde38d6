import CostModel
import Operators
import Simulator

/// A question that a person asks of kvsim: which model, device, engine options, formats and
/// traffic. Complete and valid; nothing in it refers to a file any more.
public struct ServingScenario: Hashable, Sendable {
  /// The version of the scenario's file form that this code reads.
  public static let schemaVersion = 1

  /// `name`: lower-case letters, digits and dashes.
  public let name: String
  /// `description`: free text, empty where there is none.
  public let description: String
  /// `seed` of every random draw: 0...2^63 − 1.
  public let seed: UInt64
  /// The model.
  public let model: ModelArchitecture
  /// The model's file, verbatim.
  public let modelText: String
  /// The model's file's path.
  public let modelPath: String
  /// The device and the engine, of replicas that say nothing else.
  public let setup: ReplicaSetup
  /// The replicas and how requests are spread over them.
  public let cluster: ClusterOptions
  /// The formats to compare, in the order in which the file lists them, without repeats; each has
  /// measurements in the profiles of the groups that have no format of their own.
  public let formats: [KVFormat]
  /// The requests.
  public let workload: Workload
  /// What a real engine did, that `kvsim validate` compares with.
  public let reference: Reference?
  /// What `kvsim plan` is asked; nil where the file does not say.
  public let plan: PlanQuestion?
  /// The scenario's file, verbatim.
  public let text: String
  /// The scenario's file's path.
  public let path: String
}

extension ServingScenario {
  /// What the device was measured to take.
  public var profile: Profile { setup.profile }
  /// The engine's options.
  public var engine: EngineOptions { setup.engine }
  /// The devices of the replica, and their link.
  public var parallelism: Parallelism { setup.parallelism }
  /// What the engine's processor does between steps.
  public var hostOverhead: HostOverhead { setup.hostOverhead }

  /// Reads a scenario and the model, profile and request trace that it names.
  ///
  /// - Parameters:
  ///   - path: the scenario's file.
  ///   - profileOverride: a profile to use instead of the one that the file names; relative to the
  ///     working directory.
  ///   - seedOverride: a seed to use instead of the file's.
  /// - Throws: ``ScenarioError/unreadable(path:reason:)`` where the scenario itself cannot be
  ///   read, else ``ScenarioError/invalid(_:)`` with every error of every file.
  public static func load(
    path: String, profileOverride: String? = nil, seedOverride: UInt64? = nil
  ) throws(ScenarioError) -> ServingScenario {
    try ScenarioTemplate(
      path: path, profileOverride: profileOverride, seedOverride: seedOverride
    ).scenario()
  }

  /// Reads a scenario with another profile, in those of its formats that were measured there.
  /// - Throws: as ``load(path:profileOverride:seedOverride:)``; where none was measured, too.
  public static func loadMeasuredFormats(
    path: String, profile: String
  ) throws(ScenarioError) -> ServingScenario {
    try parse(
      SourceFile.read(path: path, limit: Limits.scenarioBytes), profileOverride: profile,
      formatsNeeded: .one)
  }

  static func parse(
    _ file: SourceFile, profileOverride: String? = nil, seedOverride: UInt64? = nil,
    settings: [ScenarioSetting] = [], shelf: ProfileShelf = ProfileShelf(),
    formatsNeeded: ScenarioReader.FormatsNeeded = .all
  ) throws(ScenarioError) -> ServingScenario {
    let log = DiagnosticLog(file: file.path, dialect: .yaml)
    guard let text = file.text(into: log), var root = YAMLSource.parse(text, into: log) else {
      throw .invalid(log.sorted)
    }
    for setting in settings { root = root.setting(setting, into: log) }
    try log.throwIfAny()
    var reader = ScenarioReader(
      log: log, path: file.path,
      profiles: ProfileSource(override: profileOverride, shelf: shelf),
      seedOverride: seedOverride, formatsNeeded: formatsNeeded)
    let scenario = reader.scenario(Cursor(node: root, path: "", log: log), text: text)
    let diagnostics = log.sorted + reader.diagnosticsOfOtherFiles
    guard diagnostics.isEmpty else { throw .invalid(diagnostics.sorted()) }
    guard let scenario else { preconditionFailure("a scenario is neither valid nor refused") }
    return scenario
  }
}
