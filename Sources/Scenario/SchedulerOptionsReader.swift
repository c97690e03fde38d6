import Simulator

/// The options of `engine` with which a scheduler admits and cuts.
struct SchedulerOptionsReader {
  /// What stands under `engine`; nil where that is absent.
  let engine: MappingCursor?
  let scheduler: EngineOptions.Scheduler

  /// `long_prefill_token_threshold`; 0 where it is absent, nil with an error where it is refused.
  func longPrefillTokenThreshold() -> Int? {
    guard let cursor = engine?.optional("long_prefill_token_threshold") else { return 0 }
    guard let tokens = cursor.integer(in: 0...Limits.batchedTokens, unit: "tokens") else {
      return nil
    }
    guard tokens == 0 || scheduler.mixesChunks else {
      let others = EngineOptions.Scheduler.allCases.filter(\.mixesChunks)
        .map { "`\($0.rawValue)`" }.joined(separator: ", ")
      engine?.refuse(
        key: "long_prefill_token_threshold",
        "does not go with scheduler `\(scheduler.rawValue)`, which computes prompts by themselves; "
          + "accepted: 0, or one of \(others)")
      return nil
    }
    return tokens
  }

  /// `watermark`; the scheduler's usual one where it is absent, nil with an error where it is
  /// refused.
  func watermark() -> Double? {
    guard let cursor = engine?.optional("watermark") else { return scheduler.usualWatermark }
    return cursor.number(in: { $0 >= 0 && $0 < 1 }, accepted: "a number from 0 to below 1")
  }

  /// `max_queued_requests`; `.some(nil)` where it is absent, nil with an error where it is refused.
  func maxQueuedRequests() -> Int?? {
    guard let cursor = engine?.optional("max_queued_requests") else { return .some(nil) }
    return cursor.integer(in: 0...Limits.requests, unit: "requests").map { .some($0) }
  }
}
