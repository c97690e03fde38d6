import Foundation
import Simulator
import Testing

@testable import Trace

/// Results as `vllm bench serve` saves them.
@Suite struct VLLMBenchExportTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func number(_ value: Any?) -> Double { (value as? NSNumber)?.doubleValue ?? .nan }

  @Test("A small trace, field by field in vLLM's order")
  func byHand() throws {
    let digests = try writeTrace(
      folder.path(), records: smallRecords,
      metrics: [
        Metric(name: "itl_mean_ns", unit: "ns", value: 2e6),
        Metric(name: "itl_p50_ns", unit: "ns", value: 1.5e6),
        Metric(name: "itl_p90_ns", unit: "ns", value: 3e6),
        Metric(name: "itl_p95_ns", unit: "ns", value: 4e6),
        Metric(name: "itl_p99_ns", unit: "ns", value: nil),
        Metric(name: "duration_ns", unit: "ns", value: 8e9),
        Metric(name: "device_ns", unit: "ns", value: 32e9),
        Metric(name: "goodput", unit: "requests/s", value: 0.125),
      ])
    let expected = #"""
      {"date": "20260501-120000", "endpoint_type": "kvsim", "backend": "kvsim", "label": "fp16", \#
      "model_id": "Llama-3.1-8B", "tokenizer_id": null, "num_prompts": 2, "request_rate": 2.5, \#
      "burstiness": 0.5, "max_concurrency": 7, "duration": 8.0, "completed": 1, "failed": 1, \#
      "total_input_tokens": 64, "total_output_tokens": 4, "request_throughput": 0.125, \#
      "request_goodput": 0.125, "output_throughput": 0.5, "total_token_throughput": 8.5, \#
      "max_output_tokens_per_s": null, "max_concurrent_requests": 1, "rtfx": 0.0, \#
      "mean_ttft_ms": 0.0025, "median_ttft_ms": 0.0025, "std_ttft_ms": 0.0, \#
      "p50_ttft_ms": 0.0025, "p90_ttft_ms": 0.0025, "p95_ttft_ms": 0.0025, \#
      "p99_ttft_ms": 0.0025, "mean_tpot_ms": 0.0020023333333333334, \#
      "median_tpot_ms": 0.0020023333333333334, "std_tpot_ms": 0.0, \#
      "p50_tpot_ms": 0.0020023333333333334, "p90_tpot_ms": 0.0020023333333333334, \#
      "p95_tpot_ms": 0.0020023333333333334, "p99_tpot_ms": 0.0020023333333333334, \#
      "mean_itl_ms": 2.0, "median_itl_ms": 1.5, "std_itl_ms": null, "p50_itl_ms": 1.5, \#
      "p90_itl_ms": 3.0, "p95_itl_ms": 4.0, "p99_itl_ms": null, "mean_e2el_ms": 0.008507, \#
      "median_e2el_ms": 0.008507, "std_e2el_ms": 0.0, "p50_e2el_ms": 0.008507, \#
      "p90_e2el_ms": 0.008507, "p95_e2el_ms": 0.008507, "p99_e2el_ms": 0.008507, \#
      "kv_format": "fp16", "scenario": "chat", "run": 1, "seed": "18446744073709551610", \#
      "kvsim_version": "0.1.0", "row_digest": "\#(digests[0])", "gpu_count": 4.0}

      """#
    #expect(try folder.export(.vllmBench) == expected)
  }

  @Test("Times are those that NumPy makes of the requests, and one token has no TPOT")
  func definitions() throws {
    let records = plausibleRecords(2_001, seed: 13)
    try writeTrace(folder.path(), records: records)
    let result = try #require(try folder.exportLines(.vllmBench).first)
    func check(_ name: String, _ values: [Double]) {
      let sorted = values.sorted()
      let mean = values.reduce(0, +) / Double(values.count)
      let variance =
        values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
      func percentile(_ rank: Double) -> Double {
        let place = rank / 100 * Double(sorted.count - 1)
        let low = Int(place.rounded(.down))
        let high = min(low + 1, sorted.count - 1)
        return sorted[low] + (sorted[high] - sorted[low]) * (place - Double(low))
      }
      let expected: [(field: String, ms: Double)] = [
        ("mean", mean), ("median", percentile(50)), ("std", variance.squareRoot()),
        ("p50", percentile(50)), ("p90", percentile(90)), ("p95", percentile(95)),
        ("p99", percentile(99)),
      ]
      for (field, ms) in expected {
        let found = number(result["\(field)_\(name)_ms"])
        #expect(abs(found / ms - 1) < 1e-9, "\(field)_\(name): \(found), not \(ms)")
      }
    }
    let finished = records.finished
    check("ttft", finished.map { Double($0.firstTokenNs - $0.arrivalNs) / 1e6 })
    check("e2el", finished.map { Double($0.finishNs - $0.arrivalNs) / 1e6 })
    check(
      "tpot",
      finished.filter { $0.outputTokens > 1 }.map {
        Double($0.finishNs - $0.firstTokenNs) / 1e6 / Double($0.outputTokens - 1)
      })
    #expect(finished.contains { $0.outputTokens == 1 })
  }

  @Test("Totals and rates are those of the finished requests over the run's time")
  func totals() throws {
    let records = plausibleRecords(900, seed: 14)
    try writeTrace(folder.path(), records: records)
    let result = try #require(try folder.exportLines(.vllmBench).first)
    let finished = records.finished
    let input = finished.reduce(0) { $0 + $1.promptTokens }
    let output = finished.reduce(0) { $0 + $1.outputTokens }
    let end = records.requests.map(\.finishNs).max()!
    let seconds = Double(end - records.requests.map(\.arrivalNs).min()!) / 1e9
    #expect(result["num_prompts"] as? Int == records.requests.count)
    #expect(result["completed"] as? Int == finished.count)
    #expect(result["failed"] as? Int == records.requests.count - finished.count)
    #expect(result["total_input_tokens"] as? Int == Int(input))
    #expect(result["total_output_tokens"] as? Int == Int(output))
    for (field, expected) in [
      ("duration", seconds), ("request_throughput", Double(finished.count) / seconds),
      ("output_throughput", Double(output) / seconds),
      ("total_token_throughput", Double(input + output) / seconds),
    ] {
      #expect(abs(number(result[field]) / expected - 1) < 1e-12, "\(field)")
    }
    #expect(result["request_goodput"] is NSNull && result["mean_itl_ms"] is NSNull)
    let first = finished.map(\.arrivalNs).min()!
    let concurrent = (0...Int(seconds) + 1).map { second in
      finished.count {
        Int($0.arrivalNs - first) / 1_000_000_000 <= second
          && Int($0.finishNs - first) / 1_000_000_000 >= second
      }
    }
    #expect(result["max_concurrent_requests"] as? Int == concurrent.max())
    #expect(concurrent.max()! > concurrent.min()!)
  }

  @Test("Several runs are a line each; without a finished request nothing has a time")
  func severalRuns() throws {
    try writeTrace(
      folder.path(), records: smallRecords.filter { $0 == smallRecords[0] },
      formats: ["fp16", "int4"])
    let results = try folder.exportLines(.vllmBench)
    #expect(results.map { $0["label"] as? String } == ["fp16", "int4"])
    for result in results {
      #expect(result["completed"] as? Int == 0 && result["failed"] as? Int == 1)
      #expect(result["mean_ttft_ms"] is NSNull && result["p99_tpot_ms"] is NSNull)
      #expect(number(result["request_throughput"]) == 0)
    }
  }

  @Test("What a scenario states is written as vLLM writes it")
  func traffic() throws {
    try writeTrace(
      folder.path(), records: smallRecords,
      metrics: [
        Metric(name: "drafts", unit: "", value: 10),
        Metric(name: "accepted_draft_tokens", unit: "", value: 15),
        Metric(name: "mean_acceptance_length", unit: "", value: 2.5),
      ])
    let closed = try folder.export(
      .vllmBench, traffic: StatedTraffic(requestRate: .unlimited, maxConcurrency: 64))
    #expect(
      closed.contains(
        #""request_rate": "inf", "burstiness": null, "max_concurrency": 64, "duration""#))
    #expect(closed.contains(#""model_id": "unknown""#))
    #expect(
      closed.contains(
        #""spec_decode_acceptance_length": 2.5, "spec_decode_num_drafts": 10.0, "#
          + #""spec_decode_accepted_tokens": 15.0"#))
  }

  @Test("Names mean what they say")
  func hostileNames() throws {
    try writeHostileTrace(folder.path())
    let result = try #require(try folder.exportLines(.vllmBench).first)
    #expect(result["scenario"] as? String == hostileName)
    #expect(result["label"] as? String == hostileName)
  }
}
