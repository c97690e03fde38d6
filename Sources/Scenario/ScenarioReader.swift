import CostModel
import Operators
import Simulator

/// The root of one scenario file, and the files that it names.
struct ScenarioReader {
  /// How many of a scenario's formats the profile has to have.
  enum FormatsNeeded {
    case all, one
  }

  let log: DiagnosticLog
  let path: String
  let profiles: ProfileSource
  let seedOverride: UInt64?
  let formatsNeeded: FormatsNeeded
  /// Errors in the files that the scenario names.
  private(set) var diagnosticsOfOtherFiles: [Diagnostic] = []

  init(
    log: DiagnosticLog, path: String, profiles: ProfileSource, seedOverride: UInt64?,
    formatsNeeded: FormatsNeeded
  ) {
    self.log = log
    self.path = path
    self.profiles = profiles
    self.seedOverride = seedOverride
    self.formatsNeeded = formatsNeeded
  }

  /// Nil with at least one error where a file is refused.
  mutating func scenario(_ root: Cursor, text: String) -> ServingScenario? {
    guard let any = root.anyMapping(keys: ScenarioKeys.form.names),
      any.isOfVersion(
        ServingScenario.schemaVersion, key: ScenarioKeys.kvsim.name, what: "this scenario")
    else { return nil }
    let file = any.refusingUnknownKeys()
    _ = file.required(ScenarioKeys.kvsim.name, accepted: ScenarioKeys.kvsim.form.accepted)
    let name = name(file)
    let description = file.value(ScenarioKeys.description)
    let seed = seed(file)
    let model = model(file)
    var setupReader = SetupReader(
      log: log, folder: folder, profiles: profiles, model: model?.architecture)
    let setup = setupReader.setup(file)
    let (profile, engine) = (setupReader.profile, setupReader.engine)
    diagnosticsOfOtherFiles += setupReader.diagnosticsOfOtherFiles
    let named = formats(file)
    var workloadReader = WorkloadReader(
      log: log, folder: folder, maxPositions: model?.architecture.maxPositions, seed: seed ?? 1)
    let workload = workloadReader.workload(file)
    diagnosticsOfOtherFiles += workloadReader.diagnosticsOfOtherFiles
    var formats: [KVFormat]?
    if let profile {
      formats = named.flatMap { measured($0, file, profile) }
    }
    var clusterReader = ClusterReader(
      log: log, folder: folder, profiles: profiles, model: model?.architecture,
      formats: formats)
    let cluster = clusterReader.cluster(file, setup)
    diagnosticsOfOtherFiles += clusterReader.diagnosticsOfOtherFiles
    if let workload, let cluster {
      _ = SamplesReader(log: log).check(file, workload, cluster)
    }
    var referenceReader = ReferenceReader(folder: folder)
    let reference = referenceReader.reference(
      file,
      for: ReferenceReader.ScenarioParts(
        workload: workload, formats: formats, tensorParallelSize: engine?.tensorParallelSize))
    diagnosticsOfOtherFiles += referenceReader.diagnosticsOfOtherFiles
    let plan = PlanReader().question(file, for: workload)
    guard log.isEmpty, diagnosticsOfOtherFiles.isEmpty, let name, let description, let seed,
      let model, let formats, let setup, let cluster, let workload
    else { return nil }
    return ServingScenario(
      name: name, description: description, seed: seed, model: model.architecture,
      modelText: model.text, modelPath: model.path, setup: setup, cluster: cluster,
      formats: formats, workload: workload, reference: reference, plan: plan,
      text: text, path: path)
  }

  // MARK: What stands in the file

  private func name(_ file: MappingCursor) -> String? {
    if let name = file.given(ScenarioKeys.name) { return name }
    let name = fileName
    guard ScenarioReader.isName(name) else {
      log.report(
        at: file.position, key: ScenarioKeys.name.name,
        "missing, and the file's name, \(Escaping.quoted(name)), cannot serve; accepted: "
          + ScenarioKeys.name.form.accepted)
      return nil
    }
    return name
  }

  static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= Limits.nameCharacters
      && text.utf8.allSatisfy { byte in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
      }
  }

  private func seed(_ file: MappingCursor) -> UInt64? {
    let given = file.value(ScenarioKeys.seed)
    if let seedOverride {
      guard seedOverride <= UInt64(Int64.max) else {
        log.report(
          at: file.position, key: ScenarioKeys.seed.name,
          "\(seedOverride), given on the command line, is out of range; accepted: "
            + ScenarioKeys.seed.form.accepted)
        return nil
      }
      return seedOverride
    }
    return given.map(UInt64.init)
  }

  private func formats(_ file: MappingCursor) -> [KVFormat]? {
    guard let cache = file.value(ScenarioKeys.kvCache) else { return nil }
    let formats = cache.given(KVCacheKeys.format)
    let engine = file.mapping(at: ScenarioKeys.engine.name, keys: EngineKeys.form.names)
    guard let named = engine?.given(EngineKeys.kvCacheDtype) else {
      return formats ?? KVFormat.named
    }
    guard formats == nil else {
      engine?.refuse(
        key: EngineKeys.kvCacheDtype.name,
        "does not go with `kv_cache.format`, which says the same; accepted: one of the two")
      return nil
    }
    return named
  }

  // MARK: The files that it names

  private var fileName: String {
    let last = path.split(separator: "/").last.map(String.init) ?? path
    for ending in [".yaml", ".yml", ".json"] where last.hasSuffix(ending) {
      return String(last.dropLast(ending.count))
    }
    return last
  }

  /// The scenario's folder with a slash behind it; empty for the working directory.
  private var folder: String {
    path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
  }

  private mutating func model(_ file: MappingCursor) -> LoadedModel? {
    guard let path = file.value(ScenarioKeys.model) else { return nil }
    do throws(ScenarioError) {
      return try ModelFile.read(path: path.relative(to: folder))
    } catch {
      diagnosticsOfOtherFiles += path.cursor.refuse(file: error)
      return nil
    }
  }

  // MARK: What has to fit together

  /// The formats as the profile's kernels keep them; nil with an error for each that is needed and
  /// was not measured.
  private func measured(
    _ formats: [KVFormat], _ file: MappingCursor, _ profile: LoadedProfile
  ) -> [KVFormat]? {
    let key =
      file.mapping(at: ScenarioKeys.kvCache.name, keys: KVCacheKeys.form.names)?
      .optional(KVCacheKeys.format)
      ?? file.mapping(at: ScenarioKeys.engine.name, keys: EngineKeys.form.names)?
      .optional(EngineKeys.kvCacheDtype)
    let found = formats.compactMap { profile.profile.format(named: $0.name) }
    if formatsNeeded == .one, !found.isEmpty { return found }
    for format in formats {
      if profile.profile.format(named: format.name) == nil {
        let shown = profile.profile.formats.map(\.name).joined(separator: ", ")
        log.report(
          at: key?.node.position ?? file.position, key: key?.path ?? "kv_cache.format",
          "`\(format.name)` was not measured in `\(profile.path)`; accepted: \(shown)")
      }
    }
    return found.count == formats.count ? found : nil
  }
}
