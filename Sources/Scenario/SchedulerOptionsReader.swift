import Simulator

/// The options of `engine` with which a scheduler admits and cuts.
struct SchedulerOptionsReader {
  let engine: MappingCursor
  let scheduler: EngineOptions.Scheduler

  /// `long_prefill_token_threshold`; 0 where it is absent, nil with an error where it is refused.
  func longPrefillTokenThreshold() -> Int? {
    guard let tokens = engine.value(EngineKeys.longPrefillTokenThreshold) else { return nil }
    guard tokens == 0 || scheduler.mixesChunks else {
      let others = EngineOptions.Scheduler.allCases.filter(\.mixesChunks)
        .map { "`\($0.rawValue)`" }.joined(separator: ", ")
      engine.refuse(
        key: EngineKeys.longPrefillTokenThreshold.name,
        "does not go with scheduler `\(scheduler.rawValue)`, which computes prompts by themselves; "
          + "accepted: 0, or one of \(others)")
      return nil
    }
    return tokens
  }

  /// `watermark`; the scheduler's usual one where it is absent, nil with an error where it is
  /// refused.
  func watermark() -> Double? {
    engine.given(EngineKeys.watermark) ?? scheduler.usualWatermark
  }

  /// `max_queued_requests`; `.some(nil)` where it is absent, nil with an error where it is refused.
  func maxQueuedRequests() -> Int?? {
    guard let given = engine.given(EngineKeys.maxQueuedRequests) else { return .some(nil) }
    return given.map { .some($0) }
  }
}
