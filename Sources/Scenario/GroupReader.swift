import CostModel
import Operators
import Simulator

/// A group of `cluster.groups`: the scenario, with some of its keys in the group's words.
struct GroupReader {
  let log: DiagnosticLog
  /// The scenario's folder with a slash behind it; empty for the working directory.
  let folder: String
  let profiles: ProfileSource
  let model: ModelArchitecture?
  /// Errors in the files that groups name.
  private(set) var diagnosticsOfOtherFiles: [Diagnostic] = []

  init(
    log: DiagnosticLog, folder: String, profiles: ProfileSource, model: ModelArchitecture?
  ) {
    self.log = log
    self.folder = folder
    self.profiles = profiles
    self.model = model
  }

  /// The replicas of a cluster without groups; nil with an error where something is refused, or
  /// where there is no `setup`.
  func onlyGroup(
    _ cluster: MappingCursor, _ file: MappingCursor, _ setup: ReplicaSetup?
  ) -> ReplicaGroup? {
    let ranks = file.ranks
    let replicas = cluster.value(ClusterKeys.replicas)
    let scaling = cluster.given(ClusterKeys.autoscaling)
    guard let ranks, let replicas,
      let autoscaling = autoscaling(scaling, of: cluster, replicas: replicas, ranks: ranks),
      let setup
    else { return nil }
    return ReplicaGroup(
      name: ReplicaGroup.onlyName, replicas: replicas * ranks, role: .whole, setup: setup,
      format: nil, autoscaling: autoscaling)
  }

  /// Nil with an error where something is refused.
  mutating func group(
    _ group: MappingCursor, _ file: MappingCursor, _ setup: ReplicaSetup, _ formats: [KVFormat]?
  ) -> ReplicaGroup? {
    let name = group.value(GroupKeys.name)
    let replicas = group.value(GroupKeys.replicas)
    let role = group.value(GroupKeys.role)
    let format = group.given(GroupKeys.kvCache).map { $0?.value(GroupCacheKeys.format) }
    let scaling = group.given(GroupKeys.autoscaling)
    group.mapping(at: GroupKeys.engine.name, keys: EngineKeys.form.names)?.refuse(
      key: EngineKeys.kvCacheDtype.name,
      "does not go with a group; accepted: `kv_cache: {format: …}` beside its `engine`")
    let own = file.overlaid(by: group)
    let setup =
      own.map { self.setup($0, isOwnDevice: group.optional(GroupKeys.device) != nil) }
      ?? setup
    let ranks = (own ?? file).ranks
    guard let name, let replicas, let role, let format = format ?? .some(nil), let ranks,
      let autoscaling = autoscaling(scaling, of: group, replicas: replicas, ranks: ranks),
      let setup, checkFormats(format.map { [$0] } ?? formats ?? [], of: setup, group)
    else { return nil }
    return ReplicaGroup(
      name: name, replicas: replicas * ranks, role: role, setup: setup,
      format: format.flatMap { setup.profile.format(named: $0.name) }, autoscaling: autoscaling)
  }

  private mutating func setup(_ file: MappingCursor, isOwnDevice: Bool) -> ReplicaSetup? {
    var reader = SetupReader(
      log: log, folder: folder, profiles: isOwnDevice ? profiles.withoutOverride : profiles,
      model: model)
    defer { diagnosticsOfOtherFiles += reader.diagnosticsOfOtherFiles }
    return reader.setup(file)
  }

  private func checkFormats(
    _ formats: [KVFormat], of setup: ReplicaSetup, _ group: MappingCursor
  ) -> Bool {
    let lacking = formats.filter { setup.profile.format(named: $0.name) == nil }
    guard let first = lacking.first else { return true }
    let measured = setup.profile.formats.map(\.name).joined(separator: ", ")
    let key = group.optional(GroupKeys.kvCache) ?? group.optional(GroupKeys.device)
    log.report(
      at: key?.node.position ?? group.position, key: key?.path ?? group.path,
      "`\(first.name)` was not measured in `\(setup.profilePath)`; accepted: \(measured)")
    return false
  }

  /// Nil with an error where it is refused, an inner nil where there is none.
  private func autoscaling(
    _ given: MappingCursor??, of group: MappingCursor, replicas: Int, ranks: Int
  ) -> Autoscaling?? {
    guard let given else { return .some(nil) }
    guard let keys = given else { return nil }
    let least = keys.value(AutoscalingKeys.minReplicas)
    let most = keys.value(AutoscalingKeys.maxReplicas)
    let target = keys.value(AutoscalingKeys.targetOutstanding)
    let interval = keys.value(AutoscalingKeys.interval)
    let startUp = keys.value(AutoscalingKeys.startUp)
    let delay = keys.value(AutoscalingKeys.scaleDownDelay)
    guard let least, let most, let target, let interval, let startUp, let delay else { return nil }
    guard ranks == 1 else {
      group.refuse(
        key: ClusterKeys.autoscaling.name,
        "does not go with `data_parallel_size` above 1, whose ranks start together")
      return nil
    }
    // Without a number of its own a group begins with as few as its rule allows.
    let isStated = group.optional(ClusterKeys.replicas.name) != nil
    let initial = isStated ? replicas : least
    guard least <= initial, initial <= most else {
      keys.optional(AutoscalingKeys.maxReplicas)?.refuse(
        "\(initial) replicas at the start, \(least) at least and \(most) at most; accepted: "
          + "`min_replicas` ≤ `replicas` ≤ `max_replicas`")
      return nil
    }
    return Autoscaling(
      members: 0..<most, initial: initial, least: least, targetOutstanding: target,
      intervalNs: interval, startUpNs: startUp, scaleDownDelayNs: delay)
  }
}

extension MappingCursor {
  /// `engine.data_parallel_size` of a scenario; nil with an error where it is refused.
  var ranks: Int? {
    guard let engine = mapping(at: ScenarioKeys.engine.name, keys: EngineKeys.form.names) else {
      return 1
    }
    return engine.value(EngineKeys.dataParallelSize)
  }

  /// Options of which one in a group stands for all of the scenario's.
  private static let replacing: [String: [String]] = [
    EngineKeys.gpuMemoryUtilization.name: [EngineKeys.kvCacheMemoryBytes.name],
    EngineKeys.kvCacheMemoryBytes.name: [EngineKeys.gpuMemoryUtilization.name],
    EngineKeys.preemptionMode.name: [EngineKeys.swapSpace.name, EngineKeys.hostLink.name],
  ]

  /// A scenario with the device of a group in place of its own and the group's options of the
  /// engine beside its own; nil where the group has neither.
  fileprivate func overlaid(by group: MappingCursor) -> MappingCursor? {
    let names = [GroupKeys.device.name, GroupKeys.engine.name]
    let own = group.members.filter { names.contains($0.key) }
    guard !own.isEmpty else { return nil }
    let merged = own.map { member in
      member.key == GroupKeys.engine.name ? mergedEngine(member) : member
    }
    return MappingCursor(
      members: members.filter { member in !own.contains { $0.key == member.key } } + merged,
      position: group.position, path: group.path, keys: keys, log: log)
  }

  private func mergedEngine(_ own: SourceNode.Member) -> SourceNode.Member {
    guard case .mapping(let options) = own.value.kind,
      let base = members.first(where: { $0.key == own.key }),
      case .mapping(let others) = base.value.kind
    else { return own }
    let replaced = Set(options.flatMap { [$0.key] + (MappingCursor.replacing[$0.key] ?? []) })
    return SourceNode.Member(
      key: own.key, keyPosition: own.keyPosition,
      value: SourceNode(
        kind: .mapping(options + others.filter { !replaced.contains($0.key) }),
        position: own.value.position))
  }
}
