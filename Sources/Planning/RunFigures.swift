import Simulator
import Trace

/// The figures of a run by name and unit, as traces keep them.
struct RunFigures {
  let summary: RunSummary
  /// The groups of its replicas, of which there is one at least.
  let groups: [GroupPool]
  /// What the workload's classes are called.
  let classes: [String]

  var metrics: [Metric] {
    let pool = groups[0].pool
    var metrics = [
      Metric(name: "finished_requests", unit: "requests", value: Double(summary.finishedRequests)),
      Metric(name: "rejected_requests", unit: "requests", value: Double(summary.rejectedRequests)),
      Metric(name: "prompt_tokens", unit: "tokens", value: Double(summary.promptTokens)),
      Metric(name: "cached_tokens", unit: "tokens", value: Double(summary.cachedTokens)),
      Metric(name: "output_tokens", unit: "tokens", value: Double(summary.outputTokens)),
      Metric(name: "preemptions", unit: "preemptions", value: Double(summary.preemptions)),
      Metric(name: "swaps", unit: "preemptions", value: Double(summary.swaps)),
      Metric(name: "blocks_swapped_out", unit: "blocks", value: Double(summary.blocksSwappedOut)),
      Metric(name: "blocks_swapped_in", unit: "blocks", value: Double(summary.blocksSwappedIn)),
      Metric(name: "peak_host_blocks", unit: "blocks", value: Double(summary.peakHostBlocks)),
      Metric(name: "recomputed_tokens", unit: "tokens", value: Double(summary.recomputedTokens)),
      Metric(name: "peak_running", unit: "sequences", value: Double(summary.peakRunning)),
      Metric(name: "peak_used_blocks", unit: "blocks", value: Double(summary.peakUsedBlocks)),
      Metric(name: "empty_slot_share", unit: "share", value: summary.emptySlotShare),
      Metric(
        name: "empty_slot_share_when_fullest", unit: "share",
        value: summary.emptySlotShareWhenFullest),
      Metric(name: "output_tokens_per_s", unit: "tokens/s", value: summary.outputTokensPerSecond),
      Metric(name: "requests_per_s", unit: "requests/s", value: summary.requestsPerSecond),
      Metric(name: "steps", unit: "steps", value: Double(summary.steps)),
      Metric(name: "duration_ns", unit: "ns", value: Double(summary.durationNs)),
      Metric(name: "busy_ns", unit: "ns", value: Double(summary.busyNs)),
      Metric(name: "device_ns", unit: "ns", value: deviceNs),
      Metric(name: "derived_ns", unit: "ns", value: Double(summary.cost.derivedNs)),
      Metric(name: "extrapolated_ns", unit: "ns", value: Double(summary.cost.extrapolatedNs)),
      Metric(name: "weight_bytes", unit: "bytes", value: Double(pool.weightBytes)),
      Metric(name: "activation_bytes", unit: "bytes", value: Double(pool.activationBytes)),
      Metric(name: "pool_bytes", unit: "bytes", value: Double(pool.poolBytes)),
    ]
    for (name, latency) in [
      ("ttft", summary.ttft), ("tpot", summary.tpot), ("itl", summary.itl),
      ("e2e", summary.e2e), ("queue", summary.queueing),
    ] {
      metrics += RunFigures.metrics(name, latency)
    }
    metrics += stageMetrics + draftingMetrics + samplingMetrics
    metrics += RunFigures.metrics(summary.goodput)
    // Of an only class they are the run's.
    if classes.count > 1 {
      for (name, figures) in zip(classes, summary.classes) {
        metrics += classMetrics(figures).map {
          Metric(name: "\(name).\($0.name)", unit: $0.unit, value: $0.value)
        }
      }
    }
    return metrics
  }

  /// What all devices together were there for: those of replicas that come and go while these are
  /// there, others from the first arrival to the last event.
  var deviceNs: Double {
    var sum = 0.0
    for group in groups {
      let devices = Double(group.group.setup.parallelism.devices)
      for replica in group.replicas {
        sum += devices * Double(summary.replicas[replica].presentNs ?? summary.durationNs)
      }
    }
    return sum
  }

  private var stageMetrics: [Metric] {
    guard summary.replicas.contains(where: { !$0.stageBusyNs.isEmpty }) else { return [] }
    let waitNs = summary.replicas.reduce(0) { $0 + $1.stageWaitNs }
    let busyNs = summary.replicas.reduce(0) { $0 + $1.stageBusyNs.reduce(0, +) }
    return [
      Metric(name: "stage_wait_ns", unit: "ns", value: Double(waitNs)),
      Metric(name: "stage_busy_ns", unit: "ns", value: Double(busyNs)),
    ]
  }

  private var draftingMetrics: [Metric] {
    guard let drafting = summary.drafting else { return [] }
    return [
      Metric(name: "drafts", unit: "drafts", value: Double(drafting.drafts)),
      Metric(
        name: "accepted_draft_tokens", unit: "tokens", value: Double(drafting.acceptedTokens)),
      Metric(name: "mean_acceptance_length", unit: "tokens", value: drafting.meanAcceptanceLength),
    ]
  }

  private var samplingMetrics: [Metric] {
    guard let sampling = summary.sampling else { return [] }
    return [
      Metric(name: "samples", unit: "samples", value: Double(sampling.samples)),
      Metric(name: "blocks_copied_on_write", unit: "blocks", value: Double(sampling.blocksCopied)),
    ]
  }

  private func classMetrics(_ figures: ClassSummary) -> [Metric] {
    var metrics = [
      Metric(name: "finished_requests", unit: "requests", value: Double(figures.finishedRequests)),
      Metric(name: "rejected_requests", unit: "requests", value: Double(figures.rejectedRequests)),
    ]
    for (name, latency) in [("ttft", figures.ttft), ("tpot", figures.tpot), ("e2e", figures.e2e)] {
      metrics += [
        ("p50", latency.p50Ns), ("p95", latency.p95Ns), ("p99", latency.p99Ns),
      ].map {
        Metric(
          name: "\(name)_\($0.0)_ns", unit: "ns", value: latency.count > 0 ? Double($0.1) : nil)
      }
    }
    return metrics + RunFigures.metrics(summary.goodput(of: [figures]))
  }

  private static func metrics(_ goodput: Goodput?) -> [Metric] {
    guard let goodput else { return [] }
    return [
      Metric(name: "good_requests", unit: "requests", value: Double(goodput.goodRequests)),
      Metric(name: "good_share", unit: "1", value: goodput.share),
      Metric(name: "goodput", unit: "requests/s", value: goodput.requestsPerSecond),
    ]
  }

  private static func metrics(_ name: String, _ latency: LatencyStatistics) -> [Metric] {
    let isDefined = latency.count > 0
    return [
      ("mean", latency.meanNs), ("std", latency.deviationNs), ("p50", Double(latency.p50Ns)),
      ("p90", Double(latency.p90Ns)), ("p95", Double(latency.p95Ns)),
      ("p99", Double(latency.p99Ns)), ("max", Double(latency.maxNs)),
    ].map { Metric(name: "\(name)_\($0.0)_ns", unit: "ns", value: isDefined ? $0.1 : nil) }
  }
}
