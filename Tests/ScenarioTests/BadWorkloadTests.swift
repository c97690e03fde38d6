import Testing

@testable import Scenario

@Suite struct BadWorkloadTests {
  @Test("one mistake gives one error at its place", arguments: rates + curves + clients + lengths)
  func oneMistake(_ input: BadInput) throws {
    let errors = try Fixture.errors("scenario.yaml", input.applied(to: Fixture.scenario))
    try input.expectAlone(in: errors, of: "scenario.yaml")
  }

  /// The arrivals of another process.
  private static func arrivals(
    _ description: String, _ lines: [String], _ place: String, _ says: String...
  ) -> BadInput {
    BadInput(
      description, "poisson\n    rate: 2.5/s", lines.joined(separator: "\n    "), place, says)
  }

  static let rates: [BadInput] = [
    arrivals(
      "no burstiness", ["gamma", "rate: 1/s"], "18:5", "burstiness: missing", "1 is Poisson"),
    arrivals("no gamma rate", ["gamma", "burstiness: 1"], "18:5", "rate: missing", "2.5/s"),
    arrivals(
      "burstiness of nothing", ["gamma", "rate: 1/s", "burstiness: 0"], "20:17", "out of range",
      "from 0.001 to 1000000"),
    arrivals(
      "burstiness in words", ["gamma", "rate: 1/s", "burstiness: high"], "20:17", "`high`"),
    arrivals(
      "burstiness of Poisson", ["poisson", "rate: 1/s", "burstiness: 2"], "20:5",
      "`burstiness` does not go with process poisson; it takes: rate"),
    arrivals("no rate", ["deterministic"], "18:5", "rate: missing", "2.5/s"),
    arrivals("endless gaps", ["deterministic", "rate: 1e-9/s"], "19:11", "hundred years"),
    arrivals("gaps of nothing", ["deterministic", "rate: 2e9/s"], "19:11", "a nanosecond"),
  ]

  static let curves: [BadInput] = [
    arrivals("no points", ["rate-curve"], "18:5", "points: missing", "{at: 0 s, rate: 2.5/s}"),
    arrivals(
      "one point", ["rate-curve", "points: {at: 0 s, rate: 1/s}"], "19:13", "a mapping is not"),
    arrivals("empty points", ["rate-curve", "points: []"], "19:13", "0 points", "at most 10000"),
    arrivals(
      "late start", ["rate-curve", "points: [{at: 1 s, rate: 1/s}]"], "19:19", "not the start"),
    arrivals(
      "points in disorder",
      [
        "rate-curve",
        "points: [{at: 0 s, rate: 1/s}, {at: 5 s, rate: 1/s}, {at: 4 s, rate: 1/s}]",
      ], "19:63", "`4 s` is earlier than the point before"),
    arrivals(
      "silence for ever", ["rate-curve", "points: [{at: 0 s, rate: 1/s}, {at: 5 s, rate: 0/s}]"],
      "19:13", "no more requests come", "`period`"),
    arrivals(
      "silent periods", ["rate-curve", "points: [{at: 0 s, rate: 0/s}]", "period: 5 s"], "19:13",
      "no more requests come"),
    arrivals(
      "short period",
      ["rate-curve", "points: [{at: 0 s, rate: 1/s}, {at: 5 s, rate: 1/s}]", "period: 4 s"],
      "20:13", "`4 s` ends before the last point"),
    arrivals(
      "period of nothing", ["rate-curve", "points: [{at: 0 s, rate: 1/s}]", "period: 0 s"],
      "20:13", "no time at all"),
    arrivals(
      "negative rate", ["rate-curve", "points: [{at: 0 s, rate: -1/s}]"], "19:30",
      "not a non-negative rate"),
    arrivals(
      "misspelt point", ["rate-curve", "points: [{at: 0 s, rates: 1/s}]"], "19:24", "mean `rate`?"),
    arrivals(
      "point without a time", ["rate-curve", "points: [{rate: 1/s}]"], "19:14", "at: missing"),
    arrivals(
      "rate too high", ["rate-curve", "points: [{at: 0 s, rate: 1e10/s}]"], "19:30",
      "one request a nanosecond"),
    arrivals(
      "rate too low", ["rate-curve", "points: [{at: 0 s, rate: 1e-9/s}]"], "19:13",
      "hundred years"),
    arrivals("no off", ["on-off", "rate: 1/s", "on: 1 s"], "18:5", "off: missing", "10 s"),
    arrivals(
      "never on", ["on-off", "rate: 1/s", "on: 0 s", "off: 1 s"], "20:9", "no time at all"),
    arrivals(
      "rate of zero while on", ["on-off", "rate: 0/s", "on: 1 s", "off: 1 s"], "19:11",
      "not a positive rate"),
    arrivals(
      "negative off rate", ["on-off", "rate: 1/s", "on: 1 s", "off: 1 s", "off_rate: -1/s"],
      "22:15", "not a non-negative rate"),
    arrivals(
      "off rate too high", ["on-off", "rate: 1/s", "on: 1 s", "off: 1 s", "off_rate: 2e9/s"],
      "22:15", "one request a nanosecond"),
    arrivals(
      "seldom on", ["on-off", "rate: 1/s", "on: 1 s", "off: 500000 h"], "19:11", "hundred years"),
    arrivals("days", ["on-off", "rate: 1/s", "on: 1 d", "off: 1 s"], "20:9", "`d` is an unknown"),
  ]

  static let clients: [BadInput] = [
    arrivals(
      "think time without unit", ["closed-loop", "concurrency: 4", "think_time: 5"], "20:17",
      "has no unit"),
    arrivals(
      "negative think time", ["closed-loop", "concurrency: 4", "think_time: -5 s"], "20:17",
      "out of range"),
    arrivals(
      "endless think time", ["closed-loop", "concurrency: 4", "think_time: 900000 h"], "20:17",
      "out of range", "3155760000 s"),
    arrivals(
      "list of think times", ["closed-loop", "concurrency: 4", "think_time: [5 s]"], "20:17",
      "a list is not", "{exponential: {mean: 300 ms}}"),
    arrivals(
      "exponential time", ["closed-loop", "concurrency: 4", "think_time: {exponential: 5 s}"],
      "20:31", "a mapping of `mean`"),
    arrivals(
      "exponential without mean",
      ["closed-loop", "concurrency: 4", "think_time: {exponential: {}}"], "20:31",
      "mean: missing"),
    arrivals(
      "thinking at a rate", ["poisson", "rate: 1/s", "think_time: 5 s"], "20:5", "does not go"),
  ]

  /// The output's lengths, which stand at 21:18.
  private static func output(
    _ description: String, _ lengths: String, _ place: String, _ says: String...
  ) -> BadInput {
    BadInput(description, "tokens: 30", "tokens: \(lengths)", place, says)
  }

  static let lengths: [BadInput] = [
    output("no distribution", "{}", "21:18", "no distribution", "log_normal", "empirical"),
    output(
      "two distributions", "{uniform: {min: 1, max: 2}, empirical: lengths.txt}", "21:18",
      "more than one"),
    output("no mean", "{log_normal: {cv: 1}}", "21:31", "mean: missing"),
    output("no cv", "{log_normal: {mean: 9}}", "21:31", "cv: missing", "deviation over mean"),
    output("mean of nothing", "{log_normal: {mean: 0.5, cv: 1}}", "21:38", "out of range"),
    output("cv of nothing", "{log_normal: {mean: 100, cv: 0}}", "21:47", "out of range", "0.001"),
    output(
      "empty bounds", "{log_normal: {mean: 100, cv: 1, min: 9, max: 8}}", "21:63",
      "8 is less than `min`, 9"),
    output(
      "far bounds", "{log_normal: {mean: 10, cv: 0.1, min: 1000}}", "21:31",
      "less than a millionth", "1000 and 16777216"),
    output("misspelt bound", "{log_normal: {mean: 10, cv: 1, mni: 3}}", "21:49", "mean `min`?"),
    output("no file", "{empirical: no.txt}", "21:30", "there is no such file"),
    output("list of files", "{empirical: [a]}", "21:30", "a list is not"),
    BadInput(
      "too long at the least", "{uniform: {min: 10, max: 20}}",
      "{log_normal: {mean: 3000, cv: 1, min: 2100}}", "20:18", "2130", "2048"),
  ]

  @Test("a bad file of lengths has its errors once, though prompts and outputs name it")
  func oneFile() throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write("lengths.txt", "12\nx\n")
    try fixture.write(
      "scenario.yaml",
      Fixture.scenario
        .replacingOccurrences(of: "{uniform: {min: 10, max: 20}}", with: "{empirical: lengths.txt}")
        .replacingOccurrences(of: "tokens: 30", with: "tokens: {empirical: lengths.txt}"))
    let errors = fixture.errors()
    try #require(errors.count == 1, "\(errors)")
    #expect(errors[0].hasPrefix("lengths.txt:2:1: error: "), "\(errors[0])")
  }
}
