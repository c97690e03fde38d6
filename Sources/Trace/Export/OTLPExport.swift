import Simulator

/// Spans of requests as the OpenTelemetry protocol has them in JSON (OTLP 1.x): a line is one
/// `ExportTraceServiceRequest`, as the collector's file exporter writes them.
///
/// A request is a span with the children `queue`, `prefill` and `decode`. Attributes have the names
/// of OpenTelemetry's conventions for generative AI where these have one, those of vLLM's own spans
/// for the parts of the latency, and begin with `kvsim.` otherwise.
struct OTLPExport: TraceExporter {
  /// Requests of one line.
  static let requestsPerLine = 256

  private struct Span {
    let name: String
    let part: OTLPIdentifiers.Part
    let startNs: Int64
    let endNs: Int64
  }

  mutating func write(
    _ run: ExportedRun, of source: ExportSource, to file: ExportFile
  ) throws(TraceError) {
    let started = run.stored.description.startedUTC
    guard let epochNs = StartTime(started)?.epochNs else {
      throw .damaged(path: source.connection.path, reason: "run \(run.id) has no start")
    }
    guard let end = run.stored.end else { preconditionFailure("a run has ended") }
    let identifiers = OTLPIdentifiers(digest: end.rowDigest, run: run.id)
    var inLine = 0
    try source.forEachRequest(of: run.stored) { request throws(TraceError) in
      if inLine == OTLPExport.requestsPerLine {
        endLine(to: &file.text)
        try file.passOn()
        inLine = 0
      }
      if inLine == 0 {
        beginLine(run, to: &file.text)
      } else {
        file.text.append(",")
      }
      add(request, run, identifiers, epochNs, to: &file.text)
      inLine += 1
    }
    if inLine > 0 { endLine(to: &file.text) }
  }

  // MARK: Lines

  private func beginLine(_ run: ExportedRun, to text: inout ExportText) {
    let stored = run.stored.description
    text.append("{\"resourceSpans\":[{\"resource\":{\"attributes\":[")
    var attributes = OTLPAttributes()
    attributes.add("service.name", "kvsim", to: &text)
    attributes.add("service.version", stored.kvsimVersion, to: &text)
    attributes.add("kvsim.scenario", run.scenario, to: &text)
    attributes.add("kvsim.run", run.id, to: &text)
    attributes.add("kvsim.kv_format", run.format, to: &text)
    attributes.add("kvsim.seed", String(stored.seed), to: &text)
    attributes.add("kvsim.row_digest", run.stored.end?.rowDigest ?? "", to: &text)
    text.append("]},\"scopeSpans\":[{\"scope\":{\"name\":\"kvsim\",\"version\":")
    text.append(quoted: stored.kvsimVersion)
    text.append("},\"spans\":[")
  }

  private func endLine(to text: inout ExportText) {
    text.append("]}]}]}\n")
  }

  // MARK: Spans

  private func add(
    _ request: RequestRecord, _ run: ExportedRun, _ identifiers: OTLPIdentifiers, _ epochNs: UInt64,
    to text: inout ExportText
  ) {
    let whole = Span(
      name: "text_completion \(run.modelName)", part: .request, startNs: request.arrivalNs,
      endNs: request.finishNs)
    begin(whole, of: request, identifiers, epochNs, kind: 2, to: &text)
    text.append(",\"attributes\":[")
    addAttributes(of: request, run, to: &text)
    text.append("]")
    if request.outcome == .rejected {
      text.append(",\"status\":{\"code\":2,\"message\":\"rejected\"}")
    }
    text.append("}")
    for span in OTLPExport.children(of: request) {
      text.append(",")
      begin(span, of: request, identifiers, epochNs, kind: 1, to: &text)
      text.append("}")
    }
  }

  private static func children(of request: RequestRecord) -> [Span] {
    guard request.scheduledNs >= 0, request.firstTokenNs >= 0 else { return [] }
    return [
      Span(
        name: "queue", part: .queue, startNs: request.arrivalNs, endNs: request.scheduledNs),
      Span(
        name: "prefill", part: .prefill, startNs: request.scheduledNs,
        endNs: request.firstTokenNs),
      Span(
        name: "decode", part: .decode, startNs: request.firstTokenNs, endNs: request.finishNs),
    ]
  }

  /// Begins a span, but for its closing brace.
  private func begin(
    _ span: Span, of request: RequestRecord, _ identifiers: OTLPIdentifiers, _ epochNs: UInt64,
    kind: Int64, to text: inout ExportText
  ) {
    let trace = identifiers.trace(of: request.id)
    text.append("{\"traceId\":\"")
    text.append(hexadecimalOf: trace.0)
    text.append(hexadecimalOf: trace.1)
    text.append("\",\"spanId\":\"")
    text.append(hexadecimalOf: identifiers.span(of: request.id, span.part))
    if span.part != .request {
      text.append("\",\"parentSpanId\":\"")
      text.append(hexadecimalOf: identifiers.span(of: request.id, .request))
    }
    text.append("\",\"name\":")
    text.append(quoted: span.name)
    text.append(",\"kind\":")
    text.append(kind)
    text.append(",\"startTimeUnixNano\":\"")
    text.append(epochNs + UInt64(span.startNs))
    text.append("\",\"endTimeUnixNano\":\"")
    text.append(epochNs + UInt64(span.endNs))
    text.append("\"")
  }

  private func addAttributes(
    of request: RequestRecord, _ run: ExportedRun, to text: inout ExportText
  ) {
    var attributes = OTLPAttributes()
    attributes.add("gen_ai.operation.name", "text_completion", to: &text)
    attributes.add("gen_ai.provider.name", "kvsim", to: &text)
    attributes.add("gen_ai.request.model", run.modelName, to: &text)
    attributes.add("gen_ai.usage.input_tokens", request.promptTokens, to: &text)
    attributes.add("gen_ai.usage.output_tokens", request.outputTokens, to: &text)
    attributes.add("gen_ai.usage.cache_read.input_tokens", request.cachedTokens, to: &text)
    if request.samples != 1 {
      attributes.add("gen_ai.request.choice.count", request.samples, to: &text)
    }
    let decodeNs = request.e2eNs.map { _ in request.finishNs - request.firstTokenNs }
    let prefillNs = request.ttftNs.map { _ in request.firstTokenNs - request.scheduledNs }
    for (name, ns) in [
      ("gen_ai.response.time_to_first_chunk", request.ttftNs),
      ("gen_ai.latency.time_to_first_token", request.ttftNs),
      ("gen_ai.latency.time_in_queue", request.queueNs),
      ("gen_ai.latency.time_in_model_prefill", prefillNs),
      ("gen_ai.latency.time_in_model_decode", decodeNs),
      ("gen_ai.latency.e2e", request.e2eNs),
    ] {
      if let ns { attributes.add(name, seconds: ns, to: &text) }
    }
    attributes.add("kvsim.request", request.id, to: &text)
    attributes.add("kvsim.class", run.className(request.requestClass), to: &text)
    attributes.add("kvsim.priority", request.priority, to: &text)
    attributes.add("kvsim.replica", request.replica, to: &text)
    attributes.add("kvsim.preemptions", request.preemptions, to: &text)
  }
}

/// A list of attributes while it is written.
struct OTLPAttributes {
  private var isFirst = true

  /// Adds a text.
  mutating func add(_ name: String, _ value: String, to text: inout ExportText) {
    begin(name, "stringValue", to: &text)
    text.append(quoted: value)
    text.append("}}")
  }

  /// Adds a whole number, which JSON has as text (proto3's JSON mapping of 64 bits).
  mutating func add(_ name: String, _ value: Int64, to text: inout ExportText) {
    begin(name, "intValue", to: &text)
    text.append("\"")
    text.append(value)
    text.append("\"}}")
  }

  /// Adds a time as seconds.
  mutating func add(_ name: String, seconds ns: Int64, to text: inout ExportText) {
    begin(name, "doubleValue", to: &text)
    text.append(Double(ns) / 1e9)
    text.append("}}")
  }

  private mutating func begin(_ name: String, _ type: String, to text: inout ExportText) {
    text.append(isFirst ? "{\"key\":\"" : ",{\"key\":\"")
    isFirst = false
    text.append(name)
    text.append("\",\"value\":{\"")
    text.append(type)
    text.append("\":")
  }
}
