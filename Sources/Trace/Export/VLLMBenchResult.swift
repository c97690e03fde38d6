/// A result under the names of `vllm bench serve --save-result` (vllm/benchmarks/serve.py of vLLM
/// 0.33.0), the one list of them: exports of traces and the JSON of runs are made of it.
///
/// What a simulation has not got is null: the tokenizer, the most tokens of one second. Fields that
/// vLLM has not got stand behind its own, where `--metadata` would put them.
public struct VLLMBenchResult: Sendable {
  /// A distribution of times in nanoseconds; nil is what is not known, or has no value.
  public struct Times: Hashable, Sendable {
    /// The mean.
    public var meanNs: Double?
    /// The standard deviation, of the whole population.
    public var deviationNs: Double?
    /// The median.
    public var p50Ns: Double?
    /// The 90th percentile.
    public var p90Ns: Double?
    /// The 95th percentile.
    public var p95Ns: Double?
    /// The 99th percentile.
    public var p99Ns: Double?

    /// Of which nothing is known.
    public init() {}
  }

  /// What drafting came to.
  public struct Drafting: Hashable, Sendable {
    /// Verifications.
    public var drafts: Double
    /// Drafted tokens that were accepted.
    public var acceptedTokens: Double?
    /// Tokens that a verification brought, its own included.
    public var meanAcceptanceLength: Double?

    /// What it came to.
    public init(drafts: Double, acceptedTokens: Double?, meanAcceptanceLength: Double?) {
      self.drafts = drafts
      self.acceptedTokens = acceptedTokens
      self.meanAcceptanceLength = meanAcceptanceLength
    }
  }

  /// The trace that a result is of.
  public struct Origin: Hashable, Sendable {
    /// The number of the run in it.
    public var run: Int64
    /// The kvsim that made it.
    public var kvsimVersion: String
  }

  /// A value of JSON.
  public enum Value: Hashable, Sendable {
    /// Not known.
    case null
    /// A text.
    case text(String)
    /// A whole number.
    case count(Int64)
    /// A number.
    case number(Double)
  }

  /// A field: its name, and its value.
  public typealias Field = (name: String, value: Value)

  /// The KV format.
  public let format: String
  /// The scenario's name.
  public let scenario: String
  /// The seed of all random streams.
  public let seed: UInt64
  /// What the scenario says of its model and its traffic.
  public let traffic: StatedTraffic
  /// The trace that it is of; nil of what a run printed.
  public var origin: Origin?
  /// When the run was made.
  public var startedUTC: String?
  /// Requests that arrived and left.
  public var requests: Int64 = 0
  /// Of these, those that produced every token.
  public var finished: Int64 = 0
  /// Prompt tokens of the finished requests.
  public var inputTokens: Int64 = 0
  /// Output tokens of the finished requests.
  public var outputTokens: Int64 = 0
  /// From the first arrival to the last event.
  public var durationNs: Double = 0
  /// Requests a second that met their objectives; nil where none are stated.
  public var goodput: Double?
  /// The most requests that were under way in one second.
  public var maxConcurrentRequests: Int64?
  /// What drafting came to; nil where nothing was drafted.
  public var drafting: Drafting?
  /// Time to first token.
  public var ttft = Times()
  /// (Latency − TTFT) / (tokens − 1), of requests with two tokens or more; of several samples, of
  /// the one that ended last.
  public var tpot = Times()
  /// Between the tokens of a request.
  public var itl = Times()
  /// End-to-end latency.
  public var e2el = Times()
  /// The digest of the run's rows.
  public var rowDigest: String?
  /// What all devices together were there for, in nanoseconds.
  public var deviceNs: Double?

  /// A result of which nothing is known yet but what was run.
  public init(format: String, scenario: String, seed: UInt64, traffic: StatedTraffic) {
    self.format = format
    self.scenario = scenario
    self.seed = seed
    self.traffic = traffic
  }

  /// All fields, vLLM's first and in its order.
  public var fields: [Field] {
    setUp + totals + draftingFields + VLLMBenchResult.fields("ttft", ttft)
      + VLLMBenchResult.fields("tpot", tpot) + VLLMBenchResult.fields("itl", itl)
      + VLLMBenchResult.fields("e2el", e2el) + own
  }

  // MARK: Fields

  private var setUp: [Field] {
    let rate: Value =
      switch traffic.requestRate {
      case .perSecond(let rate): .number(rate)
      case .unlimited: .text("inf")
      case nil: .null
      }
    return [
      ("date", .text(orNull: StartTime(startedUTC ?? "")?.compact)),
      ("endpoint_type", .text("kvsim")),
      ("backend", .text("kvsim")),
      ("label", .text(format)),
      ("model_id", .text(traffic.modelName ?? "unknown")),
      ("tokenizer_id", .null),
      ("num_prompts", .count(requests)),
      ("request_rate", rate),
      ("burstiness", .number(orNull: traffic.burstiness)),
      ("max_concurrency", .count(orNull: traffic.maxConcurrency.map(Int64.init))),
    ]
  }

  private var totals: [Field] {
    let seconds = durationNs / 1e9
    func perSecond(_ count: Int64) -> Value { .number(seconds > 0 ? Double(count) / seconds : 0) }
    return [
      ("duration", .number(seconds)),
      ("completed", .count(finished)),
      ("failed", .count(requests - finished)),
      ("total_input_tokens", .count(inputTokens)),
      ("total_output_tokens", .count(outputTokens)),
      ("request_throughput", perSecond(finished)),
      ("request_goodput", .number(orNull: goodput)),
      ("output_throughput", perSecond(outputTokens)),
      ("total_token_throughput", perSecond(inputTokens + outputTokens)),
      ("max_output_tokens_per_s", .null),
      ("max_concurrent_requests", .count(orNull: maxConcurrentRequests)),
      ("rtfx", .number(0)),
    ]
  }

  /// As vLLM has them: only where tokens are drafted.
  private var draftingFields: [Field] {
    guard let drafting else { return [] }
    return [
      ("spec_decode_acceptance_length", .number(orNull: drafting.meanAcceptanceLength)),
      ("spec_decode_num_drafts", .number(drafting.drafts)),
      ("spec_decode_accepted_tokens", .number(orNull: drafting.acceptedTokens)),
    ]
  }

  private static func fields(_ name: String, _ times: Times) -> [Field] {
    [
      ("mean", times.meanNs), ("median", times.p50Ns), ("std", times.deviationNs),
      ("p50", times.p50Ns), ("p90", times.p90Ns), ("p95", times.p95Ns), ("p99", times.p99Ns),
    ].map { ("\($0.0)_\(name)_ms", .number(orNull: $0.1.map { $0 / 1e6 })) }
  }

  private var own: [Field] {
    var fields: [Field] = [("kv_format", .text(format)), ("scenario", .text(scenario))]
    if let origin { fields.append(("run", .count(origin.run))) }
    fields.append(("seed", .text(String(seed))))
    if let origin { fields.append(("kvsim_version", .text(origin.kvsimVersion))) }
    fields.append(("row_digest", .text(orNull: rowDigest)))
    // Devices that were there on average: of a fleet that does not change, how many there are.
    let devices = durationNs > 0 ? deviceNs.map { $0 / durationNs } : nil
    fields.append(("gpu_count", .number(orNull: devices)))
    return fields
  }
}

extension VLLMBenchResult.Value {
  fileprivate static func text(orNull text: String?) -> Self { text.map { .text($0) } ?? .null }
  fileprivate static func count(orNull count: Int64?) -> Self { count.map { .count($0) } ?? .null }
  fileprivate static func number(orNull number: Double?) -> Self {
    number.map { .number($0) } ?? .null
  }
}
