import CostModel
import Operators
import Simulator

/// The replicas of a scenario, and how requests are spread over them.
public struct ClusterOptions: Hashable, Sendable {
  /// Kinds of replicas, in the order in which these are numbered.
  public let groups: [ReplicaGroup]
  /// `router`.
  public let routing: RoutingPolicy
  /// `kv_transfer`: the link of each replica; nil where prompts stay where they are computed.
  public let transferLink: CopyLink?
  /// `failures`.
  public let outages: [Outage]

  /// Replicas that can be there.
  public var replicas: Int { groups.reduce(0) { $0 + $1.most } }
}

/// Replicas that are alike.
public struct ReplicaGroup: Hashable, Sendable {
  /// What results call it.
  public let name: String
  /// Engines at the start: `replicas`, each `data_parallel_size` times.
  public let replicas: Int
  /// What they do for a request.
  public let role: ReplicaRole
  /// What they run on.
  public let setup: ReplicaSetup
  /// Their own format; nil where it is the run's.
  public let format: KVFormat?
  /// When they are switched on and off; of members that are numbered from 0. Nil where they never
  /// are.
  public let autoscaling: Autoscaling?

  /// Engines that can be there.
  public var most: Int { autoscaling?.members.count ?? replicas }

  /// The name of a group that has none.
  public static let onlyName = "replicas"
}

/// `cluster`: which replicas there are, and how requests are spread over them.
struct ClusterReader {
  private let log: DiagnosticLog
  private let formats: [KVFormat]?
  private var groupReader: GroupReader
  /// Errors in the files that groups name.
  var diagnosticsOfOtherFiles: [Diagnostic] { groupReader.diagnosticsOfOtherFiles }

  init(
    log: DiagnosticLog, folder: String, profiles: ProfileSource, model: ModelArchitecture?,
    formats: [KVFormat]?
  ) {
    self.log = log
    self.formats = formats
    groupReader = GroupReader(
      log: log, folder: folder, profiles: profiles, model: model)
  }

  /// One replica where nothing is said, nil with an error where it is refused; and nil where
  /// `setup` is, which groups build upon.
  mutating func cluster(_ file: MappingCursor, _ setup: ReplicaSetup?) -> ClusterOptions? {
    guard let cluster = file.value(ScenarioKeys.cluster) else { return nil }
    let routing = cluster.given(ClusterKeys.router)
    let link = link(cluster)
    let groups: [ReplicaGroup]?
    if let items = cluster.given(ClusterKeys.groups) {
      refuseBesideGroups(cluster)
      groups = items.flatMap { items in setup.flatMap { self.groups(items, file, $0) } }
    } else {
      groups = groupReader.onlyGroup(cluster, file, setup).map { [$0] }
    }
    let outages = outages(cluster, groups)
    guard let groups, let routing = routing ?? .some(nil), let link, let outages,
      checkCount(groups, file), checkRoles(groups, cluster, link),
      PipelineRules.allow(groups, outages, in: cluster)
    else { return nil }
    // vLLM spreads requests over its ranks by their loads.
    let hasRanks = file.ranks ?? 1 > 1
    return ClusterOptions(
      groups: groups, routing: routing ?? (hasRanks ? .leastOutstanding : .roundRobin),
      transferLink: link, outages: outages)
  }

  private func refuseBesideGroups(_ cluster: MappingCursor) {
    for key in [ClusterKeys.replicas.name, ClusterKeys.autoscaling.name] {
      cluster.refuse(
        key: key, "does not go with `groups`; accepted: `\(key)` in a group")
    }
  }

  private mutating func groups(
    _ items: [Cursor], _ file: MappingCursor, _ setup: ReplicaSetup
  ) -> [ReplicaGroup]? {
    var groups: [ReplicaGroup] = []
    for item in items {
      guard let mapping = item.mapping(GroupKeys.form),
        let group = groupReader.group(mapping, file, setup, formats)
      else { continue }
      if groups.contains(where: { $0.name == group.name }) {
        mapping.optional(GroupKeys.name)?.refuse(
          "two groups are called `\(group.name)`; accepted: a name of its own for each")
        continue
      }
      if let first = groups.first, first.setup.engine.scheduler != group.setup.engine.scheduler {
        mapping.log.report(
          at: mapping.position, key: mapping.path,
          "its scheduler is `\(group.setup.engine.scheduler.rawValue)`; accepted: that of all "
            + "groups, `\(first.setup.engine.scheduler.rawValue)`")
        continue
      }
      groups.append(group)
    }
    return groups.count == items.count ? groups : nil
  }

  /// Nil with an error where it is refused, an inner nil where there is none.
  private func link(_ cluster: MappingCursor) -> CopyLink?? {
    guard let given = cluster.given(ClusterKeys.kvTransfer) else { return .some(nil) }
    let bandwidth = given?.value(TransferKeys.bandwidth)
    let latency = given?.value(TransferKeys.latency)
    guard let bandwidth, let latency else { return nil }
    return CopyLink(bytesPerSecond: bandwidth, latencyNs: latency)
  }

  private func outages(_ cluster: MappingCursor, _ groups: [ReplicaGroup]?) -> [Outage]? {
    guard let given = cluster.given(ClusterKeys.failures) else { return [] }
    guard let items = given else { return nil }
    let outages = items.compactMap { item -> Outage? in
      guard let failure = item.mapping(FailureKeys.form) else { return nil }
      let replica = failure.value(FailureKeys.replica)
      let at = failure.value(FailureKeys.at)
      let recoversAfter = failure.given(FailureKeys.recoversAfter)
      guard let replica, let at, let recoversAfter = recoversAfter ?? .some(nil), let groups
      else { return nil }
      let count = groups.reduce(0) { $0 + $1.most }
      guard replica < count else {
        failure.optional(FailureKeys.replica)?.refuse(
          "there is no replica \(replica); accepted: 0 to \(count - 1)")
        return nil
      }
      return Outage(replica: replica, atNs: at, recoversAfterNs: recoversAfter)
    }
    return outages.count == items.count ? outages : nil
  }

  private func checkCount(_ groups: [ReplicaGroup], _ file: MappingCursor) -> Bool {
    let count = groups.reduce(0) { $0 + $1.most }
    guard count > Limits.replicas else { return true }
    let ranks = file.mapping(at: ScenarioKeys.engine.name, keys: EngineKeys.form.names)?
      .optional(EngineKeys.dataParallelSize)
    log.report(
      at: ranks?.node.position ?? file.position, key: ranks?.path ?? ScenarioKeys.cluster.name,
      "the cluster has \(count) replicas, each rank of `data_parallel_size` counted; accepted: up "
        + "to \(Limits.replicas) in all")
    return false
  }

  /// Whether those that compute prompts and those that decode them fit together.
  private func checkRoles(
    _ groups: [ReplicaGroup], _ cluster: MappingCursor, _ link: CopyLink?
  ) -> Bool {
    let apart = groups.filter { $0.role != .whole }
    guard let first = apart.first else {
      cluster.refuse(
        key: ClusterKeys.kvTransfer.name,
        "goes with groups whose roles are `prefill` and `decode`, and there are none")
      return link == nil
    }
    let names = apart.map { "`\($0.name)`" }.joined(separator: ", ")
    func refuse(_ message: String) -> Bool {
      cluster.refuse(key: ClusterKeys.groups.name, message)
      return false
    }
    for role in [ReplicaRole.prefill, .decode] where !apart.contains(where: { $0.role == role }) {
      return refuse(
        "no group has the role `\(role.rawValue)`; accepted: `prefill` and `decode` together")
    }
    guard link != nil else {
      return refuse(
        "\(names) hand the KV cache over; give `cluster` a `kv_transfer` such as "
          + "{bandwidth: 50 GB/s}")
    }
    guard first.setup.engine.scheduler != .staticBatching else {
      return refuse("`static` batches do not take requests from other replicas")
    }
    guard apart.allSatisfy({ $0.format == first.format }) else {
      return refuse("\(names) hand the KV cache over as it is; accepted: one format for them")
    }
    guard apart.allSatisfy({ $0.setup.engine.blockSize == first.setup.engine.blockSize }) else {
      return refuse("\(names) hand whole blocks over; accepted: one `block_size` for them")
    }
    return true
  }
}
