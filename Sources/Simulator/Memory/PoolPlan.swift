import CostModel
import Operators

/// How a device's memory is divided, and how many blocks that leaves for the KV cache. Bytes.
public struct PoolPlan: Hashable, Sendable {
  /// The device's memory.
  public let deviceBytes: Int
  /// The share of it that the engine may use.
  public let usableBytes: Int
  /// The model's weights, in their format.
  public let weightBytes: Int
  /// Activations at their largest: see ``init(model:device:format:options:)``.
  public let activationBytes: Int
  /// What the KV pool has.
  public let poolBytes: Int
  /// A block's page in one layer: as many tokens.
  public let page: PageLayout
  /// The layers, each with a page of every block.
  public let layers: Int
  /// Whole blocks in the pool.
  public let blocks: Int
  /// The host's memory for preempted requests, in blocks of the same size.
  public let hostMemory: HostMemory

  /// Tokens per block.
  public var blockSize: Int { page.blockSize }
  /// One token in all layers, K and V with metadata.
  public var kvBytesPerToken: Int { layers * page.bytesPerToken }
  /// A block: its pages of all layers.
  public var blockBytes: Int { layers * page.pageBytes }
  /// The codes of a page, of all its KV heads.
  public var pageCodeBytes: Int { page.kvHeads * page.metadataOffset }
  /// Scales and zeros of a page.
  public var pageMetadataBytes: Int { page.pageBytes - pageCodeBytes }
  /// What the engine leaves of the device's memory.
  public var unusedBytes: Int {
    deviceBytes - weightBytes - activationBytes - poolBytes
  }

  /// Tokens that the pool holds.
  public var tokens: Int { blocks * blockSize }

  /// The division for one format.
  ///
  /// Activations, FP32 as in the bundled kernels: for each token of the largest step the residual
  /// stream, its normed copy and the wider of the attention's rows and the MLP's, of one layer at
  /// a time; and a row of logits for each sequence. Where tokens go to experts, a token has the
  /// rows and the output of each of its experts at once, and a router's row.
  ///
  /// Of several devices that share the layers, this is the memory of each.
  public init(
    model whole: ModelArchitecture, device: Device, format: KVFormat, options: EngineOptions
  ) {
    let model = whole.rank(ofDegree: options.tensorParallelSize)
    let attention = 2 * (model.heads.queryHeads + model.heads.kvHeads) * model.heads.headDim
    let feedForward = model.layerGroups.map { group in
      let layer = group.feedForward
      return layer.activationElements + layer.expertCount
        + layer.expertsPerToken * model.hiddenSize
    }
    let widest = 2 * model.hiddenSize + max(attention, feedForward.max() ?? 0)
    activationBytes =
      4 * (options.maxNumBatchedTokens * widest + options.maxNumSeqs * model.vocabSize)
    deviceBytes = device.memoryBytes
    weightBytes = model.weightBytes
    page = PageLayout(
      format: format, blockSize: options.blockSize, kvHeads: model.heads.kvHeads,
      headDim: model.heads.headDim)
    layers = model.layers
    switch options.kvCacheMemory {
    case .bytes(let bytes):
      poolBytes = bytes
      usableBytes = bytes + model.weightBytes + activationBytes
    case .utilization(let share):
      usableBytes = Int(Double(device.memoryBytes) * share)
      poolBytes = max(0, usableBytes - model.weightBytes - activationBytes)
    }
    let blockBytes = layers * page.pageBytes
    blocks = poolBytes / blockBytes
    hostMemory = HostMemory(options.swapSpace, blockBytes: blockBytes)
  }

  /// By how many bytes weights, activations and pool exceed what the device has or the engine may
  /// use of it; 0 where they fit.
  public var shortfallBytes: Int {
    max(0, weightBytes + activationBytes + poolBytes - min(usableBytes, deviceBytes))
  }
}
