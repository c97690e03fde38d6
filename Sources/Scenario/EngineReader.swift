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
    guard let cursor = file.optional("engine") else { return options(of: nil) }
    guard let engine = cursor.mapping(keys: SchemaKeys.engine) else { return nil }
    return options(of: engine)
  }

  private func options(of engine: MappingCursor?) -> EngineOptions? {
    func integer(_ key: String, upTo limit: Int, default value: Int) -> Int? {
      guard let cursor = engine?.optional(key) else { return value }
      return cursor.integer(in: 1...limit)
    }
    let schedulers = EngineOptions.Scheduler.allCases.map(\.rawValue)
    // `.some(nil)` is a value that was refused.
    let scheduler = engine?.optional("scheduler").map {
      $0.choice(of: schedulers).flatMap(EngineOptions.Scheduler.init)
    }
    let maxNumSeqs = integer("max_num_seqs", upTo: Limits.sequences, default: 256)
    // vLLM V0 computes prompts whole: a step holds the model's longest.
    let keepsPromptsWhole = scheduler??.keepsPromptsWhole ?? false
    let longestStep = keepsPromptsWhole ? min(maxPositions ?? 0, Limits.batchedTokens) : 0
    let maxNumBatchedTokens = integer(
      "max_num_batched_tokens", upTo: Limits.batchedTokens, default: max(2_048, longestStep))
    let blockSize = integer("block_size", upTo: Limits.blockSize, default: profileBlockSize ?? 16)
    let tensorParallelSize = integer("tensor_parallel_size", upTo: Limits.heads, default: 1)
    let hasOneStage = hasOneStage(engine)
    let caching = engine?.optional("enable_prefix_caching").map { $0.boolean() }
    let memory = memory(engine)
    let ofScheduler = SchedulerOptionsReader(
      engine: engine, scheduler: (scheduler ?? .vllm) ?? .vllm)
    let threshold = ofScheduler.longPrefillTokenThreshold()
    let watermark = ofScheduler.watermark()
    let queueLimit = ofScheduler.maxQueuedRequests()
    let swapSpace = SwapReader(engine: engine).swapSpace(scheduler: (scheduler ?? .vllm) ?? .vllm)
    guard let scheduler = scheduler ?? .vllm, let maxNumSeqs, let maxNumBatchedTokens,
      let blockSize, let memory, let enablePrefixCaching = caching ?? true, let tensorParallelSize,
      hasOneStage, let threshold, let watermark, let queueLimit, let swapSpace
    else { return nil }
    guard maxNumBatchedTokens >= maxNumSeqs else {
      let budget = engine?.optional("max_num_batched_tokens")
      let place = budget ?? engine?.optional("max_num_seqs")
      place?.refuse(
        "`max_num_batched_tokens`, \(maxNumBatchedTokens)\(budget == nil ? " by default" : ""), is "
          + "less than `max_num_seqs`, \(maxNumSeqs); accepted: at least one token a sequence")
      return nil
    }
    return EngineOptions(
      scheduler: scheduler, maxNumSeqs: maxNumSeqs, maxNumBatchedTokens: maxNumBatchedTokens,
      blockSize: blockSize, enablePrefixCaching: enablePrefixCaching,
      tensorParallelSize: tensorParallelSize, kvCacheMemory: memory, swapSpace: swapSpace,
      longPrefillTokenThreshold: threshold, watermark: watermark, maxQueuedRequests: queueLimit)
  }

  /// False with an error where the layers are spread over stages.
  private func hasOneStage(_ engine: MappingCursor?) -> Bool {
    guard let cursor = engine?.optional("pipeline_parallel_size") else { return true }
    guard let stages = cursor.integer(in: 1...Limits.layers) else { return false }
    guard stages == 1 else {
      cursor.refuse(
        "\(stages) stages work on as many batches at once, which the simulated engine does not; "
          + "accepted: 1; `kvsim cost --pipeline-parallel-size \(stages)` prices one step")
      return false
    }
    return true
  }

  /// `host_overhead`; none where it is absent, nil with an error where it is refused.
  func hostOverhead(_ file: MappingCursor) -> HostOverhead? {
    let engine = file.mapping(at: "engine", keys: SchemaKeys.engine)
    guard let cursor = engine?.optional("host_overhead") else { return HostOverhead.none }
    guard let overhead = cursor.mapping(keys: SchemaKeys.hostOverhead),
      let perStep = overhead.time("per_step"), let perSequence = overhead.time("per_sequence")
    else { return nil }
    return HostOverhead(perStepNs: perStep, perSequenceNs: perSequence)
  }

  private func memory(_ engine: MappingCursor?) -> EngineOptions.KVCacheMemory? {
    let share = engine?.optional("gpu_memory_utilization")
    let size = engine?.optional("kv_cache_memory_bytes")
    let utilization = share.map {
      $0.number(in: { $0 > 0 && $0 <= 1 }, accepted: "a number above 0 and up to 1")
    }
    let bytes = size.map { $0.bytes() }
    if share != nil, size != nil {
      engine?.refuse(
        key: "kv_cache_memory_bytes",
        "does not go with `gpu_memory_utilization`; accepted: one of the two")
      return nil
    }
    if let bytes { return bytes.map { .bytes($0) } }
    guard let utilization else { return .utilization(0.9) }
    return utilization.map { .utilization($0) }
  }
}
