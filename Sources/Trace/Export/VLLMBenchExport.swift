/// Results with the fields of `vllm bench serve --save-result` and by its definitions: a line with
/// one object for each run, as `--append-result` writes several into one file. The fields are those
/// of `VLLMBenchResult`; where the trace has the times of tokens, the lists of `--save-detailed`
/// stand at the end.
struct VLLMBenchExport: TraceExporter {
  /// Mean time per token after the first, of the sample that ended last.
  private static let tpot = """
    CASE WHEN last_sample_tokens > 1
    THEN CAST(finish_ns - first_token_ns AS REAL) / (last_sample_tokens - 1) END
    """

  mutating func write(
    _ run: ExportedRun, of source: ExportSource, to file: ExportFile
  ) throws(TraceError) {
    var result = VLLMBenchResult(
      format: run.format, scenario: run.scenario, seed: run.stored.description.seed,
      traffic: run.traffic)
    result.origin = .init(run: run.id, kvsimVersion: run.stored.description.kvsimVersion)
    result.startedUTC = run.stored.description.startedUTC
    result.rowDigest = run.stored.end?.rowDigest
    try addRequests(of: run.stored, source, to: &result)
    addMetrics(try RunMetricValues(source.reader.metrics(run: run.id)), to: &result)
    result.maxConcurrentRequests = try peakConcurrency(of: run.stored, on: source)
    result.ttft = try times("first_token_ns - arrival_ns", of: run.stored, source)
    result.tpot = try times(VLLMBenchExport.tpot, of: run.stored, source)
    result.e2el = try times("finish_ns - arrival_ns", of: run.stored, source)
    let tokens = try TokenGaps(of: run.stored, on: source.connection)
    if tokens != nil {
      result.itl = VLLMBenchExport.times(
        try OrderedTimes(
          values: TokenGaps.values, of: run.stored, percentiles: VLLMBenchExport.ranks,
          on: source.connection))
    }
    file.text.append(beginningOf: result.fields)
    if let tokens { try writeLists(of: run.stored, tokens, source, to: file) }
    file.text.append("}\n")
    try file.passOn()
  }

  /// Sums over the requests of a run.
  private func addRequests(
    of run: StoredRun, _ source: ExportSource, to result: inout VLLMBenchResult
  ) throws(TraceError) {
    var (firstArrivalNs, lastFinishNs) = (Int64.max, Int64.min)
    try source.forEachRequest(of: run) { request throws(TraceError) in
      result.requests += 1
      firstArrivalNs = min(firstArrivalNs, request.arrivalNs)
      lastFinishNs = max(lastFinishNs, request.finishNs)
      guard request.outcome == .finished else { return }
      result.finished += 1
      result.inputTokens += request.promptTokens
      result.outputTokens += request.outputTokens
    }
    if result.requests > 0 { result.durationNs = Double(lastFinishNs - firstArrivalNs) }
  }

  /// What a trace keeps as figures of the whole run.
  private func addMetrics(
    _ metrics: RunMetricValues, to result: inout VLLMBenchResult
  ) {
    // Requests that were under way when the run was stopped have no rows, but take their time.
    if let durationNs = metrics["duration_ns"] { result.durationNs = durationNs }
    result.deviceNs = metrics["device_ns"]
    result.goodput = metrics["goodput"]
    result.itl = gaps(metrics)
    result.drafting = metrics["drafts"].map {
      VLLMBenchResult.Drafting(
        drafts: $0, acceptedTokens: metrics["accepted_draft_tokens"],
        meanAcceptanceLength: metrics["mean_acceptance_length"])
    }
  }

  // MARK: Times

  /// Computed from the rows.
  private func times(
    _ expression: String, of run: StoredRun, _ source: ExportSource
  ) throws(TraceError) -> VLLMBenchResult.Times {
    VLLMBenchExport.times(
      try OrderedTimes(
        expression, of: run, percentiles: VLLMBenchExport.ranks, on: source.connection))
  }

  private static let ranks: [Double] = [50, 90, 95, 99]

  /// - Parameter statistics: with percentiles of ``ranks``.
  private static func times(_ statistics: OrderedTimes) -> VLLMBenchResult.Times {
    var times = VLLMBenchResult.Times()
    times.meanNs = statistics.mean
    times.deviationNs = statistics.deviation
    times.p50Ns = statistics.percentiles[0]
    times.p90Ns = statistics.percentiles[1]
    times.p95Ns = statistics.percentiles[2]
    times.p99Ns = statistics.percentiles[3]
    return times
  }

  /// The times between tokens, of which a trace keeps the figures alone.
  private func gaps(_ metrics: RunMetricValues) -> VLLMBenchResult.Times {
    var times = VLLMBenchResult.Times()
    times.meanNs = metrics["itl_mean_ns"]
    times.deviationNs = metrics["itl_std_ns"]
    times.p50Ns = metrics["itl_p50_ns"]
    times.p90Ns = metrics["itl_p90_ns"]
    times.p95Ns = metrics["itl_p95_ns"]
    times.p99Ns = metrics["itl_p99_ns"]
    return times
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

extension ExportText {
  /// Appends a flat object of JSON without its end.
  fileprivate mutating func append(beginningOf fields: [VLLMBenchResult.Field]) {
    for (place, field) in fields.enumerated() {
      append(place == 0 ? "{\"" : ", \"")
      append(field.name)
      append("\": ")
      switch field.value {
      case .null: append("null")
      case .text(let text): append(quoted: text)
      case .count(let count): append(count)
      case .number(let number): append(number)
      }
    }
  }
}
