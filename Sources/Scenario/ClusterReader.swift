import Simulator

/// The replicas of a scenario, all alike, and how requests are spread over them.
public struct ClusterOptions: Hashable, Sendable {
  /// Engines: `cluster.replicas`, each `engine.data_parallel_size` times.
  public let replicas: Int
  /// `router`.
  public let routing: RoutingPolicy
}

/// `cluster`: how many replicas there are, and how requests are spread over them.
struct ClusterReader {
  /// One replica where nothing is said, nil with an error where it is refused.
  func cluster(_ file: MappingCursor) -> ClusterOptions? {
    let engine = file.mapping(at: ScenarioKeys.engine.name, keys: EngineKeys.form.names)
    let ranks = engine.map { $0.value(EngineKeys.dataParallelSize) } ?? 1
    guard let cluster = file.value(ScenarioKeys.cluster) else { return nil }
    let replicas = cluster.value(ClusterKeys.replicas)
    let router = cluster.given(ClusterKeys.router)
    guard let ranks, let replicas,
      // vLLM spreads requests over its ranks by their loads.
      let routing = router ?? .some(ranks > 1 ? .leastOutstanding : .roundRobin)
    else { return nil }
    guard replicas * ranks <= Limits.replicas else {
      engine?.optional(EngineKeys.dataParallelSize)?.refuse(
        "\(ranks) times `cluster.replicas`, \(replicas), are too many; accepted: up to "
          + "\(Limits.replicas) in all")
      return nil
    }
    return ClusterOptions(replicas: replicas * ranks, routing: routing)
  }
}
