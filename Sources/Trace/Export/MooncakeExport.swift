import Simulator

/// The requests of a run as Mooncake's JSON Lines, which kvsim replays and other tools read: when
/// each arrived, counted from the first, and how long its prompt and output are.
///
/// Rejected requests are left out: how much they wanted is not kept, and they changed nothing for
/// the others. A run of which the form cannot tell all that mattered is refused, because its replay
/// would have other latencies.
struct MooncakeExport: TraceExporter {
  func write(
    _ run: ExportedRun, of source: ExportSource, to file: ExportFile
  ) throws(TraceError) {
    var firstNs: Int64?
    try source.forEachRequestByArrival(of: run.stored) { request throws(TraceError) in
      let origin = firstNs ?? request.arrivalNs
      firstNs = origin
      guard request.outcome == .finished else { return }
      try check(request, of: run, in: source)
      file.text.append("{\"timestamp\": ")
      file.text.append(millisecondsOf: request.arrivalNs - origin)
      file.text.append(", \"input_length\": ")
      file.text.append(request.promptTokens)
      file.text.append(", \"output_length\": ")
      file.text.append(request.outputTokens)
      file.text.append("}\n")
      try file.passOn()
    }
  }

  private func check(
    _ request: RequestRecord, of run: ExportedRun, in source: ExportSource
  ) throws(TraceError) {
    let reason: String
    if request.cachedTokens > 0 {
      reason =
        "found tokens of its prompt in the prefix cache, and the trace does not keep which prompts "
        + "share them"
    } else if request.samples > 1 {
      reason = "has several samples, and Mooncake's form has one"
    } else {
      return
    }
    throw .exportRefused(
      path: source.connection.path, reason: "request \(request.id) of run \(run.id) \(reason)")
  }
}
