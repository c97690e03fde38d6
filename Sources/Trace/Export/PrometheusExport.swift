import Simulator

/// A snapshot at the end of the runs under vLLM's metric names, in Prometheus's text format 0.0.4.
///
/// A replica is what vLLM calls an engine. What vLLM has no name for begins with `kvsim:`. Memory
/// grows with the number of replicas, because all samples of a metric stand together.
struct PrometheusExport: TraceExporter {
  /// What is known of a replica when the run ends.
  struct Engine {
    var finished: Int64 = 0
    var promptTokens: Int64 = 0
    var cachedTokens: Int64 = 0
    var generatedTokens: Int64 = 0
    var preempted: Int64 = 0
    /// Its last row of steps.
    var last: StepRecord?
    /// The time between tokens; nil without the times of tokens.
    var gaps: PrometheusHistogram?
    var histograms = PrometheusFamily.all.map { PrometheusHistogram(bounds: $0.bounds) }

    mutating func add(_ request: RequestRecord) {
      finished += 1
      promptTokens += request.promptTokens
      cachedTokens += request.cachedTokens
      generatedTokens += request.outputTokens
      for (place, family) in PrometheusFamily.all.enumerated() {
        histograms[place].observe(family.value(request))
      }
    }

    mutating func add(_ step: StepRecord) {
      preempted += step.preemptedRequests
      last = step
    }
  }

  /// A run and what became of it.
  private struct Snapshot {
    let run: ExportedRun
    var rejected: Int64 = 0
    var engines: [Int64: Engine] = [:]
    /// Quantiles of the time between tokens, in seconds.
    var gaps: [(quantile: String, seconds: Double)] = []
  }

  private var snapshots: [Snapshot] = []

  mutating func write(
    _ run: ExportedRun, of source: ExportSource, to file: ExportFile
  ) throws(TraceError) {
    var snapshot = Snapshot(run: run)
    let known = snapshots.reduce(0) { $0 + $1.engines.count }
    func checkSize() throws(TraceError) {
      guard known + snapshot.engines.count <= TraceLimits.replicasOfSnapshot else {
        throw .damaged(
          path: source.connection.path,
          reason: "it has more than \(TraceLimits.replicasOfSnapshot) replicas")
      }
    }
    try source.forEachRequest(of: run.stored) { request throws(TraceError) in
      guard request.outcome == .finished else {
        snapshot.rejected += 1
        return
      }
      snapshot.engines[request.replica, default: Engine()].add(request)
      try checkSize()
    }
    try source.forEachStep(of: run.stored) { step throws(TraceError) in
      snapshot.engines[step.replica, default: Engine()].add(step)
      try checkSize()
    }
    if let gaps = try TokenGaps(of: run.stored, on: source.connection) {
      for replica in snapshot.engines.keys {
        snapshot.engines[replica]?.gaps = PrometheusHistogram(bounds: PrometheusFamily.tokens)
      }
      try gaps.forEach { replica, ns throws(TraceError) in
        snapshot.engines[replica]?.gaps?.observe(Double(ns) / 1e9)
      }
    }
    for metric in try source.reader.metrics(run: run.id) {
      guard let value = metric.value,
        let quantile = PrometheusExport.gapQuantiles.first(where: { $0.metric == metric.name })
      else { continue }
      snapshot.gaps.append((quantile.quantile, value / 1e9))
    }
    snapshots.append(snapshot)
  }

  private static let gapQuantiles = [
    (metric: "itl_p50_ns", quantile: "0.5"), (metric: "itl_p90_ns", quantile: "0.9"),
    (metric: "itl_p95_ns", quantile: "0.95"), (metric: "itl_p99_ns", quantile: "0.99"),
  ]

  func end(to file: ExportFile) throws(TraceError) {
    try writeGauges(to: file)
    try writeCounters(to: file)
    for (place, family) in PrometheusFamily.all.enumerated() {
      PrometheusExport.begin(family.name, "histogram", family.help, to: &file.text)
      try forEachEngine { labels, engine, _ throws(TraceError) in
        PrometheusExport.add(engine.histograms[place], family.name, labels, to: &file.text)
        try file.passOn()
      }
    }
    try writeGaps(to: file)
    try writeOwn(to: file)
  }

  private func writeGaps(to file: ExportFile) throws(TraceError) {
    guard snapshots.contains(where: { $0.engines.values.contains { $0.gaps != nil } }) else {
      return
    }
    let name = "vllm:inter_token_latency_seconds"
    PrometheusExport.begin(
      name, "histogram", "Time between steps that gave a request tokens.", to: &file.text)
    try forEachEngine { labels, engine, _ throws(TraceError) in
      guard let gaps = engine.gaps else { return }
      PrometheusExport.add(gaps, name, labels, to: &file.text)
      try file.passOn()
    }
  }

  // MARK: Families

  private func writeGauges(to file: ExportFile) throws(TraceError) {
    let gauges: [(name: String, help: String, value: (StepRecord, GroupDescription?) -> Double?)] =
      [
        (
          "vllm:num_requests_running", "Sequences in the batch of the last step.",
          { step, _ in Double(step.decodeSequences + step.prefillSequences) }
        ),
        (
          "vllm:num_requests_waiting", "Requests that waited when the last step began.",
          { step, _ in Double(step.waitingRequests) }
        ),
        (
          "vllm:kv_cache_usage_perc",
          "Share of the KV blocks that were owned at the end of the last step, 1 for all.",
          { step, group in
            group.flatMap {
              $0.poolBlocks > 0 ? Double(step.usedBlocks) / Double($0.poolBlocks) : nil
            }
          }
        ),
      ]
    for gauge in gauges {
      PrometheusExport.begin(gauge.name, "gauge", gauge.help, to: &file.text)
      try forEachEngine { labels, engine, group throws(TraceError) in
        guard let step = engine.last, let value = gauge.value(step, group) else { return }
        PrometheusExport.add(gauge.name, labels, value, to: &file.text)
        try file.passOn()
      }
    }
    let name = "vllm:cache_config_info"
    PrometheusExport.begin(name, "gauge", "The pool of each replica; always 1.", to: &file.text)
    try forEachEngine { labels, _, group throws(TraceError) in
      guard let group else { return }
      let all =
        labels + ",block_size=\"\(group.blockSize)\",num_gpu_blocks=\"\(group.poolBlocks)\""
      PrometheusExport.add(name, all, Int64(1), to: &file.text)
      try file.passOn()
    }
  }

  private func writeCounters(to file: ExportFile) throws(TraceError) {
    let counters: [(name: String, help: String, more: String, value: (Engine) -> Int64)] = [
      ("vllm:num_preemptions_total", "Sequences that lost their blocks.", "", { $0.preempted }),
      ("vllm:prompt_tokens_total", "Prompt tokens of finished requests.", "", { $0.promptTokens }),
      (
        "vllm:prompt_tokens_cached_total", "Of these, found in the prefix cache.", "",
        { $0.cachedTokens }
      ),
      (
        "vllm:prefix_cache_queries_total", "Prompt tokens that were looked for.", "",
        { $0.promptTokens }
      ),
      ("vllm:prefix_cache_hits_total", "Of these, found.", "", { $0.cachedTokens }),
      (
        "vllm:generation_tokens_total", "Output tokens of finished requests.", "",
        { $0.generatedTokens }
      ),
      (
        "vllm:request_success_total", "Finished requests.", ",finished_reason=\"length\"",
        { $0.finished }
      ),
    ]
    for counter in counters {
      PrometheusExport.begin(counter.name, "counter", counter.help, to: &file.text)
      try forEachEngine { labels, engine, _ throws(TraceError) in
        PrometheusExport.add(
          counter.name, labels + counter.more, counter.value(engine), to: &file.text)
        try file.passOn()
      }
    }
  }

  private func writeOwn(to file: ExportFile) throws(TraceError) {
    let rejected = "kvsim:requests_rejected_total"
    PrometheusExport.begin(
      rejected, "counter", "Requests that were refused on arrival.", to: &file.text)
    for snapshot in snapshots {
      PrometheusExport.add(
        rejected, PrometheusExport.labels(snapshot.run), snapshot.rejected, to: &file.text)
    }
    let gaps = "kvsim:inter_token_latency_seconds"
    PrometheusExport.begin(
      gaps, "gauge", "Percentiles of the time between tokens of a request, over the run.",
      to: &file.text)
    for snapshot in snapshots {
      for gap in snapshot.gaps {
        let labels = PrometheusExport.labels(snapshot.run) + ",quantile=\"\(gap.quantile)\""
        PrometheusExport.add(gaps, labels, gap.seconds, to: &file.text)
      }
    }
  }

  // MARK: Lines

  /// Goes through the replicas of all runs with their labels.
  private func forEachEngine(
    _ body: (String, Engine, GroupDescription?) throws(TraceError) -> Void
  ) throws(TraceError) {
    for snapshot in snapshots {
      for (replica, engine) in snapshot.engines.sorted(by: { $0.key < $1.key }) {
        let group = snapshot.run.group(of: replica)
        let labels = PrometheusExport.labels(snapshot.run, format: group?.format)
        try body("engine=\"\(replica)\"," + labels, engine, group)
      }
    }
  }

  private static func labels(_ run: ExportedRun, format: String? = nil) -> String {
    var text = ExportText()
    text.append("model_name=")
    text.append(label: run.modelName)
    text.append(",kv_format=")
    text.append(label: format ?? run.format)
    text.append(",run=\"\(run.id)\"")
    return String(decoding: text.bytes, as: UTF8.self)
  }

  private static func begin(
    _ name: String, _ type: String, _ help: String, to text: inout ExportText
  ) {
    text.append("# HELP \(name) \(help)\n# TYPE \(name) \(type)\n")
  }

  private static func add(
    _ name: String, _ labels: String, _ value: Double, to text: inout ExportText
  ) {
    text.append("\(name){\(labels)} \(value)\n")
  }

  private static func add(
    _ name: String, _ labels: String, _ value: Int64, to text: inout ExportText
  ) {
    text.append("\(name){\(labels)} \(value)\n")
  }

  private static func add(
    _ histogram: PrometheusHistogram, _ name: String, _ labels: String, to text: inout ExportText
  ) {
    let counts = histogram.cumulative
    for (bound, count) in zip(histogram.bounds.map(\.description) + ["+Inf"], counts) {
      text.append("\(name)_bucket{\(labels),le=\"\(bound)\"} \(count)\n")
    }
    text.append("\(name)_sum{\(labels)} \(histogram.sum)\n")
    text.append("\(name)_count{\(labels)} \(counts[counts.count - 1])\n")
  }
}
