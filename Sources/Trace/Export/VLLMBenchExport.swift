/// Results with the fields of `vllm bench serve --save-result` (vllm/benchmarks/serve.py of vLLM
/// 0.33.0) and by its definitions: a line with one object for each run, as `--append-result` writes
/// several into one file.
///
/// What a simulation has not got is null: the tokenizer, the most tokens of one second, and without
/// the times of tokens the standard deviation of the time between them. With them the lists of
/// `--save-detailed` stand at the end. Fields that vLLM has not got stand behind its own, where
/// `--metadata` would put them.
struct VLLMBenchExport: TraceExporter {
  private static let ranks: [Double] = [50, 90, 95, 99]
  /// Of a request; TPOT is of the sample that ended last.
  private static let times: [(name: String, expression: String)] = [
    ("ttft", "first_token_ns - arrival_ns"),
    (
      "tpot",
      """
      CASE WHEN last_sample_tokens > 1
      THEN CAST(finish_ns - first_token_ns AS REAL) / (last_sample_tokens - 1) END
      """
    ),
    ("e2el", "finish_ns - arrival_ns"),
  ]

  /// Sums over the requests of a run.
  private struct Totals {
    var requests: Int64 = 0
    var finished: Int64 = 0
    var inputTokens: Int64 = 0
    var outputTokens: Int64 = 0
    var firstArrivalNs: Int64 = .max
    var lastFinishNs: Int64 = 0
  }

  mutating func write(
    _ run: ExportedRun, of source: ExportSource, to file: ExportFile
  ) throws(TraceError) {
    var totals = Totals()
    try source.forEachRequest(of: run.stored) { request throws(TraceError) in
      totals.requests += 1
      totals.firstArrivalNs = min(totals.firstArrivalNs, request.arrivalNs)
      totals.lastFinishNs = max(totals.lastFinishNs, request.finishNs)
      guard request.outcome == .finished else { return }
      totals.finished += 1
      totals.inputTokens += request.promptTokens
      totals.outputTokens += request.outputTokens
    }
    let metrics = try RunMetricValues(source.reader.metrics(run: run.id))
    var object = JSONObject()
    addSetUp(run, totals, to: &object)
    addTotals(totals, metrics, to: &object)
    object.add("max_output_tokens_per_s", Double?.none)
    object.add("max_concurrent_requests", try peakConcurrency(of: run.stored, on: source))
    object.add("rtfx", 0.0)
    addDrafting(metrics, to: &object)
    let gaps = try TokenGaps(of: run.stored, on: source.connection)
    try addTimes(of: run.stored, metrics, hasTokens: gaps != nil, source, to: &object)
    addOwn(run, metrics, to: &object)
    file.text.append(object.beginning)
    if let gaps { try writeLists(of: run.stored, gaps, source, to: file) }
    file.text.append("}\n")
    try file.passOn()
  }

  // MARK: Lists

  private static let lists: [(name: String, expression: String)] = [
    ("input_lens", "prompt_tokens"), ("output_lens", "output_tokens"),
    ("start_times", "arrival_ns / 1e9"),
    ("ttfts", "ifnull(CAST(first_token_ns - arrival_ns AS REAL), 0.0) / 1e9"),
  ]

  /// A value of each request, in the order of their numbers, as `--save-detailed` has them: times
  /// in seconds, and of those that failed 0 or an empty list.
  private func writeLists(
    of run: StoredRun, _ gaps: TokenGaps, _ source: ExportSource, to file: ExportFile
  ) throws(TraceError) {
    for list in VLLMBenchExport.lists {
      let row = try source.connection.prepare(
        "SELECT \(list.expression) FROM request WHERE seq >= ?1 AND seq < ?2 ORDER BY id, seq")
      try row.bind(1, run.sequence.lowerBound)
      try row.bind(2, run.sequence.upperBound)
      file.text.append(", \"\(list.name)\": [")
      var isFirst = true
      while try row.step() {
        if !isFirst { file.text.append(", ") }
        isFirst = false
        switch row.value(0) {
        case .integer(let number): file.text.append(number)
        default: file.text.append(row.optionalDouble(0) ?? .nan)
        }
        try file.passOn()
      }
      file.text.append("]")
    }
    file.text.append(", \"itls\": [")
    var isFirst = true
    try gaps.forEachRequest { gaps throws(TraceError) in
      file.text.append(isFirst ? "[" : ", [")
      isFirst = false
      for (place, ns) in gaps.enumerated() {
        if place > 0 { file.text.append(", ") }
        file.text.append(Double(ns) / 1e9)
      }
      file.text.append("]")
      try file.passOn()
    }
    file.text.append("]")
  }

  // MARK: Fields

  private func addSetUp(_ run: ExportedRun, _ totals: Totals, to object: inout JSONObject) {
    object.add("date", StartTime(run.stored.description.startedUTC)?.compact)
    object.add("endpoint_type", "kvsim")
    object.add("backend", "kvsim")
    object.add("label", run.format)
    object.add("model_id", run.modelName)
    object.add("tokenizer_id", String?.none)
    object.add("num_prompts", totals.requests)
    switch run.traffic.requestRate {
    case .perSecond(let rate): object.add("request_rate", rate)
    case .unlimited: object.add("request_rate", "inf")
    case nil: object.add("request_rate", Double?.none)
    }
    object.add("burstiness", run.traffic.burstiness)
    object.add("max_concurrency", run.traffic.maxConcurrency.map(Int64.init))
  }

  private func addTotals(
    _ totals: Totals, _ metrics: RunMetricValues, to object: inout JSONObject
  ) {
    // Requests that were under way when the run was stopped have no rows, but take their time.
    let rowsNs = Double(totals.requests == 0 ? 0 : totals.lastFinishNs - totals.firstArrivalNs)
    let seconds = (metrics["duration_ns"] ?? rowsNs) / 1e9
    func perSecond(_ count: Int64) -> Double { seconds > 0 ? Double(count) / seconds : 0 }
    object.add("duration", seconds)
    object.add("completed", totals.finished)
    object.add("failed", totals.requests - totals.finished)
    object.add("total_input_tokens", totals.inputTokens)
    object.add("total_output_tokens", totals.outputTokens)
    object.add("request_throughput", perSecond(totals.finished))
    object.add("request_goodput", metrics["goodput"])
    object.add("output_throughput", perSecond(totals.outputTokens))
    object.add("total_token_throughput", perSecond(totals.inputTokens + totals.outputTokens))
  }

  /// As vLLM has them: only where tokens are drafted.
  private func addDrafting(_ metrics: RunMetricValues, to object: inout JSONObject) {
    guard let drafts = metrics["drafts"] else { return }
    object.add("spec_decode_acceptance_length", metrics["mean_acceptance_length"])
    object.add("spec_decode_num_drafts", drafts)
    object.add("spec_decode_accepted_tokens", metrics["accepted_draft_tokens"])
  }

  private func addTimes(
    of run: StoredRun, _ metrics: RunMetricValues, hasTokens: Bool, _ source: ExportSource,
    to object: inout JSONObject
  ) throws(TraceError) {
    for time in VLLMBenchExport.times {
      // The time between tokens stands before that of the whole request.
      if time.name == "e2el", hasTokens {
        let gaps = try OrderedTimes(
          values: TokenGaps.values, of: run, percentiles: VLLMBenchExport.ranks,
          on: source.connection)
        add(gaps, "itl", to: &object)
      } else if time.name == "e2el" {
        addGaps(metrics, to: &object)
      }
      let statistics = try OrderedTimes(
        time.expression, of: run, percentiles: VLLMBenchExport.ranks, on: source.connection)
      add(statistics, time.name, to: &object)
    }
  }

  private func add(_ statistics: OrderedTimes, _ name: String, to object: inout JSONObject) {
    object.add("mean_\(name)_ms", statistics.mean.map { $0 / 1e6 })
    object.add("median_\(name)_ms", statistics.percentiles[0].map { $0 / 1e6 })
    object.add("std_\(name)_ms", statistics.deviation.map { $0 / 1e6 })
    for (rank, value) in zip(VLLMBenchExport.ranks, statistics.percentiles) {
      object.add("p\(Int(rank))_\(name)_ms", value.map { $0 / 1e6 })
    }
  }

  /// The times between tokens, of which the trace has the figures alone.
  private func addGaps(_ metrics: RunMetricValues, to object: inout JSONObject) {
    func add(_ field: String, _ metric: String) {
      object.add("\(field)_itl_ms", metrics["itl_\(metric)_ns"].map { $0 / 1e6 })
    }
    add("mean", "mean")
    add("median", "p50")
    object.add("std_itl_ms", Double?.none)
    for rank in VLLMBenchExport.ranks { add("p\(Int(rank))", "p\(Int(rank))") }
  }

  private func addOwn(
    _ run: ExportedRun, _ metrics: RunMetricValues, to object: inout JSONObject
  ) {
    object.add("kv_format", run.format)
    object.add("scenario", run.scenario)
    object.add("run", run.id)
    object.add("seed", String(run.stored.description.seed))
    object.add("kvsim_version", run.stored.description.kvsimVersion)
    object.add("row_digest", run.stored.end?.rowDigest)
    object.add("gpu_count", devices(of: run, metrics))
  }

  /// Devices that were there on average: of a fleet that does not change, how many there are.
  private func devices(of run: ExportedRun, _ metrics: RunMetricValues) -> Double? {
    guard let device = metrics["device_ns"], let duration = metrics["duration_ns"], duration > 0
    else { return nil }
    return device / duration
  }

  // MARK: Concurrency

  /// The most requests that were under way in one second, counted from the first arrival: those of
  /// all its moments together, as vLLM counts them.
  private func peakConcurrency(
    of run: StoredRun, on source: ExportSource
  ) throws(TraceError) -> Int64 {
    let row = try source.connection.prepare(
      """
      WITH finished AS (
        SELECT arrival_ns, finish_ns FROM request
        WHERE seq >= ?1 AND seq < ?2 AND outcome = 'finished'),
      start AS (SELECT min(arrival_ns) AS ns FROM finished)
      SELECT (arrival_ns - start.ns) / 1000000000 AS second, 1 AS change FROM finished, start
      UNION ALL
      SELECT (finish_ns - start.ns) / 1000000000 + 1, -1 FROM finished, start
      ORDER BY second, change
      """)
    try row.bind(1, run.sequence.lowerBound)
    try row.bind(2, run.sequence.upperBound)
    var (now, most): (Int64, Int64) = (0, 0)
    while try row.step() {
      now += row.integer(1)
      most = max(most, now)
    }
    return most
  }
}

/// The figures of a run by name.
private struct RunMetricValues {
  private let values: [String: Double]

  init(_ metrics: [Metric]) {
    values = Dictionary(
      metrics.compactMap { metric in metric.value.map { (metric.name, $0) } },
      uniquingKeysWith: { first, _ in first })
  }

  /// A figure; nil where the run has it not, or does not define it.
  subscript(name: String) -> Double? { values[name] }
}

/// A flat object while it is written.
private struct JSONObject {
  private var fields = ExportText()

  /// The object without its end.
  var beginning: String { "{" + String(decoding: fields.bytes, as: UTF8.self) }

  mutating func add(_ name: String, _ value: String?) {
    begin(name)
    guard let value else { return fields.append("null") }
    fields.append(quoted: value)
  }

  mutating func add(_ name: String, _ value: Int64?) {
    begin(name)
    guard let value else { return fields.append("null") }
    fields.append(value)
  }

  mutating func add(_ name: String, _ value: Double?) {
    begin(name)
    guard let value else { return fields.append("null") }
    fields.append(value)
  }

  private mutating func begin(_ name: String) {
    fields.append(fields.bytes.isEmpty ? "\"" : ", \"")
    fields.append(name)
    fields.append("\": ")
  }
}
