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
    let range = 1...Limits.replicas
    let cursor = file.optional("cluster")
    let keys = cursor.map { $0.mapping(keys: SchemaKeys.cluster) }
    let ranks = file.mapping(at: "engine", keys: SchemaKeys.engine)?
      .optional("data_parallel_size")
    let dataParallelSize = ranks.map { $0.integer(in: range) } ?? 1
    guard let mapping = keys ?? .some(nil) else { return nil }
    let replicas = mapping?.optional("replicas").map { $0.integer(in: range) } ?? 1
    let policies = RoutingPolicy.allCases.map(\.rawValue)
    let router = mapping?.optional("router").map {
      $0.choice(of: policies).flatMap(RoutingPolicy.init)
    }
    guard let dataParallelSize, let replicas,
      // vLLM spreads requests over its ranks by their loads.
      let routing = router
        ?? .some(dataParallelSize > 1 ? .leastOutstanding : .roundRobin)
    else { return nil }
    guard range.contains(replicas * dataParallelSize) else {
      ranks?.refuse(
        "\(dataParallelSize) times `cluster.replicas`, \(replicas), are too many; accepted: up to "
          + "\(Limits.replicas) in all")
      return nil
    }
    return ClusterOptions(replicas: replicas * dataParallelSize, routing: routing)
  }
}
