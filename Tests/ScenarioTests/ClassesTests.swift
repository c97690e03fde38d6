import Simulator
import Testing

@testable import Scenario

/// `workload.classes`, as they reach the simulator and as they are refused.
@Suite struct ClassesTests {
  /// A good scenario with two classes that arrive together.
  static let shared =
    Fixture.scenario + """
        objectives: {ttft: 2 s}
        classes:
          - name: chat
            share: 3
            priority: -1
            system_prompt_tokens: 100
          - name: batch
            share: 1
            prompt_tokens: 400
            priority: 5
            objectives: {tpot: 50 ms, e2e: 1 min}

      """

  /// A good scenario with two classes, each with arrivals of its own.
  static let apart =
    Fixture.scenario.replacingOccurrences(
      of: "  arrivals:\n    process: poisson\n    rate: 2.5/s\n", with: "")
      + """
        classes:
          - name: chat
            arrivals: {process: gamma, rate: 2/s, burstiness: 0.5}
          - name: batch
            arrivals: {process: clients, file: clients.csv}

      """

  /// The files that such scenarios name, beside `text`.
  static func fixture(_ text: String) throws -> Fixture {
    let fixture = try Fixture()
    try fixture.write("scenario.yaml", text)
    try fixture.write(
      "blocks.jsonl",
      #"{"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [0, 1]}"# + "\n")
    return fixture
  }

  private func workload(_ text: String) throws -> Workload {
    let fixture = try ClassesTests.fixture(text)
    defer { fixture.remove() }
    return try fixture.load().workload
  }

  @Test("classes that arrive together have what they state, and else what the workload states")
  func together() throws {
    let workload = try workload(ClassesTests.shared)
    #expect(workload.arrivals == .poisson(requestsPerSecond: 2.5))
    #expect(
      workload.classes == [
        RequestClass(
          name: "chat", share: 3, promptTokens: .uniform(10...20), outputTokens: .fixed(30),
          priority: -1, objectives: .init(ttftNs: 2_000_000_000), systemPromptTokens: 100),
        RequestClass(
          name: "batch", share: 1, promptTokens: .fixed(400), outputTokens: .fixed(30),
          priority: 5, objectives: .init(tpotNs: 50_000_000, e2eNs: 60_000_000_000)),
      ])
  }

  @Test("classes with arrivals of their own are superposed, a table's clients one by one")
  func superposed() throws {
    let workload = try workload(ClassesTests.apart)
    #expect(
      workload.arrivals
        == .superposed([
          .init(
            name: "chat", arrivals: .gamma(requestsPerSecond: 2, burstiness: 0.5), requestClass: 0),
          .init(
            name: "batch/x", arrivals: .gamma(requestsPerSecond: 2, burstiness: 1),
            requestClass: 1),
          .init(
            name: "batch/y", arrivals: .gamma(requestsPerSecond: 0.5, burstiness: 0.25),
            requestClass: 1),
        ]))
    #expect(workload.classes.map(\.name) == ["chat", "batch"])
  }

  @Test("one class is described by the workload itself")
  func one() throws {
    let text = Fixture.scenario + "  system_prompt_tokens: 64\n  objectives: {ttft: 1 s}\n"
    #expect(
      try workload(text).classes == [
        RequestClass(
          promptTokens: .uniform(10...20), outputTokens: .fixed(30),
          objectives: .init(ttftNs: 1_000_000_000), systemPromptTokens: 64)
      ])
  }

  @Test("the classes of a replay have the trace's lengths unless they state others")
  func replay() throws {
    let text = ClassesTests.shared
      .replacingOccurrences(
        of: "process: poisson\n    rate: 2.5/s", with: "process: replay\n    trace: trace.csv"
      )
      .replacingOccurrences(of: "  requests: 100\n", with: "")
      .replacingOccurrences(of: "  prompt_tokens: {uniform: {min: 10, max: 20}}\n", with: "")
      .replacingOccurrences(of: "  output_tokens: 30\n", with: "")
    let workload = try workload(text)
    #expect(workload.classes.map(\.promptTokens) == [.fromTrace, .fixed(400)])
    #expect(workload.classes.map(\.outputTokens) == [.fromTrace, .fromTrace])
    #expect(workload.requests == 3)
  }

  @Test("one mistake in classes gives one error at its place", arguments: mistakes)
  func mistake(_ input: BadInput) throws {
    let fixture = try ClassesTests.fixture(input.applied(to: ClassesTests.shared))
    defer { fixture.remove() }
    try input.expectAlone(in: fixture.errors(), of: "scenario.yaml")
  }

  static let mistakes: [BadInput] = [
    BadInput("no name", "- name: batch\n      share", "- share", "28:7", "name: missing"),
    BadInput("one name", "name: batch", "name: chat", "28:13", "two classes are called `chat`"),
    BadInput("large name", "name: batch", "name: Batch", "28:13", "`Batch`", "lower-case"),
    BadInput("no share", "      share: 1\n", "", "28:7", "share: missing", "a weight beside"),
    BadInput("no prompt", "prompt_tokens: 400", "prompt_tokens: 0", "30:22", "out of range"),
    BadInput("share of nothing", "share: 1", "share: 0", "29:14", "out of range"),
    BadInput("misspelt share", "share: 3", "shares: 3", "25:7", "mean `share`?"),
    BadInput("half a priority", "priority: 5", "priority: 1.5", "31:17", "a whole number"),
    BadInput("far priority", "priority: 5", "priority: 2000000", "31:17", "-1000000 to 1000000"),
    BadInput("no time", "tpot: 50 ms", "tpot: 0 ms", "32:26", "no time at all"),
    BadInput("no unit", "{ttft: 2 s}", "{ttft: 2}", "22:22", "has no unit"),
    BadInput("another objective", "tpot: 50 ms", "itl: 50 ms", "32:20", "unknown key", "`tpot`"),
    BadInput(
      "arrivals twice", "priority: 5",
      "priority: 5\n      arrivals: {process: poisson, rate: 1/s}", "32:7",
      "the workload has `arrivals` too", "or in every class"),
    BadInput(
      "common system prompt", "output_tokens: 30", "output_tokens: 30\n  system_prompt_tokens: 9",
      "22:3", "does not go with `classes`"),
    BadInput(
      "system prompt too long", "system_prompt_tokens: 100", "system_prompt_tokens: 2040",
      "27:29", "2080 tokens", "2048"),
    BadInput("bad default", "output_tokens: 30", "output_tokens: 0", "21:18", "out of range"),
  ]

  @Test("one mistake in arrivals of classes gives one error", arguments: mistakesApart)
  func mistakeApart(_ input: BadInput) throws {
    let fixture = try ClassesTests.fixture(input.applied(to: ClassesTests.apart))
    defer { fixture.remove() }
    try input.expectAlone(in: fixture.errors(), of: "scenario.yaml")
  }

  static let mistakesApart: [BadInput] = [
    BadInput(
      "one class without", "\n      arrivals: {process: clients, file: clients.csv}", "", "22:7",
      "arrivals: missing", "or in every class"),
    BadInput(
      "closed loop of a class", "{process: gamma, rate: 2/s, burstiness: 0.5}",
      "{process: closed-loop, concurrency: 3}", "21:27", "`closed-loop` is unknown", "`clients`"),
    BadInput(
      "share of one's own", "name: batch", "name: batch\n      share: 2", "23:7",
      "`share` goes with `arrivals` at the workload"),
    BadInput("no requests", "  requests: 100\n", "", "16:3", "requests: missing"),
    BadInput(
      "scale of nothing", "clients.csv}", "clients.csv, rate_scale: 0}", "23:67", "out of range",
      "multiplied"),
    BadInput("no table", "clients.csv", "no.csv", "23:42", "there is no such file"),
  ]

  @Test("lists of no class, and what is no list, are refused")
  func noList() throws {
    for (text, says) in [
      ("[]", "0 classes"), ("{name: a, share: 1}", "a mapping is not accepted"),
      ("[chat]", "a mapping of `name`"),
    ] {
      let errors = try Fixture.errors("scenario.yaml", Fixture.scenario + "  classes: \(text)\n")
      try #require(errors.count == 1, "\(errors)")
      #expect(errors[0].hasPrefix("scenario.yaml:22:1"), "\(errors[0])")
      #expect(errors[0].contains(says), "\(errors[0])")
    }
  }

  @Test("a system prompt before prompts of which the trace says how they begin is refused")
  func beginAlikeTwice() throws {
    let text = Fixture.scenario
      .replacingOccurrences(
        of: "process: poisson\n    rate: 2.5/s", with: "process: replay\n    trace: blocks.jsonl"
      )
      .replacingOccurrences(of: "  requests: 100\n", with: "")
    let played = text.replacingOccurrences(
      of: "prompt_tokens: {uniform: {min: 10, max: 20}}", with: "system_prompt_tokens: 16")
    let fixture = try ClassesTests.fixture(played)
    defer { fixture.remove() }
    let errors = fixture.errors()
    try #require(errors.count == 1, "\(errors)")
    #expect(errors[0].hasPrefix("scenario.yaml:19:3: error: "), "\(errors[0])")
    #expect(errors[0].contains("the trace says already"), "\(errors[0])")
    // With lengths of another kind the trace's blocks are not played.
    #expect(try workload(text + "  system_prompt_tokens: 16\n").prompts?.blocks == nil)
  }
}

/// Tables of clients, each with a rate and a variation.
@Suite struct ClientTableTests {
  private func parse(_ text: String, scale: Double = 1) throws(ScenarioError) -> [Workload.Stream] {
    try ClientTableReader.parse(SourceFile(path: "c", bytes: Array(text.utf8)), scale: scale)
  }

  @Test("a client has gamma gaps of the shape 1/cv², its rate times the scale")
  func good() throws {
    let streams = try parse("cv,client,rate\r\n0.5,a,10\r\n2,\"b, c\",1e-3\r\n", scale: 3)
    #expect(
      streams == [
        .init(name: "a", arrivals: .gamma(requestsPerSecond: 30, burstiness: 4)),
        .init(name: "b, c", arrivals: .gamma(requestsPerSecond: 0.003, burstiness: 0.25)),
      ])
  }

  @Test(
    "a malformed table is refused at its place",
    arguments: [
      ("", "1:1", "lacks"), ("client,rate\na,1\n", "1:1", "the header lacks `cv`"),
      ("client,rate,cv\n", "1:1", "0 clients"),
      ("client,rate,cv,shape\na,1,1,2\n", "1:1", "the header has `shape` too"),
      ("client,rate,cv\na,0,1\n", "2:3", "rate: `0`"),
      ("client,rate,cv\na,1,0\n", "2:5", "cv: `0`"),
      ("client,rate,cv\na,1,32\n", "2:5", "from 0.001 to 31.6"),
      ("client,rate,cv\na,fast,1\n", "2:3", "rate: `fast`"),
      ("client,rate,cv\na,1,1\na,2,1\n", "3:1", "client: `a`"),
      ("client,rate,cv\n,1,1\n", "2:1", "a name of its own"),
      ("client,rate,cv\na,1\n", "2:1", "2 fields; accepted: 3"),
    ])
  func malformed(text: String, place: String, says: String) throws {
    do throws(ScenarioError) {
      _ = try parse(text)
      Issue.record("accepted")
    } catch {
      let errors = error.diagnostics.map(\.description)
      try #require(errors.count == 1, "\(errors)")
      #expect(errors[0].hasPrefix("c:\(place): error: "), "\(errors[0])")
      #expect(errors[0].contains(says), "\(errors[0])")
    }
  }
}
