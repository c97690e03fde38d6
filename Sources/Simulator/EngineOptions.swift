/// The options of the serving engine, named as vLLM names them.
public struct EngineOptions: Hashable, Sendable {
  /// The engine whose way to choose the next step is followed.
  public enum Scheduler: String, Hashable, Sendable, CaseIterable {
    /// vLLM V1: every step decodes, and prompts get what is left of its tokens.
    case vllm
    /// SGLang: prompts that can be admitted go first and stop the decodes.
    case sglang
    /// Sarathi-Serve: as vLLM V1, with a watermark.
    case sarathi
    /// vLLM V0 as it is by default: whole prompts go first and stop the decodes.
    case vllmV0 = "vllm-v0"
    /// A batch starts when the one before has ended.
    case staticBatching = "static"
    /// As vLLM V1, by priority; urgent requests take the place of others.
    case priority
    /// As vLLM V1, earliest deadline first; urgent requests take the place of others.
    case edf
    /// As vLLM V1, the shortest prompt first.
    case shortestPromptFirst = "shortest-prompt-first"

    /// Whether preempted requests can go to the host's memory. The others compute again what they
    /// preempt.
    public var swaps: Bool { self == .vllm }

    /// Whether a step holds decodes and chunks of prompts together, so that
    /// `long_prefill_token_threshold` means something.
    public var mixesChunks: Bool {
      switch self {
      case .vllm, .sarathi, .priority, .edf, .shortestPromptFirst: true
      case .sglang, .vllmV0, .staticBatching: false
      }
    }

    /// Whether prompts are computed in one piece, so that none is longer than a step's tokens.
    public var keepsPromptsWhole: Bool { self == .vllmV0 }

    /// Whether the seat of a request that has ended is another's at once.
    var refillsSeats: Bool { self != .staticBatching }

    /// `watermark` where it is not stated: what vLLM V0 and Sarathi-Serve have, and no others.
    public var usualWatermark: Double {
      switch self {
      case .sarathi, .vllmV0: 0.01
      default: 0
      }
    }
  }

  /// Where the size of the KV pool comes from.
  public enum KVCacheMemory: Hashable, Sendable {
    /// `kv_cache_memory_bytes`: so many bytes, whatever the device has.
    case bytes(Int)
    /// `gpu_memory_utilization`: this share of the device's memory, less weights and activations.
    case utilization(Double)
  }

  /// `scheduler`: how the next step is chosen.
  public let scheduler: Scheduler
  /// `max_num_seqs`: sequences in one step at most.
  public let maxNumSeqs: Int
  /// `max_num_batched_tokens`: tokens computed in one step at most.
  public let maxNumBatchedTokens: Int
  /// `block_size`: tokens per page.
  public let blockSize: Int
  /// `enable_prefix_caching`: whether a preempted request finds again what is left of its blocks.
  public let enablePrefixCaching: Bool
  /// `tensor_parallel_size`: devices that share the layers of one replica.
  public let tensorParallelSize: Int
  /// `pipeline_parallel_size`: stages over which the layers are spread, each of as many devices.
  public let pipelineParallelSize: Int
  /// Where the size of the KV pool comes from; on each device.
  public let kvCacheMemory: KVCacheMemory
  /// `preemption_mode`: the host memory to which preempted requests are swapped; nil where they are
  /// computed again. On each device.
  public let swapSpace: SwapSpace?

  /// `long_prefill_token_threshold`: tokens of one prompt in one step at most; 0 for no limit but
  /// the step's.
  public let longPrefillTokenThreshold: Int
  /// `watermark`: the share of all blocks that an admission leaves free, unless nothing runs.
  public let watermark: Double
  /// `max_queued_requests`: a request that comes while so many wait is rejected; nil for no limit.
  public let maxQueuedRequests: Int?
  /// `speculative_config`; nil where nothing is drafted.
  public let speculation: SpeculativeDecoding?

  /// A watermark that is not stated is the scheduler's usual one.
  /// - Precondition: all are positive, limits that may be left out at least 0, the watermark below
  ///   1, and every sequence can decode in one step with all that is drafted for it; a threshold
  ///   and a swap space stand with schedulers that have them, and neither a swap space nor
  ///   speculation with several stages.
  public init(
    scheduler: Scheduler = .vllm, maxNumSeqs: Int, maxNumBatchedTokens: Int, blockSize: Int,
    enablePrefixCaching: Bool, tensorParallelSize: Int = 1, pipelineParallelSize: Int = 1,
    kvCacheMemory: KVCacheMemory, swapSpace: SwapSpace? = nil, longPrefillTokenThreshold: Int = 0,
    watermark: Double? = nil, maxQueuedRequests: Int? = nil, speculation: SpeculativeDecoding? = nil
  ) {
    precondition(tensorParallelSize > 0 && pipelineParallelSize > 0)
    precondition(pipelineParallelSize == 1 || swapSpace == nil && speculation == nil)
    precondition(swapSpace == nil || scheduler.swaps)
    precondition(longPrefillTokenThreshold >= 0 && maxQueuedRequests ?? 0 >= 0)
    precondition(longPrefillTokenThreshold == 0 || scheduler.mixesChunks)
    precondition((0..<1).contains(watermark ?? 0))
    precondition(maxNumSeqs > 0 && blockSize > 0)
    precondition(maxNumBatchedTokens / maxNumSeqs >= 1 + (speculation?.draftTokens ?? 0))
    self.scheduler = scheduler
    self.maxNumSeqs = maxNumSeqs
    self.maxNumBatchedTokens = maxNumBatchedTokens
    self.blockSize = blockSize
    self.enablePrefixCaching = enablePrefixCaching
    self.tensorParallelSize = tensorParallelSize
    self.pipelineParallelSize = pipelineParallelSize
    self.kvCacheMemory = kvCacheMemory
    self.longPrefillTokenThreshold = longPrefillTokenThreshold
    self.watermark = watermark ?? scheduler.usualWatermark
    self.maxQueuedRequests = maxQueuedRequests
    self.swapSpace = swapSpace
    self.speculation = speculation
  }

  /// Tokens drafted for each decoding sequence in one step.
  public var draftTokens: Int { speculation?.draftTokens ?? 0 }

  /// New tokens of a decoding sequence in one step: one, and those drafted for it.
  public var tokensPerDecode: Int { 1 + draftTokens }

  /// Tokens that a step must hold so that every sequence can decode in it.
  public var leastBatchedTokens: Int { maxNumSeqs * tokensPerDecode }

  /// Tokens for which a request has blocks at the most: all but the last that it produces, and
  /// where it decodes at all, those drafted behind its end.
  func mostOwnedTokens(of sequence: Sequence) -> Int {
    sequence.tokensAtEnd + (sequence.outputTokens > 1 ? draftTokens : 0)
  }

  /// Blocks of a pool that an admission leaves free, unless nothing runs.
  func watermarkBlocks(of capacity: Int) -> Int { Int(watermark * Double(capacity)) }

  /// Tokens of the longest prompt and output together that the scheduler can play. Where prompts
  /// stay whole, one that was preempted has to fit a step with all it has produced: vLLM V0 limits
  /// its model's length so.
  var mostPositions: Int { scheduler.keepsPromptsWhole ? maxNumBatchedTokens : .max }

  /// The same options with those that are given in place of their own.
  public func with(
    maxNumBatchedTokens: Int? = nil, tensorParallelSize: Int? = nil,
    kvCacheMemory: KVCacheMemory? = nil
  ) -> EngineOptions {
    EngineOptions(
      scheduler: scheduler, maxNumSeqs: maxNumSeqs,
      maxNumBatchedTokens: maxNumBatchedTokens ?? self.maxNumBatchedTokens, blockSize: blockSize,
      enablePrefixCaching: enablePrefixCaching,
      tensorParallelSize: tensorParallelSize ?? self.tensorParallelSize,
      pipelineParallelSize: pipelineParallelSize,
      kvCacheMemory: kvCacheMemory ?? self.kvCacheMemory, swapSpace: swapSpace,
      longPrefillTokenThreshold: longPrefillTokenThreshold, watermark: watermark,
      maxQueuedRequests: maxQueuedRequests, speculation: speculation)
  }
}
