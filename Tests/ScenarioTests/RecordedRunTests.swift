import Foundation
import Simulator
import Testing

@testable import Scenario

@Suite("Recorded runs")
final class RecordedRunTests {
  private let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "kvsim-recorded-\(UUID().uuidString)/"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: folder)
  }

  private static func row(
    prompt: String = "10", arrival: Double, queued: Double, first: Double, last: Double
  ) -> String {
    "{\"request_id\": \"a\", \"input_toks\": \(prompt), \"output_toks\": 3, "
      + "\"arrival_time\": \(arrival), \"queued_ts\": \(queued), \"scheduled_ts\": \(queued), "
      + "\"first_token_ts\": \(first), \"last_token_ts\": \(last)}\n"
  }

  private func write(_ name: String, _ text: String) throws -> String {
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder + name))
    return folder + name
  }

  private func errors(_ body: () throws(ScenarioError) -> Void) -> [String] {
    do throws(ScenarioError) {
      try body()
      return []
    } catch {
      return error.diagnostics.map {
        $0.description.replacingOccurrences(of: folder, with: "")
      }
    }
  }

  static let request = row(arrival: 1000, queued: 50, first: 50.5, last: 51)

  private static let good =
    request
    + row(prompt: "20", arrival: 1000.25, queued: 50.5, first: 51, last: 52)

  @Test("Times count from the first request; it can be replayed as it was sent")
  func good() throws {
    let path = try write("run.jsonl", RecordedRunTests.good)
    let log = try write(
      "log.csv", "t,gen_throughput,running,waiting,kv_cache_pct\n1.0,5,2,1,12.5\n")
    let run = try RecordedRunFile.read(requests: path, timeseries: log)
    #expect(run.requests.map(\.queuedNs) == [0, 500_000_000])
    #expect(run.requests.map(\.firstTokenNs) == [500_000_000, 1_000_000_000])
    #expect(run.requests.map(\.lastTokenNs) == [1_000_000_000, 2_000_000_000])
    #expect(
      run.ticks == [
        RecordedRun.Tick(timeNs: 1_000_000_000, running: 2, waiting: 1, usedShare: 0.125)
      ])
    let trace = try RequestTraceFile.read(path: path)
    #expect(trace.arrivalNs == [0, 250_000_000])
    #expect(trace.promptTokens == [10, 20] && trace.outputTokens == [3, 3])
  }

  @Test(
    "A malformed run is refused at its place",
    arguments: [
      ("\n", "run.jsonl:1:1: error: the file has no requests"),
      (good + "{\"input_toks\": 1\n", "run.jsonl:4:1: error: this is not JSON"),
      (good + "[1]\n", "run.jsonl:3:1: error: a list is not accepted here"),
      (good + "{} {}\n", "run.jsonl:3:4: error: this is not JSON: a second value on one line"),
      (
        row(prompt: "0", arrival: 1, queued: 1, first: 1, last: 1),
        "run.jsonl:1:35: error: input_toks: `0` is out of range"
      ),
      (
        good + row(arrival: 999, queued: 53, first: 54, last: 55),
        "run.jsonl:3:1: error: arrival_time: earlier than the row before it"
      ),
      (
        row(arrival: 1, queued: 5, first: 4, last: 6),
        "run.jsonl:1:1: error: lacks `queued_ts`, `first_token_ts` or `last_token_ts`"
      ),
    ])
  func malformed(text: String, error: String) throws {
    let path = try write("run.jsonl", text)
    let errors = errors { () throws(ScenarioError) in
      _ = try RecordedRunFile.read(requests: path, timeseries: nil)
    }
    #expect(errors.contains { $0.hasPrefix(error) }, "\(errors)")
  }

  @Test("A log lacking a column, or with a share beyond all, is refused at its place")
  func malformedLog() throws {
    let path = try write("run.jsonl", RecordedRunTests.good)
    let header = "t,running,waiting,kv_cache_pct\n"
    for (text, error) in [
      ("t,running\n1,2\n", "log.csv:1:1: error: the header lacks `waiting`, `kv_cache_pct`"),
      (header + "1,2,3,101\n", "log.csv:2:7: error: kv_cache_pct: `101` is not accepted here"),
      (header + "1,-2,3,10\n", "log.csv:2:3: error: running: `-2` is not accepted here"),
    ] {
      let log = try write("log.csv", text)
      let errors = errors { () throws(ScenarioError) in
        _ = try RecordedRunFile.read(requests: path, timeseries: log)
      }
      #expect(errors.contains { $0.hasPrefix(error) }, "\(errors)")
    }
  }

  @Test("A reference has as many requests as are replayed")
  func countsAgree() throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write("run.jsonl", RecordedRunTests.good)
    try fixture.write(
      "scenario.yaml", Fixture.scenario + "reference:\n  requests: run.jsonl\n")
    let errors = fixture.errors()
    #expect(errors.count == 1)
    #expect(
      errors.first?.hasPrefix(
        "scenario.yaml:23:3: error: reference.requests: has 2 requests, but the workload has 100")
        == true, "\(errors)")
  }
}
