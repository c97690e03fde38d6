import Simulator

/// `engine.preemption_mode`, and the `swap_space` and `host_link` that go with `swap`.
struct SwapReader {
  private static let modes = ["recompute", "swap"]
  /// vLLM's default of `--swap-space`.
  private static let defaultBytes = 4 << 30

  let engine: MappingCursor?

  /// `.some(nil)` where preempted requests are computed again; nil with an error where something
  /// is refused.
  func swapSpace(scheduler: EngineOptions.Scheduler) -> SwapSpace?? {
    guard let engine, let mode = mode(engine) else { return engine == nil ? .some(nil) : nil }
    guard mode == "swap" else {
      let foreign = ["swap_space", "host_link"].filter { engine.optional($0) != nil }
      for key in foreign {
        engine.refuse(key: key, "goes with `preemption_mode: swap` only")
      }
      return foreign.isEmpty ? .some(nil) : nil
    }
    guard scheduler.swaps else {
      engine.optional("preemption_mode")?.refuse(
        "`swap` does not go with scheduler `\(scheduler.rawValue)`, which computes preempted "
          + "requests again; accepted: `recompute`")
      return nil
    }
    let size = engine.optional("swap_space").map { $0.bytes() }
    let link = engine.required("host_link", accepted: "a mapping such as {bandwidth: 50 GB/s}")?
      .mapping(keys: SchemaKeys.link)
    let bandwidth = link?.required("bandwidth", accepted: "a rate such as 50 GB/s")?
      .bytesPerSecond()
    let latency = link?.time("latency")
    guard let bytes = size ?? SwapReader.defaultBytes, let bandwidth, let latency else {
      return nil
    }
    return SwapSpace(bytes: bytes, bytesPerSecond: bandwidth, latencyNs: latency)
  }

  private func mode(_ engine: MappingCursor) -> String? {
    guard let cursor = engine.optional("preemption_mode") else { return SwapReader.modes[0] }
    return cursor.choice(of: SwapReader.modes)
  }
}
