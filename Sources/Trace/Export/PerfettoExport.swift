import Simulator

/// Chrome's trace events in JSON (the "Trace Event Format"), which ui.perfetto.dev opens.
///
/// A process for each replica of each run. In it a track of steps, more where the lanes of a
/// pipeline overlap; a track for each slot, on which one request runs at a time, with its prompt
/// and its decoding inside it; asynchronous slices for requests that wait; a track of events; and counters. Times are
/// in microseconds with three digits, which is to the nanosecond.
struct PerfettoExport: TraceExporter {
  /// The time that is shown; nil for all.
  let window: Range<Int64>?
  private var tracks = PerfettoTracks()

  init(window: Range<Int64>?) {
    self.window = window
  }

  func begin(_ runs: [ExportedRun], to file: ExportFile) throws(TraceError) {
    file.text.append("{\"displayTimeUnit\":\"ms\",\"otherData\":{\"kvsim_version\":")
    file.text.append(quoted: runs[0].stored.description.kvsimVersion)
    file.text.append(",\"scenario\":")
    file.text.append(quoted: runs[0].scenario)
    file.text.append("},\"traceEvents\":[")
  }

  mutating func write(
    _ run: ExportedRun, of source: ExportSource, to file: ExportFile
  ) throws(TraceError) {
    tracks.begin(run)
    try source.forEachStepByStart(of: run.stored, within: window) { record throws(TraceError) in
      addStep(record, to: &file.text)
      try file.passOn()
    }
    tracks.endSteps(to: &file.text)
    try source.forEachRequestByStart(
      of: run.stored, within: window
    ) { record throws(TraceError) in
      addRequest(record, run, to: &file.text)
      try file.passOn()
    }
    try source.forEachEvent(of: run.stored, within: window) { record throws(TraceError) in
      addEvent(record, to: &file.text)
      try file.passOn()
    }
  }

  func end(to file: ExportFile) throws(TraceError) {
    file.text.append("\n]}\n")
  }

  // MARK: Steps

  private mutating func addStep(_ step: StepRecord, to text: inout ExportText) {
    let (track, lane) = tracks.lane(
      of: step.replica, from: step.startNs, until: step.endNs, to: &text)
    let name =
      step.decodeSequences == 0 ? "prefill" : step.prefillSequences == 0 ? "decode" : "mixed"
    tracks.slice(name, on: track, from: step.startNs, until: step.endNs, to: &text)
    text.append(",\"args\":{\"steps\":")
    text.append(step.steps)
    for (label, number) in [
      ("decode_sequences", step.decodeSequences), ("context_tokens", step.contextTokens),
      ("prefill_sequences", step.prefillSequences), ("prefill_tokens", step.prefillTokens),
      ("waiting_requests", step.waitingRequests), ("preempted_requests", step.preemptedRequests),
      ("used_blocks", step.usedBlocks), ("empty_slots", step.emptySlots),
    ] as [(String, Int64)] where number != 0 {
      append(label, to: &text)
      text.append(number)
    }
    let cost = step.cost
    for (label, ns) in [
      ("linear_us", cost.linearNs), ("append_us", cost.appendNs),
      ("decode_attention_us", cost.decodeAttentionNs),
      ("prefill_attention_us", cost.prefillAttentionNs),
      ("elementwise_us", cost.elementwiseNs), ("collective_us", cost.collectiveNs),
      ("host_us", cost.hostNs), ("swap_us", cost.swapNs),
      ("extrapolated_us", cost.extrapolatedNs), ("derived_us", cost.derivedNs),
    ] as [(String, Int64)] where ns != 0 {
      append(label, to: &text)
      text.append(microsecondsOf: ns)
    }
    text.append("}}")
    tracks.count(step, lane: lane, to: &text)
  }

  // MARK: Requests

  private mutating func addRequest(
    _ request: RequestRecord, _ run: ExportedRun, to text: inout ExportText
  ) {
    guard request.scheduledNs >= 0 else { return addUnscheduled(request, run, to: &text) }
    if request.scheduledNs > request.arrivalNs {
      tracks.wait(
        of: request.id, on: request.replica, from: request.arrivalNs, until: request.scheduledNs,
        to: &text)
    }
    let track = tracks.slot(
      of: request.replica, from: request.scheduledNs, until: request.finishNs, to: &text)
    tracks.slice(
      "request \(request.id)", on: track, from: request.scheduledNs, until: request.finishNs,
      to: &text)
    appendArguments(of: request, run, to: &text)
    guard request.firstTokenNs >= 0 else { return }
    tracks.slice(
      "prefill", on: track, from: request.scheduledNs, until: request.firstTokenNs, to: &text)
    text.append("}")
    guard request.finishNs > request.firstTokenNs else { return }
    tracks.slice(
      "decode", on: track, from: request.firstTokenNs, until: request.finishNs, to: &text)
    text.append("}")
  }

  /// A request that no step worked on: it was rejected.
  private mutating func addUnscheduled(
    _ request: RequestRecord, _ run: ExportedRun, to text: inout ExportText
  ) {
    tracks.instant(
      "rejected: request \(request.id)", on: "rejected", of: request.replica,
      at: request.finishNs, to: &text)
    appendArguments(of: request, run, to: &text)
  }

  // MARK: Events

  private mutating func addEvent(_ event: EventRecord, to text: inout ExportText) {
    let name = event.request < 0 ? "" : ": request \(event.request)"
    tracks.instant(
      event.kind.stored.description + name, on: "events", of: event.replica, at: event.timeNs,
      to: &text)
    text.append(",\"args\":{\"tokens\":")
    text.append(event.tokens)
    append("blocks", to: &text)
    text.append(event.blocks)
    for (label, number, none) in [
      ("sample", event.sample, 0), ("to_replica", event.toReplica, -1),
      ("yielded_to", event.yieldedTo, -1),
    ] as [(String, Int64, Int64)] where number != none {
      append(label, to: &text)
      text.append(number)
    }
    if let cause = event.cause.stored {
      append("cause", to: &text)
      text.append(quoted: cause.description)
    }
    if event.startNs < event.timeNs {
      append("took_us", to: &text)
      text.append(microsecondsOf: event.timeNs - event.startNs)
    }
    text.append("}}")
  }

  private func appendArguments(
    of request: RequestRecord, _ run: ExportedRun, to text: inout ExportText
  ) {
    text.append(",\"args\":{\"class\":")
    text.append(quoted: run.className(request.requestClass))
    for (label, number) in [
      ("priority", request.priority), ("prompt_tokens", request.promptTokens),
      ("cached_tokens", request.cachedTokens), ("output_tokens", request.outputTokens),
      ("samples", request.samples), ("preemptions", request.preemptions),
    ] as [(String, Int64)] {
      append(label, to: &text)
      text.append(number)
    }
    for (label, ns) in [
      ("queue_us", request.queueNs), ("ttft_us", request.ttftNs), ("tpot_us", request.tpotNs),
      ("e2e_us", request.e2eNs),
    ] as [(String, Int64?)] {
      guard let ns else { continue }
      append(label, to: &text)
      text.append(microsecondsOf: ns)
    }
    text.append("}}")
  }

  private func append(_ label: String, to text: inout ExportText) {
    text.append(",\"")
    text.append(label)
    text.append("\":")
  }
}
