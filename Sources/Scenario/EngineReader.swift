import CostModel
import Simulator

/// `engine`: options by the names that vLLM gives them, with vLLM's defaults.
struct EngineReader {
  let log: DiagnosticLog
  /// Tokens per page with which the profile's kernels were measured, if it could be read.
  let profileBlockSize: Int?
  /// The longest prompt and output together that the model takes, if it could be read.
  let maxPositions: Int?

  /// Nil with at least one error where an option is refused.
  func options(_ file: MappingCursor) -> EngineOptions? {
    guard let engine = file.value(ScenarioKeys.engine) else { return nil }
    let scheduler = engine.value(EngineKeys.scheduler)
    let maxNumSeqs = engine.value(EngineKeys.maxNumSeqs)
    let maxNumBatchedTokens = maxNumBatchedTokens(engine, scheduler)
    let blockSize = engine.given(EngineKeys.blockSize) ?? profileBlockSize ?? 16
    let tensorParallelSize = engine.value(EngineKeys.tensorParallelSize)
    let stages = engine.value(EngineKeys.pipelineParallelSize)
    let caching = engine.value(EngineKeys.enablePrefixCaching)
    let memory = memory(engine)
    let ofScheduler = SchedulerOptionsReader(engine: engine, scheduler: scheduler ?? .vllm)
    let threshold = ofScheduler.longPrefillTokenThreshold()
    let watermark = ofScheduler.watermark()
    let queueLimit = ofScheduler.maxQueuedRequests()
    let swapSpace = SwapReader(engine: engine).swapSpace(scheduler: scheduler ?? .vllm)
    let speculation = SpeculationReader(engine: engine).speculation()
    guard let scheduler, let maxNumSeqs, let maxNumBatchedTokens, let blockSize, let memory,
      let caching, let tensorParallelSize, let stages, let threshold, let watermark,
      let queueLimit, let swapSpace, let speculation,
      PipelineRules.allow(
        stages, swaps: swapSpace != nil, speculates: speculation != nil, in: engine)
    else { return nil }
    let tokensPerDecode = 1 + (speculation?.draftTokens ?? 0)
    guard maxNumBatchedTokens >= maxNumSeqs * tokensPerDecode else {
      refuseBudget(engine, maxNumBatchedTokens, maxNumSeqs, tokensPerDecode)
      return nil
    }
    return EngineOptions(
      scheduler: scheduler, maxNumSeqs: maxNumSeqs, maxNumBatchedTokens: maxNumBatchedTokens,
      blockSize: blockSize, enablePrefixCaching: caching,
      tensorParallelSize: tensorParallelSize, pipelineParallelSize: stages, kvCacheMemory: memory,
      swapSpace: swapSpace,
      longPrefillTokenThreshold: threshold, watermark: watermark, maxQueuedRequests: queueLimit,
      speculation: speculation)
  }

  private func refuseBudget(
    _ engine: MappingCursor, _ tokens: Int, _ sequences: Int, _ tokensPerDecode: Int
  ) {
    let budget = engine.optional(EngineKeys.maxNumBatchedTokens)
    let place =
      budget ?? engine.optional(EngineKeys.maxNumSeqs)
      ?? engine.optional(EngineKeys.speculativeConfig)
    let each =
      tokensPerDecode == 1
      ? "one token a sequence"
      : "\(tokensPerDecode) tokens a sequence, those of `speculative_config` and one more"
    let product = tokensPerDecode == 1 ? "" : " times \(tokensPerDecode)"
    place?.refuse(
      "`max_num_batched_tokens`, \(tokens)\(budget == nil ? " by default" : ""), is less than "
        + "`max_num_seqs`, \(sequences)\(product); accepted: at least \(each)")
  }

  /// `host_overhead`; none where it is absent, nil with an error where it is refused.
  func hostOverhead(_ file: MappingCursor) -> HostOverhead? {
    let engine = file.mapping(at: ScenarioKeys.engine.name, keys: EngineKeys.form.names)
    guard let engine else { return HostOverhead.none }
    guard let overhead = engine.value(EngineKeys.hostOverhead) else { return nil }
    let times = (
      overhead.value(HostOverheadKeys.perStep), overhead.value(HostOverheadKeys.perSequence)
    )
    guard let perStep = times.0, let perSequence = times.1 else { return nil }
    return HostOverhead(perStepNs: perStep, perSequenceNs: perSequence)
  }

  private func maxNumBatchedTokens(
    _ engine: MappingCursor, _ scheduler: EngineOptions.Scheduler?
  ) -> Int? {
    // vLLM V0 computes prompts whole: a step holds the model's longest.
    let keepsPromptsWhole = scheduler?.keepsPromptsWhole ?? false
    let longestStep = keepsPromptsWhole ? min(maxPositions ?? 0, Limits.batchedTokens) : 0
    return engine.given(EngineKeys.maxNumBatchedTokens) ?? max(2_048, longestStep)
  }

  private func memory(_ engine: MappingCursor) -> EngineOptions.KVCacheMemory? {
    let share = engine.value(EngineKeys.gpuMemoryUtilization)
    guard let bytes = engine.given(EngineKeys.kvCacheMemoryBytes) else {
      return share.map { .utilization($0) }
    }
    guard engine.optional(EngineKeys.gpuMemoryUtilization) == nil else {
      engine.refuse(
        key: EngineKeys.kvCacheMemoryBytes.name,
        "does not go with `gpu_memory_utilization`; accepted: one of the two")
      return nil
    }
    return bytes.map { .bytes($0) }
  }
}
