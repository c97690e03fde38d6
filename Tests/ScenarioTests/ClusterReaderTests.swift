import Simulator
import Testing

@testable import Scenario

@Suite struct ClusterReaderTests {
  /// A good scenario with a cluster and ranks.
  static let clustered = Fixture.scenario.replacingOccurrences(
    of: "workload:", with: "cluster:\n  replicas: 3\n  router: least-kv\nworkload:"
  ).replacingOccurrences(of: "  block_size: 16", with: "  data_parallel_size: 2")

  private func cluster(_ text: String) throws -> ClusterOptions {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write("scenario.yaml", text)
    return try fixture.load().cluster
  }

  @Test("One replica where nothing is said; ranks multiply replicas")
  func good() throws {
    func expect(_ text: String, _ replicas: Int, _ routing: RoutingPolicy) throws {
      let cluster = try cluster(text)
      #expect(cluster.replicas == replicas && cluster.routing == routing)
      #expect(cluster.groups.map(\.name) == ["replicas"] && cluster.groups[0].role == .whole)
      #expect(cluster.transferLink == nil && cluster.outages.isEmpty)
    }
    try expect(Fixture.scenario, 1, .roundRobin)
    let clustered = ClusterReaderTests.clustered
    try expect(clustered, 6, .leastKV)
    // Requests go by the load where vLLM spreads them, else by turns.
    let unrouted = clustered.replacingOccurrences(of: "  router: least-kv\n", with: "")
    try expect(unrouted, 6, .leastOutstanding)
    let unranked = unrouted.replacingOccurrences(of: "  data_parallel_size: 2\n", with: "")
    try expect(unranked, 3, .roundRobin)
    for routing in RoutingPolicy.allCases {
      try expect(
        clustered.replacingOccurrences(of: "least-kv", with: routing.rawValue), 6, routing)
    }
  }

  @Test("one mistake gives one error at its place", arguments: mistakes)
  func bad(_ input: BadInput) throws {
    let errors = try Fixture.errors(
      "scenario.yaml", input.applied(to: ClusterReaderTests.clustered))
    try input.expectAlone(in: errors, of: "scenario.yaml")
  }

  static let mistakes = [
    BadInput("no replica", "replicas: 3", "replicas: 0", "16:13", "from 1 to 4096"),
    BadInput("half a replica", "replicas: 3", "replicas: 2.5", "16:13", "2.5"),
    BadInput("an unknown router", "least-kv", "least_kv", "17:11", "did you mean `least-kv`"),
    BadInput("a list", "replicas: 3\n  router: least-kv", "- 3", "16:3", "accepted: a mapping"),
    BadInput("an unknown key", "router:", "routing:", "17:3", "routing", "router"),
    BadInput(
      "too many ranks", "size: 2\n", "size: 2000\n", "13:23", "6000 replicas", "up to 4096"),
    BadInput(
      "a way that nobody takes", "router: least-kv",
      "router: least-kv\n  kv_transfer: {bandwidth: 1 GB/s}", "18:3", "there are none"),
    BadInput("no rank", "size: 2\n", "size: 0\n", "13:23", "from 1 to 4096"),
  ]
}
