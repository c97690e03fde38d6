import Foundation
import Simulator
import Testing

@testable import Trace

/// The snapshot under vLLM's metric names.
@Suite struct PrometheusExportTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  /// A line that is no comment: its name, its labels as they stand there, and its value.
  private struct Sample {
    let name: String
    let labels: String
    let value: Double

    init(_ line: Substring) throws {
      let open = try #require(line.firstIndex(of: "{"))
      let close = try #require(line.lastIndex(of: "}"))
      name = String(line[..<open])
      labels = String(line[line.index(after: open)..<close])
      value = try #require(Double(line[line.index(close, offsetBy: 2)...]))
    }

    /// The name of the metric that it belongs to.
    var family: String {
      for ending in ["_bucket", "_sum", "_count"] where name.hasSuffix(ending) {
        return String(name.dropLast(ending.count))
      }
      return name
    }

    /// The labels without the bound.
    var owner: String { labels.components(separatedBy: ",le=")[0] }
  }

  private func samples(_ text: String) throws -> [Sample] {
    try text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map(Sample.init)
  }

  @Test("A small trace: gauges and counters line by line, and the histogram of first tokens")
  func byHand() throws {
    try writeTrace(
      folder.path(), records: smallRecords,
      metrics: [Metric(name: "itl_p95_ns", unit: "ns", value: 2e6)])
    let text = try folder.export(.prometheus)
    let lines = text.split(separator: "\n").map(String.init)
    let all = #"model_name="Llama-3.1-8B",kv_format="fp16",run="1""#
    let engine = #"engine="0","# + all
    let histograms = Set(PrometheusFamily.all.map(\.name))
    let others = lines.filter { line in
      !line.hasPrefix("#") && !histograms.contains { line.hasPrefix($0) }
    }
    #expect(
      others == [
        "vllm:num_requests_running{\(engine)} 1.0", "vllm:num_requests_waiting{\(engine)} 0.0",
        "vllm:kv_cache_usage_perc{\(engine)} 0.005",
        "vllm:cache_config_info{\(engine),block_size=\"16\",num_gpu_blocks=\"1000\"} 1",
        "vllm:num_preemptions_total{\(engine)} 2", "vllm:prompt_tokens_total{\(engine)} 64",
        "vllm:prompt_tokens_cached_total{\(engine)} 16",
        "vllm:prefix_cache_queries_total{\(engine)} 64",
        "vllm:prefix_cache_hits_total{\(engine)} 16", "vllm:generation_tokens_total{\(engine)} 4",
        "vllm:request_success_total{\(engine),finished_reason=\"length\"} 1",
        "kvsim:requests_rejected_total{\(all)} 1",
        "kvsim:inter_token_latency_seconds{\(all),quantile=\"0.95\"} 0.002",
      ])
    let name = "vllm:time_to_first_token_seconds"
    let bounds = [
      "0.001", "0.005", "0.01", "0.02", "0.04", "0.06", "0.08", "0.1", "0.25", "0.5", "0.75",
      "1.0", "2.5", "5.0", "7.5", "10.0", "20.0", "40.0", "80.0", "160.0", "640.0", "2560.0",
      "+Inf",
    ]
    #expect(
      lines.filter { $0.contains(name) } == [
        "# HELP \(name) From arrival to the first token.", "# TYPE \(name) histogram",
      ] + bounds.map { "\(name)_bucket{\(engine),le=\"\($0)\"} 1" } + [
        "\(name)_sum{\(engine)} 2.5e-06", "\(name)_count{\(engine)} 1",
      ])
  }

  @Test("A value counts from the first bound that it does not exceed")
  func buckets() {
    var histogram = PrometheusHistogram(bounds: [1, 2, 5])
    for value in [0, 1, 1.5, 2, 5, 6] { histogram.observe(value) }
    #expect(histogram.cumulative == [2, 4, 5, 6])
    #expect(histogram.sum == 15.5)
  }

  @Test("Buckets rise to the number of finished requests, and sums and counters are those of them")
  func laws() throws {
    let records = plausibleRecords(3_000, seed: 11)
    try writeTrace(folder.path(), records: records, formats: ["fp16", "int4"])
    let samples = try samples(try folder.export(.prometheus))
    let owners = Dictionary(grouping: samples.filter { $0.name.hasSuffix("_bucket") }) {
      $0.family + $0.owner
    }
    #expect(owners.count == PrometheusFamily.all.count * 2 * 3)
    for buckets in owners.values {
      #expect(zip(buckets, buckets.dropFirst()).allSatisfy { $0.value <= $1.value })
      #expect(buckets.last?.labels.hasSuffix("le=\"+Inf\"") == true)
      let count = samples.first {
        $0.name == buckets[0].family + "_count" && $0.labels == buckets[0].owner
      }
      #expect(count?.value == buckets.last?.value)
    }
    func sum(_ name: String) -> Double {
      samples.filter { $0.name == name && $0.labels.contains("run=\"2\"") }
        .reduce(0) { $0 + $1.value }
    }
    let finished = records.finished
    for family in PrometheusFamily.all {
      #expect(sum(family.name + "_count") == Double(finished.count))
      let expected = finished.reduce(0) { $0 + family.value($1) }
      #expect(abs(sum(family.name + "_sum") - expected) <= 1e-9 * expected, "\(family.name)")
    }
    #expect(sum("vllm:request_success_total") == Double(finished.count))
    #expect(
      sum("vllm:prompt_tokens_total") == Double(finished.reduce(0) { $0 + $1.promptTokens }))
    #expect(
      sum("vllm:generation_tokens_total") == Double(finished.reduce(0) { $0 + $1.outputTokens }))
    #expect(
      sum("vllm:num_preemptions_total")
        == Double(records.steps.reduce(0) { $0 + $1.preemptedRequests }))
    #expect(
      sum("kvsim:requests_rejected_total")
        == Double(records.requests.count - finished.count))
  }

  @Test("Samples of a metric stand together behind its type, and none stands twice")
  func grouping() throws {
    try writeTrace(
      folder.path(), records: plausibleRecords(500, seed: 12), formats: ["fp16", "int4"])
    var seen: Set<String> = []
    var current = ""
    var samples: Set<String> = []
    for line in try folder.export(.prometheus).split(separator: "\n") {
      if line.hasPrefix("# TYPE ") {
        current = String(line.split(separator: " ")[2])
        #expect(seen.insert(current).inserted)
      } else if !line.hasPrefix("#") {
        let sample = try Sample(line)
        #expect(sample.family == current)
        #expect(samples.insert(sample.name + sample.labels).inserted)
      }
    }
    #expect(seen.count == 13 + PrometheusFamily.all.count)
  }

  @Test("Labels escape what would end them")
  func hostileNames() throws {
    try writeHostileTrace(folder.path())
    let text = try folder.export(
      .prometheus, traffic: StatedTraffic(modelName: hostileName))
    let escaped = "a\\\"b\\\\c,d\\n<script>\u{fffd}[31m\u{fffd}\u{fffd}\u{2028}\u{fffd};é🙂{}"
    #expect(text.contains("model_name=\"\(escaped)\",kv_format=\"\(escaped)\""))
    #expect(try !samples(text).isEmpty)
  }
}
