import Operators
import Testing

@testable import Scenario

/// Which rows of a published table a scenario takes.
@Suite("References to published results")
struct PublishedReferenceTests {
  private typealias Table = PublishedTableTests

  /// 8 clients whose requests have 16 and 30 tokens, in fp16 and int4.
  private static let scenario =
    Fixture.scenario
    .replacing("process: poisson", with: "process: closed-loop")
    .replacing("rate: 2.5/s", with: "concurrency: 8")
    .replacing("{uniform: {min: 10, max: 20}}", with: "16")
    + "reference:\n  published: table.csv\n"

  /// Rows of other loads, that no scenario here takes.
  private static let others =
    Table.row("int4", input: 17) + Table.row("int4", output: 31)
    + Table.row("int4", concurrency: 16) + Table.row("int4", concurrency: 16, requests: 7)

  private static func fixture(_ table: String, _ scenario: String) throws -> Fixture {
    let fixture = try Fixture()
    try fixture.write("table.csv", Table.header + table)
    try fixture.write("scenario.yaml", scenario)
    return fixture
  }

  private static func errors(
    _ table: String, _ scenario: String = scenario
  ) throws -> [String] {
    let fixture = try fixture(table, scenario)
    defer { fixture.remove() }
    return fixture.errors()
  }

  @Test("A scenario takes the rows of its load in its formats, in their order")
  func rows() throws {
    let fixture = try Self.fixture(
      Self.others + Table.row("int4") + Table.row("int4-rotated") + Table.row("bf16"),
      Self.scenario + "  run_overhead: 1.5 s\n")
    defer { fixture.remove() }
    let row = { PublishedResults.Row(format: $0, figures: Table.figures) }
    #expect(
      try fixture.load().reference
        == .published(
          PublishedResults(
            path: fixture.folder + "table.csv",
            load: PublishedResults.Load(
              inputTokens: 16, outputTokens: 30, concurrency: 8, tensorParallelSize: 1),
            rows: [row(.fp16), row(.int4)], runOverheadNs: 1_500_000_000)))
  }

  @Test("A format without a row is passed over; without `run_overhead` there is none")
  func oneFormat() throws {
    let fixture = try Self.fixture(Table.row("int4"), Self.scenario)
    defer { fixture.remove() }
    guard case .published(let results) = try fixture.load().reference else {
      Issue.record("no published results")
      return
    }
    #expect(results.rows.map(\.format) == [.int4] && results.runOverheadNs == 0)
  }

  @Test(
    "A table without a row of the load is refused with what comes nearest",
    arguments: [
      (
        table: Table.row("int4", input: 17) + Table.row("int4", output: 31),
        says: "no row has input_tokens, output_tokens 16, 30; accepted: 17, 30; 16, 31"
      ),
      (
        table: others + Table.row("fp16", concurrency: 9),
        says: "no row with input_tokens, output_tokens 16, 30, tensor_parallel_size 1 has "
          + "concurrency 8; accepted: 16; 9"
      ),
      (
        table: (1...12).map { Table.row("int4", concurrency: 100 + $0) }.joined(),
        says: "has concurrency 8; accepted: 101; 102; 103; 104; 105; 106; 107; 108; 109; 110; …"
      ),
      (
        table: Table.row("int4-rotated"),
        says: "of this load it has no row in the scenario's formats, fp16; int4; accepted: "
          + "int4-rotated"
      ),
      (
        table: Table.row("fp16") + Table.row("int4", requests: 99),
        says: "line 3 has 99 requests, but the workload has 100; accepted: as many"
      ),
      (
        table: Table.row("fp16") + others + Table.row("bf16"),
        says: "lines 2 and 7 are both of this load in `fp16`; accepted: one"
      ),
    ])
  func noMatch(table: String, says: String) throws {
    let errors = try Self.errors(table)
    try #require(errors.count == 1, "\(errors)")
    #expect(errors[0].hasPrefix("scenario.yaml:23:14: error: reference.published: "), "\(errors)")
    #expect(errors[0].contains(says), "\(errors)")
  }

  @Test("Rows of other requests in a format that the scenario does not list are passed over")
  func otherFormats() throws {
    let table = Table.row("int4-rotated", requests: 7) + Table.row("int4")
    #expect(try Self.errors(table).isEmpty)
  }

  @Test(
    "Only closed loops of fixed lengths without think time are published so",
    arguments: [
      ("prompt_tokens: 16", "prompt_tokens: {uniform: {min: 16, max: 16}}"),
      ("output_tokens: 30", "output_tokens: {uniform: {min: 30, max: 30}}"),
      ("closed-loop\n    concurrency: 8", "poisson\n    rate: 2/s"),
      (
        "process: closed-loop\n    concurrency: 8",
        "{process: closed-loop,\n    concurrency: 8, think_time: 1 s}"
      ),
    ])
  func otherWorkloads(old: String, new: String) throws {
    #expect(Self.scenario.contains(old))
    let errors = try Self.errors(Table.row("int4"), Self.scenario.replacing(old, with: new))
    try #require(errors.count == 1, "\(errors)")
    #expect(
      errors[0].hasPrefix(
        "scenario.yaml:23:14: error: reference.published: such tables are of closed loops"))
  }

  @Test(
    "A reference is a recorded run or published results, and never half of both",
    arguments: [
      (
        "published: table.csv\n  timeseries: log.csv",
        "24:3: error: reference.timeseries: does not go with `published`; accepted: `requests` and "
          + "`timeseries`, or `published` and `run_overhead`"
      ),
      (
        "requests: run.jsonl\n  run_overhead: 1 s",
        "24:3: error: reference.run_overhead: does not go with `requests`; accepted: `requests`"
      ),
      ("run_overhead: 1 s", "23:3: error: reference.requests: missing; accepted: the path of a"),
      ("publishd: table.csv", "23:3: error: reference.publishd: unknown key; did you mean"),
      ("published: no.csv", "23:14: error: reference.published: `no.csv` cannot be read: there is"),
      ("published: [a]", "23:14: error: reference.published: a list is not accepted here"),
      (
        "published: table.csv\n  run_overhead: 5",
        "24:17: error: reference.run_overhead: `5` has no unit"
      ),
    ])
  func keys(text: String, says: String) throws {
    let fixture = try Self.fixture(
      Table.row("int4"), Self.scenario.replacing("published: table.csv", with: text))
    defer { fixture.remove() }
    // As many requests as the workload has.
    try fixture.write("run.jsonl", String(repeating: RecordedRunTests.request, count: 100))
    let errors = fixture.errors()
    try #require(errors.count == 1, "\(errors)")
    #expect(errors[0].hasPrefix("scenario.yaml:\(says)"), "\(errors)")
  }

  @Test("A row of another load refuses nothing, whatever its format and figures")
  func foreignRows() throws {
    let table =
      Table.row("fp8", concurrency: 16) + Table.row("int4")
      + Table.row("int4", input: 17).replacing("20.5", with: "")
    #expect(try Self.errors(table).isEmpty)
  }

  @Test("Errors in the table stay with the table")
  func malformedTable() throws {
    let errors = try Self.errors(Table.row("int4") + Table.row("fp8"))
    try #require(errors.count == 1, "\(errors)")
    #expect(errors[0].hasPrefix("table.csv:3:7: error: kv_format: `fp8`"), "\(errors)")
  }
}
