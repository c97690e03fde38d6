import Simulator
import Testing

@testable import Scenario

/// `sessions`, as they reach the simulator and as they are refused.
@Suite struct SessionReaderTests {
  /// A good scenario whose requests are turns of sessions.
  static let conversation =
    Fixture.scenario + """
        sessions:
          turns: {uniform: {min: 1, max: 9}}
          think_time: {exponential: {mean: 30 s}}

      """

  /// One with classes, of which one has sessions of its own.
  static let classes = ClassesTests.shared.replacingOccurrences(
    of: "    priority: 5\n", with: "    priority: 5\n      sessions: {turns: 1}\n"
  ).replacingOccurrences(of: "  classes:\n", with: "  sessions: {turns: 4}\n  classes:\n")

  private func workload(_ text: String) throws -> Workload {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write("scenario.yaml", text)
    return try fixture.load().workload
  }

  @Test("turns are a number or a distribution, pauses a time or one")
  func good() throws {
    let workload = try workload(SessionReaderTests.conversation)
    #expect(
      workload.classes.map(\.sessions) == [
        Sessions(turns: .uniform(1...9), thinkTime: .exponential(meanNs: 30_000_000_000))
      ])
    let short = SessionReaderTests.conversation
      .replacingOccurrences(of: "{uniform: {min: 1, max: 9}}", with: "3")
      .replacingOccurrences(of: "    think_time: {exponential: {mean: 30 s}}\n", with: "")
    #expect(
      try self.workload(short).classes.map(\.sessions) == [
        Sessions(turns: .fixed(3), thinkTime: .none)
      ])
    #expect(try !self.workload(Fixture.scenario).hasSessions)
  }

  @Test("a class without sessions of its own has the workload's")
  func ofClasses() throws {
    #expect(
      try workload(SessionReaderTests.classes).classes.map(\.sessions) == [
        Sessions(turns: .fixed(4)), Sessions(turns: .fixed(1)),
      ])
  }

  @Test("one mistake in sessions gives one error at its place", arguments: mistakes)
  func mistake(_ input: BadInput) throws {
    let errors = try Fixture.errors(
      "scenario.yaml", input.applied(to: SessionReaderTests.conversation))
    try input.expectAlone(in: errors, of: "scenario.yaml")
  }

  static let mistakes: [BadInput] = [
    BadInput(
      "turns of nothing", "{uniform: {min: 1, max: 9}}", "0", "23:12",
      "whole number of turns from 1 to 16777216"),
    BadInput(
      "no turns", "    turns: {uniform: {min: 1, max: 9}}\n", "", "23:5", "turns: missing"),
    BadInput("misspelt turns", "turns:", "turn:", "23:5", "mean `turns`?"),
    BadInput("few turns", "{min: 1, max: 9}", "{min: 3, max: 2}", "23:36", "2 is less than"),
    BadInput(
      "think time of a number", "{exponential: {mean: 30 s}}", "30", "24:17", "has no unit"),
    BadInput(
      "sessions of a trace", "process: poisson\n    rate: 2.5/s",
      "process: replay\n    trace: trace.csv", "22:3", "a trace says when each of its requests",
      "an open or a closed loop"),
  ]

  @Test("sessions of a class are refused beside a replay too")
  func replayedClass() throws {
    let text = SessionReaderTests.classes
      .replacingOccurrences(of: "  sessions: {turns: 4}\n", with: "")
      .replacingOccurrences(
        of: "process: poisson\n    rate: 2.5/s", with: "process: replay\n    trace: trace.csv")
    let errors = try Fixture.errors("scenario.yaml", text)
    try #require(errors.count == 1, "\(errors)")
    #expect(errors[0].contains("workload.classes[1].sessions: a trace says"), "\(errors[0])")
  }
}
