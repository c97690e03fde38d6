import CostModel
import Simulator
import Testing

@testable import Scenario

@Suite("Pipelines in scenarios")
struct PipelineReaderTests {
  /// A good scenario in two stages.
  static let staged = Fixture.scenario.replacingOccurrences(
    of: "profile: profile.json",
    with: "profile: profile.json\n  link: {bandwidth: 25 GB/s, latency: 10 us}"
  ).replacingOccurrences(of: "block_size: 16", with: "pipeline_parallel_size: 2")

  private func load(_ text: String) throws -> ServingScenario {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write("scenario.yaml", text)
    return try fixture.load()
  }

  @Test("Stages arrive, and the devices of all of them have the link")
  func stages() throws {
    let scenario = try load(PipelineReaderTests.staged)
    #expect(scenario.engine.pipelineParallelSize == 2 && scenario.engine.tensorParallelSize == 1)
    let link = Link(bytesPerSecond: 25_000_000_000, latencyNs: 10_000)
    #expect(
      scenario.parallelism
        == Parallelism(tensorParallelSize: 1, pipelineParallelSize: 2, link: link))
    #expect(scenario.parallelism.devices == 2 && scenario.cluster.groups[0].stages == 2)
    let both = try load(
      PipelineReaderTests.staged.replacingOccurrences(
        of: "size: 2\n", with: "size: 2\n  tensor_parallel_size: 2\n  data_parallel_size: 3\n"))
    #expect(both.parallelism.devices == 4 && both.cluster.replicas == 3)
  }

  @Test("Groups differ in their stages")
  func groups() throws {
    let text = PipelineReaderTests.staged.replacingOccurrences(
      of: "workload:",
      with: """
        cluster:
          groups:
            - {name: staged, replicas: 2}
            - {name: shared, engine: {pipeline_parallel_size: 1, tensor_parallel_size: 2}}
        workload:
        """)
    let cluster = try load(text).cluster
    #expect(cluster.groups.map(\.stages) == [2, 1])
    #expect(cluster.groups.map(\.setup.parallelism.devices) == [2, 2])
  }

  @Test("one mistake gives one error at its place", arguments: mistakes)
  func mistake(_ input: BadInput) throws {
    let errors = try Fixture.errors("scenario.yaml", input.applied(to: PipelineReaderTests.staged))
    try input.expectAlone(in: errors, of: "scenario.yaml")
  }

  private static func cluster(_ lines: String) -> String { "cluster:\n\(lines)workload:" }

  static let mistakes = [
    BadInput(
      "no link", "  link: {bandwidth: 25 GB/s, latency: 10 us}\n", "", "13:27",
      "2 devices need a link"),
    BadInput("no stage", "size: 2\n", "size: 0\n", "14:27", "a whole number of stages from 1"),
    BadInput(
      "more stages than layers", "size: 2\n", "size: 3\n", "14:27",
      "3 stages are more than the model's 2 layers"),
    BadInput(
      "drafts", "size: 2\n",
      "size: 2\n  speculative_config: {num_speculative_tokens: 2, acceptance_rate: 0.5}\n", "15:3",
      "not simulated with 2 stages"),
    BadInput(
      "swapping", "size: 2\n",
      "size: 2\n  preemption_mode: swap\n  host_link: {bandwidth: 50 GB/s}\n", "15:3",
      "not simulated with 2 stages"),
    BadInput(
      "failures", "workload:", cluster("  failures: [{replica: 0, at: 1 s}]\n"), "17:3",
      "failures are not simulated beside replicas of 2 stages"),
    BadInput(
      "autoscaling", "workload:",
      cluster("  autoscaling: {max_replicas: 2, target_outstanding: 8, start_up: 30 s}\n"), "17:3",
      "autoscaling is not simulated beside replicas of 2 stages"),
    BadInput(
      "roles", "workload:",
      cluster(
        "  kv_transfer: {bandwidth: 50 GB/s}\n  groups:\n"
          + "    - {name: a, role: prefill}\n    - {name: b, role: decode}\n"), "18:3",
      "the roles `prefill` and `decode` are not simulated beside replicas of 2 stages"),
  ]
}
