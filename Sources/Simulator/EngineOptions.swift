/// The options of the serving engine, named as vLLM names them.
public struct EngineOptions: Hashable, Sendable {
  /// The engine whose way to choose the next step is followed.
  public enum Scheduler: String, Hashable, Sendable, CaseIterable {
    /// vLLM V1: every step decodes, and prompts get what is left of its tokens.
    case vllm
    /// SGLang: prompts that can be admitted go first and stop the decodes.
    case sglang

    /// Whether preempted requests can go to the host's memory. SGLang computes what it retracts
    /// again.
    public var swaps: Bool { self == .vllm }
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
  /// Where the size of the KV pool comes from; on each device.
  public let kvCacheMemory: KVCacheMemory
  /// `preemption_mode`: the host memory to which preempted requests are swapped; nil where they are
  /// computed again. On each device.
  public let swapSpace: SwapSpace?

  /// - Precondition: all are positive, every sequence can decode in one step, and the scheduler is
  ///   one that swaps.
  public init(
    scheduler: Scheduler = .vllm, maxNumSeqs: Int, maxNumBatchedTokens: Int, blockSize: Int,
    enablePrefixCaching: Bool, tensorParallelSize: Int = 1, kvCacheMemory: KVCacheMemory,
    swapSpace: SwapSpace? = nil
  ) {
    precondition(tensorParallelSize > 0)
    precondition(swapSpace == nil || scheduler.swaps)
    precondition(maxNumSeqs > 0 && blockSize > 0 && maxNumBatchedTokens >= maxNumSeqs)
    self.scheduler = scheduler
    self.maxNumSeqs = maxNumSeqs
    self.maxNumBatchedTokens = maxNumBatchedTokens
    self.blockSize = blockSize
    self.enablePrefixCaching = enablePrefixCaching
    self.tensorParallelSize = tensorParallelSize
    self.kvCacheMemory = kvCacheMemory
    self.swapSpace = swapSpace
  }

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
      kvCacheMemory: kvCacheMemory ?? self.kvCacheMemory, swapSpace: swapSpace)
  }
}
