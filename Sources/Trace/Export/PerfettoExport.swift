import Simulator

/// Chrome's trace events in JSON (the "Trace Event Format"), which ui.perfetto.dev opens.
///
/// A process for each replica of each run. In it a track of steps, more where the lanes of a
/// pipeline overlap; a track for each slot, on which one request runs at a time, with its prompt
/// and its decoding inside it, and in them when it was without blocks and computed again; a prompt
/// that is handed over, on the replica that computed it, too; asynchronous slices for requests that
/// wait; a track of events; and counters. Times are in microseconds with three digits, which is to
/// the nanosecond.
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
    var pauses = try RequestPauses(of: run.stored, on: source.connection)
    try source.forEachRequestByStart(
      of: run.stored, within: window
    ) { record throws(TraceError) in
      addRequest(record, try pauses.pauses(of: record), run, to: &file.text)
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
    append("decode_sequences", step.decodeSequences, to: &text)
    append("context_tokens", step.contextTokens, to: &text)
    append("prefill_sequences", step.prefillSequences, to: &text)
    append("prefill_tokens", step.prefillTokens, to: &text)
    append("waiting_requests", step.waitingRequests, to: &text)
    append("preempted_requests", step.preemptedRequests, to: &text)
    append("used_blocks", step.usedBlocks, to: &text)
    append("empty_slots", step.emptySlots, to: &text)
    append("linear_us", ns: step.cost.linearNs, to: &text)
    append("append_us", ns: step.cost.appendNs, to: &text)
    append("decode_attention_us", ns: step.cost.decodeAttentionNs, to: &text)
    append("prefill_attention_us", ns: step.cost.prefillAttentionNs, to: &text)
    append("elementwise_us", ns: step.cost.elementwiseNs, to: &text)
    append("collective_us", ns: step.cost.collectiveNs, to: &text)
    append("host_us", ns: step.cost.hostNs, to: &text)
    append("swap_us", ns: step.cost.swapNs, to: &text)
    append("extrapolated_us", ns: step.cost.extrapolatedNs, to: &text)
    append("derived_us", ns: step.cost.derivedNs, to: &text)
    text.append("}}")
    tracks.count(step, lane: lane, to: &text)
  }

  // MARK: Requests

  private mutating func addRequest(
    _ request: RequestRecord, _ pauses: [RequestPauses.Pause], _ run: ExportedRun,
    to text: inout ExportText
  ) {
    guard request.scheduledNs >= 0 else { return addUnscheduled(request, run, to: &text) }
    // The last copy: who is displaced from a replica may be handed over once more.
    let source = pauses.last { $0.kind == .handedOver }?.replica
    var life: [PerfettoTracks.Stretch] = [("request", request.arrivalNs, request.finishNs)]
    if request.scheduledNs > request.arrivalNs {
      let wait = ("waiting", request.arrivalNs, request.scheduledNs)
      if let source {
        tracks.request(request.id, on: source, [wait], to: &text)
      } else {
        life.append(wait)
      }
    }
    tracks.request(request.id, on: request.replica, life, to: &text)
    if let source, request.firstTokenNs >= 0 {
      let track = tracks.slot(
        of: source, from: request.scheduledNs, until: request.firstTokenNs, to: &text)
      tracks.slice(
        "prefill of request \(request.id)", on: track, from: request.scheduledNs,
        until: request.firstTokenNs, to: &text)
      text.append("}")
    }
    let track = tracks.slot(
      of: request.replica, from: request.scheduledNs, until: request.finishNs, to: &text)
    tracks.slice(
      "request \(request.id)", on: track, from: request.scheduledNs, until: request.finishNs,
      to: &text)
    appendArguments(of: request, run, to: &text)
    guard request.firstTokenNs >= 0 else { return }
    tracks.slice(
      source.map { "prefill on replica \($0)" } ?? "prefill", on: track,
      from: request.scheduledNs, until: request.firstTokenNs, to: &text)
    text.append("}")
    if request.finishNs > request.firstTokenNs {
      tracks.slice(
        "decode", on: track, from: request.firstTokenNs, until: request.finishNs, to: &text)
      text.append("}")
    }
    add(pauses, of: request, on: track, to: &text)
  }

  /// Adds the pauses of a request to its track: those that lie in its prompt or in its decoding.
  private mutating func add(
    _ pauses: [RequestPauses.Pause], of request: RequestRecord, on track: PerfettoTracks.Track,
    to text: inout ExportText
  ) {
    for pause in pauses where pause.startNs < pause.endNs {
      let isInPrompt =
        pause.startNs >= request.scheduledNs && pause.endNs <= request.firstTokenNs
      let isInDecoding =
        pause.startNs >= request.firstTokenNs && pause.endNs <= request.finishNs
      guard isInPrompt || isInDecoding else { continue }
      let name =
        switch pause.kind {
        case .recomputed: "recompute"
        case .swappedIn: "swapped out"
        case .handedOver: "handed over"
        default: "preempted"
        }
      tracks.slice(name, on: track, from: pause.startNs, until: pause.endNs, to: &text)
      text.append("}")
    }
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
    text.append(",\"args\":{\"kind\":")
    text.append(quoted: event.kind.stored.description)
    if let cause = event.cause.stored {
      append("cause", to: &text)
      text.append(quoted: cause.description)
    }
    // Replica 0 and request 0 are some.
    if event.yieldedTo >= 0 {
      append("yielded_to", to: &text)
      text.append(event.yieldedTo)
    }
    if event.toReplica >= 0 {
      append("to_replica", to: &text)
      text.append(event.toReplica)
    }
    append("sample", event.sample, to: &text)
    append("tokens", event.tokens, to: &text)
    append("blocks", event.blocks, to: &text)
    append("took_us", ns: event.timeNs - event.startNs, to: &text)
    text.append("}}")
  }

  private func appendArguments(
    of request: RequestRecord, _ run: ExportedRun, to text: inout ExportText
  ) {
    text.append(",\"args\":{\"class\":")
    text.append(quoted: run.className(request.requestClass))
    append("priority", request.priority, to: &text)
    append("prompt_tokens", request.promptTokens, to: &text)
    append("cached_tokens", request.cachedTokens, to: &text)
    append("output_tokens", request.outputTokens, to: &text)
    append("samples", request.samples, to: &text)
    append("preemptions", request.preemptions, to: &text)
    append("queue_us", ns: request.queueNs, to: &text)
    append("ttft_us", ns: request.ttftNs, to: &text)
    append("tpot_us", ns: request.tpotNs, to: &text)
    append("e2e_us", ns: request.e2eNs, to: &text)
    text.append("}}")
  }

  // MARK: Arguments

  /// Adds a number, unless it is 0: most are, and files are large.
  private func append(_ label: String, _ number: Int64, to text: inout ExportText) {
    guard number != 0 else { return }
    append(label, to: &text)
    text.append(number)
  }

  /// Adds a time in microseconds, unless there is none or it is 0.
  private func append(_ label: String, ns: Int64?, to text: inout ExportText) {
    guard let ns, ns != 0 else { return }
    append(label, to: &text)
    text.append(microsecondsOf: ns)
  }

  private func append(_ label: String, to text: inout ExportText) {
    text.append(",\"")
    text.append(label)
    text.append("\":")
  }
}
