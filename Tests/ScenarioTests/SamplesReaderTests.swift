import Simulator
import Testing

@testable import Scenario

/// `n`, as it reaches the simulator and as it is refused.
@Suite("Samples in scenarios") struct SamplesReaderTests {
  /// A good scenario, each request of which wants four samples.
  static let sampled = Fixture.scenario + "  n: 4\n"

  /// One with classes: the first has as many as the workload says, the second its own.
  static let classes = ClassesTests.shared.replacingOccurrences(
    of: "    priority: 5\n", with: "    priority: 5\n      n: 64\n"
  ).replacingOccurrences(of: "  classes:\n", with: "  n: 2\n  classes:\n")

  private func workload(_ text: String) throws -> Workload {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write("scenario.yaml", text)
    return try fixture.load().workload
  }

  @Test("a request has one sample where nothing is said, or one is")
  func one() throws {
    let unsaid = try workload(Fixture.scenario)
    #expect(unsaid.classes.map(\.samples) == [1] && !unsaid.hasSamples)
    #expect(try workload(Fixture.scenario + "  n: 1\n") == unsaid)
  }

  @Test("a workload has as many samples as it says, a class its own or the workload's")
  func several() throws {
    let workload = try workload(SamplesReaderTests.sampled)
    #expect(workload.classes.map(\.samples) == [4] && workload.hasSamples)
    #expect(try self.workload(SamplesReaderTests.classes).classes.map(\.samples) == [2, 64])
  }

  @Test("one mistake in the number of samples gives one error at its place", arguments: mistakes)
  func mistake(_ input: BadInput) throws {
    let errors = try Fixture.errors("scenario.yaml", input.applied(to: SamplesReaderTests.sampled))
    try input.expectAlone(in: errors, of: "scenario.yaml")
  }

  static let mistakes: [BadInput] = [
    BadInput("no sample", "n: 4", "n: 0", "22:6", "whole number of samples from 1 to 128"),
    BadInput("too many", "n: 4", "n: 129", "22:6", "from 1 to 128"),
    BadInput(
      "more than there are seats", "max_num_seqs: 64", "max_num_seqs: 3", "22:6",
      "4 samples of a prompt take as many seats", "`max_num_seqs` is 3"),
    BadInput(
      "sessions", "n: 4", "n: 4\n  sessions: {turns: 3}", "22:6",
      "`n: 4`, are not simulated with `sessions`"),
    BadInput(
      "speculation", "  block_size: 16",
      "  block_size: 16\n  speculative_config: {num_speculative_tokens: 3, acceptance_rate: 0.5}",
      "23:6", "`n: 4`, are not simulated with `speculative_config`"),
    BadInput(
      "failures", "workload:", "cluster: {failures: [{replica: 0, at: 1 s}]}\nworkload:", "23:6",
      "`n: 4`, are not simulated with `failures`"),
    BadInput(
      "roles", "workload:",
      """
      cluster:
        kv_transfer: {bandwidth: 50 GB/s}
        groups: [{name: a, role: prefill}, {name: b, role: decode}]
      workload:
      """, "25:6", "`n: 4`, are not simulated with the roles `prefill` and `decode`"),
    BadInput(
      "fewer seats in one group", "workload:",
      """
      cluster:
        groups: [{name: a}, {name: b, engine: {max_num_seqs: 2}}]
      workload:
      """, "24:6", "`max_num_seqs` of `b` is 2"),
  ]

  @Test("the error stands at the class that has the most samples")
  func ofClass() throws {
    let text = SamplesReaderTests.classes.replacingOccurrences(
      of: "max_num_seqs: 64", with: "max_num_seqs: 63")
    let errors = try Fixture.errors("scenario.yaml", text)
    try #require(errors.count == 1, "\(errors)")
    #expect(errors[0].contains(":33:10: error:"), "\(errors[0])")
    #expect(errors[0].contains("n: 64 samples of a prompt"), "\(errors[0])")
  }
}
