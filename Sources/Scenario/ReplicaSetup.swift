import CostModel
import Simulator

/// What a replica runs on, and how its engine is set up.
public struct ReplicaSetup: Hashable, Sendable {
  /// What the device was measured to take.
  public let profile: Profile
  /// The profile's file, verbatim.
  public let profileText: String
  /// The profile's file's path.
  public let profilePath: String
  /// The checksum that the profile's file carries.
  public let profileChecksum: String
  /// The engine's options.
  public let engine: EngineOptions
  /// The devices of the replica, as many as `engine` says, and their link.
  public let parallelism: Parallelism
  /// The file of the measured link that the devices use, verbatim; nil where the scenario states
  /// their link, or has one device.
  public let linkText: String?
  /// What the engine's processor does between steps.
  public let hostOverhead: HostOverhead
  /// The model that drafts tokens; nil where none does.
  public let draftModel: ModelArchitecture?
  /// What an hour of one of its devices costs, in any currency; nil where nothing is said.
  public let pricePerHour: Double?
}

/// Reads what replicas run on: `device` and `engine`.
struct SetupReader {
  let log: DiagnosticLog
  /// The scenario's folder with a slash behind it; empty for the working directory.
  let folder: String
  let profiles: ProfileSource
  let model: ModelArchitecture?
  /// Errors in the files that stand there.
  private(set) var diagnosticsOfOtherFiles: [Diagnostic] = []
  /// The profile, if it could be read.
  private(set) var profile: LoadedProfile?
  /// The engine's options, if none of them was refused.
  private(set) var engine: EngineOptions?

  init(
    log: DiagnosticLog, folder: String, profiles: ProfileSource, model: ModelArchitecture?
  ) {
    self.log = log
    self.folder = folder
    self.profiles = profiles
    self.model = model
  }

  /// Nil with at least one error where something is refused.
  mutating func setup(_ file: MappingCursor) -> ReplicaSetup? {
    var deviceReader = DeviceReader(folder: folder, profiles: profiles)
    profile = deviceReader.profile(file)
    diagnosticsOfOtherFiles += deviceReader.diagnosticsOfOtherFiles
    let engineReader = EngineReader(
      log: log, profileBlockSize: profile?.profile.blockSize, maxPositions: model?.maxPositions)
    engine = engineReader.options(file)
    let hostOverhead = engineReader.hostOverhead(file)
    var parallelismReader = ParallelismReader(folder: folder)
    let parallelism = parallelismReader.parallelism(file, engine, model)
    diagnosticsOfOtherFiles += parallelismReader.diagnosticsOfOtherFiles
    var draftReader = DraftModelReader(folder: folder)
    let draft = draftReader.model(file, engine, for: model)
    diagnosticsOfOtherFiles += draftReader.diagnosticsOfOtherFiles
    if let profile { checkBlockSize(file, engine, profile) }
    let device = file.mapping(at: ScenarioKeys.device.name, keys: DeviceKeys.form.names)
    let price = device?.given(DeviceKeys.pricePerHour) ?? .some(nil)
    guard let profile, let engine, let hostOverhead, let parallelism, let draft, let price
    else { return nil }
    return ReplicaSetup(
      profile: profile.profile, profileText: profile.text, profilePath: profile.path,
      profileChecksum: profile.checksum, engine: engine, parallelism: parallelism,
      linkText: parallelismReader.linkText, hostOverhead: hostOverhead,
      draftModel: draft?.architecture, pricePerHour: price)
  }

  private func checkBlockSize(
    _ file: MappingCursor, _ engine: EngineOptions?, _ profile: LoadedProfile
  ) {
    let measured = profile.profile.blockSize
    guard let engine, engine.blockSize != measured else { return }
    let keys = file.mapping(at: ScenarioKeys.engine.name, keys: EngineKeys.form.names)
    keys?.optional(EngineKeys.blockSize)?.refuse(
      "is \(engine.blockSize), but the profile's kernels were measured with \(measured) tokens per "
        + "page; accepted: \(measured), or another profile")
  }
}
