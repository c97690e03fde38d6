/// The options of the serving engine, named as vLLM names them.
public struct EngineOptions: Hashable, Sendable {
  /// Where the size of the KV pool comes from.
  public enum KVCacheMemory: Hashable, Sendable {
    /// `kv_cache_memory_bytes`: so many bytes, whatever the device has.
    case bytes(Int)
    /// `gpu_memory_utilization`: this share of the device's memory, less weights and activations.
    case utilization(Double)
  }

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

  /// - Precondition: all are positive, and every sequence can decode in one step.
  public init(
    maxNumSeqs: Int, maxNumBatchedTokens: Int, blockSize: Int, enablePrefixCaching: Bool,
    tensorParallelSize: Int = 1, kvCacheMemory: KVCacheMemory
  ) {
    precondition(tensorParallelSize > 0)
    precondition(maxNumSeqs > 0 && blockSize > 0 && maxNumBatchedTokens >= maxNumSeqs)
    self.maxNumSeqs = maxNumSeqs
    self.maxNumBatchedTokens = maxNumBatchedTokens
    self.blockSize = blockSize
    self.enablePrefixCaching = enablePrefixCaching
    self.tensorParallelSize = tensorParallelSize
    self.kvCacheMemory = kvCacheMemory
  }
}
