import Simulator

/// What is not simulated together with `engine.pipeline_parallel_size` above 1.
enum PipelineRules {
  /// Whether options of one engine go with its stages; else with an error for each that does not.
  static func allow(
    _ stages: Int, swaps: Bool, speculates: Bool, in engine: MappingCursor
  ) -> Bool {
    guard stages > 1 else { return true }
    let accepted = "accepted: `\(EngineKeys.pipelineParallelSize.name): 1`, or none of it"
    if swaps {
      engine.refuse(
        key: EngineKeys.preemptionMode.name,
        "`swap` is not simulated with \(stages) stages; \(accepted)")
    }
    if speculates {
      engine.refuse(
        key: EngineKeys.speculativeConfig.name,
        "is not simulated with \(stages) stages; \(accepted)")
    }
    return !swaps && !speculates
  }

  /// Whether what a cluster does goes with the stages of its groups; else with an error.
  static func allow(
    _ groups: [ReplicaGroup], _ outages: [Outage], in cluster: MappingCursor
  ) -> Bool {
    guard let staged = groups.first(where: { $0.stages > 1 }) else { return true }
    func refuse(_ key: String, _ what: String) -> Bool {
      cluster.refuse(
        key: key,
        "\(what) not simulated beside replicas of \(staged.stages) stages; accepted: "
          + "`\(EngineKeys.pipelineParallelSize.name): 1` in all of `engine`, or none of it")
      return false
    }
    if !outages.isEmpty { return refuse(ClusterKeys.failures.name, "failures are") }
    if groups.contains(where: { $0.role != .whole }) {
      return refuse(ClusterKeys.groups.name, "the roles `prefill` and `decode` are")
    }
    if groups.contains(where: { $0.autoscaling != nil }) {
      let isOnly = cluster.optional(ClusterKeys.groups.name) == nil
      return refuse(
        isOnly ? ClusterKeys.autoscaling.name : ClusterKeys.groups.name, "autoscaling is")
    }
    return true
  }
}

extension ReplicaGroup {
  /// Stages over which the layers of each replica are spread.
  public var stages: Int { setup.engine.pipelineParallelSize }
}
