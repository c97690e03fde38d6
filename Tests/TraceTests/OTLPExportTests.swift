import Foundation
import Simulator
import Testing

@testable import Trace

/// Spans of requests.
@Suite struct OTLPExportTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private struct Span {
    let traceID: String
    let id: String
    let parent: String?
    let name: String
    let kind: Int
    let start: UInt64
    let end: UInt64
    let attributes: [String: String]
    let isError: Bool
    let resource: [String: String]
  }

  private func attributes(_ list: Any?) -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: (list as! [[String: Any]]).map {
        let value = $0["value"] as! [String: Any]
        return ($0["key"] as! String, "\(value.values.first!)")
      })
  }

  private func spans(_ change: (inout ExportOptions) -> Void = { _ in }) throws -> [Span] {
    try folder.exportLines(.otlp, change).flatMap { line -> [Span] in
      let resource = (line["resourceSpans"] as! [[String: Any]])[0]
      let scope = (resource["scopeSpans"] as! [[String: Any]])[0]
      return (scope["spans"] as! [[String: Any]]).map { span in
        Span(
          traceID: span["traceId"] as! String, id: span["spanId"] as! String,
          parent: span["parentSpanId"] as? String, name: span["name"] as! String,
          kind: span["kind"] as! Int, start: UInt64(span["startTimeUnixNano"] as! String)!,
          end: UInt64(span["endTimeUnixNano"] as! String)!,
          attributes: attributes(span["attributes"] ?? [[String: Any]]()),
          isError: (span["status"] as? [String: Any])?["code"] as? Int == 2,
          resource: attributes((resource["resource"] as! [String: Any])["attributes"]))
      }
    }
  }

  @Test("A request is a span with a span for each of its parts, and attributes by their names")
  func byHand() throws {
    let digests = try writeTrace(folder.path(), records: smallRecords)
    let spans = try spans()
    // 2026-05-01T12:00:00Z
    let epoch: UInt64 = 1_777_636_800_000_000_000
    #expect(
      spans.map(\.name) == [
        "text_completion Llama-3.1-8B", "text_completion Llama-3.1-8B", "queue", "prefill",
        "decode",
      ])
    #expect(spans.map { $0.start - epoch } == [700, 500, 500, 1_000, 3_000])
    #expect(spans.map { $0.end - epoch } == [700, 9_007, 1_000, 3_000, 9_007])
    #expect(spans.map(\.kind) == [2, 2, 1, 1, 1])
    #expect(spans.map(\.isError) == [true, false, false, false, false])
    #expect(
      spans[1].attributes == [
        "gen_ai.operation.name": "text_completion", "gen_ai.provider.name": "kvsim",
        "gen_ai.request.model": "Llama-3.1-8B", "gen_ai.usage.input_tokens": "64",
        "gen_ai.usage.output_tokens": "4", "gen_ai.usage.cache_read.input_tokens": "16",
        "gen_ai.response.time_to_first_chunk": "2.5e-06",
        "gen_ai.latency.time_to_first_token": "2.5e-06",
        "gen_ai.latency.time_in_queue": "5e-07", "gen_ai.latency.time_in_model_prefill": "2e-06",
        "gen_ai.latency.time_in_model_decode": "6.007e-06", "gen_ai.latency.e2e": "8.507e-06",
        "kvsim.request": "0", "kvsim.class": "chat", "kvsim.priority": "0",
        "kvsim.replica": "0", "kvsim.preemptions": "1",
      ])
    #expect(spans[0].attributes["gen_ai.latency.time_to_first_token"] == nil)
    #expect(
      spans[0].resource == [
        "service.name": "kvsim", "service.version": "0.1.0", "kvsim.scenario": "chat",
        "kvsim.run": "1", "kvsim.kv_format": "fp16", "kvsim.seed": "\(UInt64.max - 5)",
        "kvsim.row_digest": digests[0],
      ])
    let text = try folder.export(.otlp)
    #expect(text.contains(#""kvsim.priority","value":{"intValue":"3"}"#))
  }

  @Test("Every request is there once, no identifier twice, and children name their parent")
  func identifiers() throws {
    let records = plausibleRecords(3_000, seed: 8)
    // Both runs have the same digest.
    try writeTrace(folder.path(), records: records, formats: ["fp16", "int4"])
    let spans = try spans()
    let requests = spans.filter { $0.parent == nil }
    #expect(requests.count == 2 * records.requests.count)
    #expect(spans.count == requests.count + 3 * 2 * records.finished.count)
    #expect(Set(requests.map(\.traceID)).count == requests.count)
    #expect(Set(spans.map(\.id)).count == spans.count)
    let byTrace = Dictionary(uniqueKeysWithValues: requests.map { ($0.traceID, $0) })
    for span in spans {
      #expect(span.traceID.count == 32 && span.id.count == 16 && span.start <= span.end)
      guard let parent = span.parent else { continue }
      let request = try #require(byTrace[span.traceID])
      #expect(request.id == parent)
      #expect(request.start <= span.start && span.end <= request.end)
    }
    let numbers = requests.map { $0.attributes["kvsim.request"]! }
    #expect(
      Dictionary(grouping: numbers, by: { $0 }).mapValues(\.count)
        == Dictionary(uniqueKeysWithValues: records.requests.map { ("\($0.id)", 2) }))
    #expect(try folder.exportLines(.otlp).count > 2 * records.requests.count / 256)
  }

  @Test("The same run has the same identifiers whenever it is exported, another has others")
  func determinism() throws {
    try writeTrace(folder.path(), records: smallRecords, formats: ["fp16", "int4"])
    let first = try spans { $0.run = 1 }.map(\.id)
    #expect(try spans().map(\.id).prefix(5) == first[...])
    #expect(Set(try spans { $0.run = 2 }.map(\.id)).isDisjoint(with: first))
  }

  @Test("Names mean what they say")
  func hostileNames() throws {
    try writeHostileTrace(folder.path())
    let span = try #require(try spans().first { $0.attributes["kvsim.request"] == "0" })
    #expect(span.attributes["kvsim.class"] == hostileName)
    #expect(span.resource["kvsim.kv_format"] == hostileName)
  }

  @Test("The start of a run is a time of the calendar")
  func startTimes() {
    #expect(StartTime("1970-01-01T00:00:00Z")?.epochNs == 0)
    #expect(StartTime("2000-02-29T23:59:59Z")?.epochNs == 951_868_799_000_000_000)
    #expect(StartTime("2026-05-01T12:00:00Z")?.epochNs == 1_777_636_800_000_000_000)
    #expect(StartTime("2026-05-01T12:00:00Z")?.compact == "20260501-120000")
    for text in ["", "2026-05-01 12:00:00Z", "2026-13-01T12:00:00Z", "2300-01-01T00:00:00Z"] {
      #expect(StartTime(text) == nil)
    }
  }
}
