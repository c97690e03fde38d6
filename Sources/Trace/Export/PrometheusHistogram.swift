import Simulator

/// How many values are at most as large as each bound, as Prometheus counts them.
struct PrometheusHistogram {
  /// The bounds, rising.
  let bounds: [Double]
  /// Values above the bound before, up to each bound and, at the end, beyond the last.
  private var counts: [Int64]
  /// The sum of all values.
  private(set) var sum = 0.0

  init(bounds: [Double]) {
    self.bounds = bounds
    counts = Array(repeating: 0, count: bounds.count + 1)
  }

  /// Takes a value.
  mutating func observe(_ value: Double) {
    counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
    sum += value
  }

  /// How many values were at most as large as each bound, and all of them at the end.
  var cumulative: [Int64] {
    var sum: Int64 = 0
    return counts.map {
      sum += $0
      return sum
    }
  }
}

/// A histogram of finished requests that vLLM has too, by vLLM's name and with its bounds
/// (vllm/v1/metrics/loggers.py and buckets.py of vLLM 0.33.0).
struct PrometheusFamily {
  let name: String
  let help: String
  let bounds: [Double]
  /// What it takes of a request.
  let value: @Sendable (RequestRecord) -> Double

  /// All of them.
  static let all: [PrometheusFamily] = [
    PrometheusFamily(
      name: "vllm:time_to_first_token_seconds", help: "From arrival to the first token.",
      bounds: firstToken
    ) { seconds($0.firstTokenNs - $0.arrivalNs) },
    PrometheusFamily(
      name: "vllm:request_time_per_output_token_seconds",
      help: "Mean time of a request's tokens after the first; 0 of those with one.",
      bounds: tokens
    ) {
      $0.lastSampleTokens > 1
        ? seconds($0.finishNs - $0.firstTokenNs) / Double($0.lastSampleTokens - 1) : 0
    },
    PrometheusFamily(
      name: "vllm:e2e_request_latency_seconds", help: "From arrival to the last token.",
      bounds: latency
    ) { seconds($0.finishNs - $0.arrivalNs) },
    PrometheusFamily(
      name: "vllm:request_queue_time_seconds",
      help: "From arrival to the first step that worked on the request.", bounds: latency
    ) { seconds($0.scheduledNs - $0.arrivalNs) },
    PrometheusFamily(
      name: "vllm:request_inference_time_seconds",
      help: "From the first step that worked on the request to its last token.", bounds: latency
    ) { seconds($0.finishNs - $0.scheduledNs) },
    PrometheusFamily(
      name: "vllm:request_prefill_time_seconds",
      help: "From the first step that worked on the request to its first token.", bounds: latency
    ) { seconds($0.firstTokenNs - $0.scheduledNs) },
    PrometheusFamily(
      name: "vllm:request_decode_time_seconds", help: "From the first token to the last.",
      bounds: latency
    ) { seconds($0.finishNs - $0.firstTokenNs) },
    PrometheusFamily(
      name: "vllm:request_prompt_tokens", help: "Tokens of the prompt.", bounds: tokenCounts
    ) { Double($0.promptTokens) },
    PrometheusFamily(
      name: "vllm:request_generation_tokens", help: "Tokens produced, of all samples.",
      bounds: tokenCounts
    ) { Double($0.outputTokens) },
    PrometheusFamily(
      name: "vllm:request_prefill_kv_computed_tokens",
      help: "Tokens of the prompt that the prefix cache had not.", bounds: tokenCounts
    ) { Double($0.promptTokens - $0.cachedTokens) },
    PrometheusFamily(
      name: "vllm:request_num_preemptions", help: "How often the request lost its blocks.",
      bounds: [1, 2, 3, 4, 5, 10, 20]
    ) { Double($0.preemptions) },
    PrometheusFamily(
      name: "vllm:request_params_n", help: "Samples of the prompt that were wanted.",
      bounds: [1, 2, 5, 10, 20]
    ) { Double($0.samples) },
  ]

  private static func seconds(_ ns: Int64) -> Double { Double(ns) / 1e9 }

  private static let firstToken = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40,
    80, 160, 640, 2_560,
  ]
  /// Bounds of times for each token.
  static let tokens = [
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
  ]
  private static let latency = [
    0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1_920, 7_680,
  ]
  /// vLLM ends these at the longest context of the model; more of them do no harm.
  private static let tokenCounts: [Double] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000,
    200_000, 500_000, 1_000_000,
  ]
}
