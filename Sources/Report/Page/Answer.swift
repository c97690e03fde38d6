import Trace

/// What a report says first: which format serves the load best, how many requests at once, at which
/// latencies and on how many devices, in sentences with figures.
struct Answer {
  /// Runs that have ended, in order.
  private let runs: [ReportRun]
  /// What divides the best from others, in the order in which it is asked.
  private enum Criterion {
    case goodShare, throughput, perDevice, latency, firstToken

    func value(of run: ReportRun) -> Double? {
      switch self {
      case .goodShare: run["good_share"]
      case .throughput: run["output_tokens_per_s"]
      case .perDevice: run.tokensPerDeviceSecond
      case .latency: run["e2e_p50_ns"]
      case .firstToken: run["ttft_p99_ns"]
      }
    }

    /// Whether a run with `value` is as good as the best, within 1 %.
    func isNear(_ value: Double, _ best: Double) -> Bool {
      switch self {
      case .goodShare, .throughput, .perDevice: value >= 0.99 * best
      case .latency, .firstToken: value <= 1.01 * best
      }
    }

    func best(_ values: [Double]) -> Double {
      switch self {
      case .goodShare, .throughput, .perDevice: values.max() ?? 0
      case .latency, .firstToken: values.min() ?? 0
      }
    }
  }

  /// The best of the runs; nil if none has ended.
  private(set) var best: ReportRun?
  /// Others that are as good within 1 % by everything that was asked.
  private(set) var peers: [ReportRun] = []
  private var criterion: Criterion?

  init(_ all: [ReportRun]) {
    runs = all.filter(\.hasEnded)
    var left = runs
    // Of fleets that follow the load, the one that needed less of it serves as much better.
    let rate = runs.contains(where: \.hasChangingFleet) ? Criterion.perDevice : .throughput
    for asked in [.goodShare, rate, .latency, .firstToken] as [Criterion] {
      let values = left.map(asked.value)
      guard left.count > 1, !values.contains(nil) else { continue }
      let best = asked.best(values.compactMap { $0 })
      let near = zip(left, values).filter { asked.isNear($1!, best) }.map(\.0)
      if near.count < left.count, criterion == nil { criterion = asked }
      left = near
    }
    best = left.first
    peers = Array(left.dropFirst())
  }

  /// Runs that the best one is compared with: all but its peers.
  private var others: [ReportRun] {
    guard let best else { return [] }
    let near = [best.style] + peers.map(\.style)
    return runs.filter { !near.contains($0.style) }
  }

  /// The answer in one sentence.
  var headline: String {
    guard let best else {
      return "No run of this trace has ended: below stands what was recorded."
    }
    guard runs.count > 1 else {
      let rate = Figures.number(best["output_tokens_per_s"])
      return "\(best.label) serves this load with \(rate) output tokens/s."
    }
    guard let criterion, let other = others.first else {
      return "All formats serve this load alike: within 1 % in throughput and latency."
    }
    return "\(best.label) serves this load best: " + reason(criterion, best, other) + "."
  }

  private func reason(_ criterion: Criterion, _ best: ReportRun, _ other: ReportRun) -> String {
    let (own, its) = (criterion.value(of: best) ?? 0, criterion.value(of: other) ?? 0)
    switch criterion {
    case .goodShare:
      return "\(Figures.percent(own)) of its requests meet their objectives, "
        + "against \(Figures.percent(its)) with \(other.label)"
    case .throughput, .perDevice:
      let times = its > 0 ? ", \(Figures.decimal(own / its)) times" : ", against"
      let each = criterion == .perDevice ? " for each device" : ""
      return "\(Figures.number(own)) output tokens/s\(each)\(times) the \(Figures.number(its)) "
        + "of \(other.label)"
    case .latency:
      return "as much throughput, and a median end-to-end latency of \(Figures.time(own)) "
        + "against \(Figures.time(its)) of \(other.label)"
    case .firstToken:
      return "as much throughput, and 99 % of first tokens within \(Figures.time(own)) "
        + "against \(Figures.time(its)) of \(other.label)"
    }
  }

  /// The figures behind it.
  var sentences: [String] {
    guard let best else { return [] }
    var sentences: [String] = []
    if !peers.isEmpty, !others.isEmpty {
      sentences.append(
        "\(Figures.list(peers.map(\.label))) \(peers.count == 1 ? "is" : "are") as good, "
          + "within 1 %.")
    }
    sentences.append(devices(of: best))
    sentences.append(capacity(of: best))
    sentences.append(latencies(of: best))
    sentences += objectives
    sentences += preemptions
    return sentences
  }

  private func devices(of run: ReportRun) -> String {
    let groups = run.groups.map { group, device in
      let each = Figures.count(Int(group.devices), "device")
      let format = group.format == run.overview.run.description.format ? "" : ", \(group.format)"
      let replica = group.role == "both" ? "replica" : "\(ReportRun.cut(group.role)) replica"
      return "\(Figures.count(Int(group.replicas), replica)) of \(each) (\(device)\(format))"
    }
    let all =
      run.groups.count > 1 || run.devices > 1 ? ", \(Figures.number(run.devices)) in all" : ""
    var text = "It runs on \(Figures.list(groups))\(all)"
    if let rate = run.tokensPerDeviceSecond {
      text += ": \(Figures.number(rate)) output tokens/s for each device"
    }
    if let requests = run["requests_per_s"] {
      text += ", \(Figures.number(requests)) requests/s in all"
    }
    return text + "."
  }

  private func capacity(of run: ReportRun) -> String {
    func held(_ run: ReportRun) -> String {
      var pools: [String] = []
      for group in run.overview.run.description.groups {
        let tokens = Figures.count(Int(group.poolTokens))
        if !pools.contains(tokens) { pools.append(tokens) }
      }
      return "\(Figures.number(run["peak_running"])) \(run.heldNoun) at once in a KV pool of "
        + "\(pools.joined(separator: " or ")) tokens"
    }
    let others = others.map { "\($0.label) \(held($0))" }
    let replica = run.devices > 1 ? "a replica" : "it"
    return "At the peak \(replica) held \(held(run))"
      + (others.isEmpty ? "." : "; \(Figures.list(others)).")
  }

  private func latencies(of run: ReportRun) -> String {
    func pair(_ name: String, _ run: ReportRun) -> String {
      "\(Figures.time(run["\(name)_p50_ns"])) and \(Figures.time(run["\(name)_p99_ns"]))"
    }
    func beside(_ name: String) -> String {
      let others = others.map { "\($0.label) \(pair(name, $0))" }
      return others.isEmpty ? "" : " (\(others.joined(separator: "; ")))"
    }
    return "Median and 99th percentile: first token after \(pair("ttft", run))\(beside("ttft")), "
      + "then a token every \(pair("tpot", run))\(beside("tpot"))."
  }

  /// How the objectives of the requests were met, where any were stated.
  private var objectives: [String] {
    let stated = runs.filter { $0["good_share"] != nil }
    guard !stated.isEmpty else { return [] }
    let shares = stated.map { run in
      "\(run.label) \(Figures.percent(run["good_share"] ?? 0)), "
        + "\(Figures.number(run["goodput"])) requests/s"
    }
    return ["Requests that met their objectives: \(shares.joined(separator: "; "))."]
  }

  private var preemptions: [String] {
    let preempting = runs.filter { ($0["preemptions"] ?? 0) > 0 }
    guard !preempting.isEmpty else { return ["No run preempted a request."] }
    let counts = preempting.map { run in
      "\(run.label) \(Figures.number(run["preemptions"])) times, "
        + "\(Figures.number(run["recomputed_tokens"])) tokens computed again"
    }
    return ["Sequences lost their blocks: \(counts.joined(separator: "; "))."]
  }
}
