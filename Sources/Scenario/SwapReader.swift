import Simulator

/// `engine.preemption_mode`.
enum PreemptionMode: String, CaseIterable {
  case recompute, swap
}

/// `engine.preemption_mode`, and the `swap_space` and `host_link` that go with `swap`.
struct SwapReader {
  let engine: MappingCursor

  /// `.some(nil)` where preempted requests are computed again; nil with an error where something
  /// is refused.
  func swapSpace(scheduler: EngineOptions.Scheduler) -> SwapSpace?? {
    guard let mode = engine.value(EngineKeys.preemptionMode) else { return nil }
    guard mode == .swap else {
      let foreign = [EngineKeys.swapSpace.name, EngineKeys.hostLink.name].filter {
        engine.optional($0) != nil
      }
      for key in foreign {
        engine.refuse(key: key, "goes with `preemption_mode: swap` only")
      }
      return foreign.isEmpty ? .some(nil) : nil
    }
    guard scheduler.swaps else {
      engine.optional(EngineKeys.preemptionMode)?.refuse(
        "`swap` does not go with scheduler `\(scheduler.rawValue)`, which computes preempted "
          + "requests again; accepted: `recompute`")
      return nil
    }
    let size = engine.value(EngineKeys.swapSpace)
    let link = engine.required(
      EngineKeys.hostLink.name, accepted: "a mapping such as {bandwidth: 50 GB/s}")?
      .mapping(HostLinkKeys.form)
    let bandwidth = link?.value(HostLinkKeys.bandwidth)
    let latency = link?.value(HostLinkKeys.latency)
    guard let size, let bandwidth, let latency else { return nil }
    return SwapSpace(bytes: size, link: CopyLink(bytesPerSecond: bandwidth, latencyNs: latency))
  }
}
