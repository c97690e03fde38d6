import CostModel
import Operators

/// How a device's memory is divided, and how many blocks that leaves for the KV cache. Bytes.
public struct PoolPlan: Hashable, Sendable {
  /// The device's memory.
  public let deviceBytes: Int
  /// The share of it that the engine may use.
  public let usableBytes: Int
  /// The model's weights, or its stage's, in their format, and those of a model that drafts for it.
  public let weightBytes: Int
  /// Activations at their largest: see ``init(model:device:format:options:draft:)``.
  public let activationBytes: Int
  /// What the KV pool has.
  public let poolBytes: Int
  /// A block's page in one layer: as many tokens.
  public let page: PageLayout
  /// The layers, each with a page of every block: of a model in stages, those of the stage.
  public let layers: Int
  /// The stages of the replica.
  public let stages: Int
  /// Which of them this is the memory of, from 0: the one that holds the fewest blocks, and so
  /// decides how many there are.
  public let stage: Int
  /// What a model that drafts has of each; nil without one.
  public let draft: DraftMemory?
  /// Whole blocks in the pool.
  public let blocks: Int
  /// The host's memory for preempted requests, in blocks of the same size.
  public let hostMemory: HostMemory

  /// Tokens per block.
  public var blockSize: Int { page.blockSize }
  /// One token in all layers, K and V with metadata.
  public var kvBytesPerToken: Int {
    layers * page.bytesPerToken + (draft.map { $0.layers * $0.page.bytesPerToken } ?? 0)
  }
  /// A block: its pages of all layers.
  public var blockBytes: Int {
    layers * page.pageBytes + (draft.map { $0.layers * $0.page.pageBytes } ?? 0)
  }
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
  /// Whole blocks of each of the lanes, as many as stages, that share the pool evenly.
  public var laneBlocks: Int { blocks / stages }
  /// Tokens that these hold: as many as one request can have.
  public var laneTokens: Int { laneBlocks * blockSize }

  /// The division for one format.
  ///
  /// Activations, FP32 as in the bundled kernels: for each token of the largest step the residual
  /// stream, its normed copy and the wider of the attention's rows and the MLP's, of one layer at
  /// a time; and a row of logits for each token that a sequence has in a decode step. Where tokens
  /// go to experts, a token has the rows and the output of each of its experts at once, and a
  /// router's row.
  ///
  /// A model that drafts has its weights beside, its layers in the same blocks, as in vLLM, and
  /// works before the other does, so that the larger activations are those of both.
  ///
  /// Of several devices that share the layers, this is the memory of each. Where the layers are
  /// spread over stages, it is that of the stage with the largest shortfall, or else with the
  /// fewest blocks; of equals the first.
  public init(
    model whole: ModelArchitecture, device: Device, format: KVFormat, options: EngineOptions,
    draft wholeDraft: ModelArchitecture? = nil
  ) {
    let model = whole.rank(ofDegree: options.tensorParallelSize)
    let stages = model.stages(options.pipelineParallelSize)
    let plans = stages.indices.map {
      PoolPlan(
        model, stages, $0, device: device, format: format, options: options,
        draft: wholeDraft?.rank(ofDegree: options.tensorParallelSize))
    }
    self = plans.dropFirst().reduce(plans[0]) { least, plan in
      let (own, other) = (plan.shortfallBytes, least.shortfallBytes)
      return own > other || own == other && plan.blocks < least.blocks ? plan : least
    }
  }

  /// The division on a device of one stage, for its share of the model.
  private init(
    _ model: ModelArchitecture, _ modelStages: [ModelStage], _ number: Int, device: Device,
    format: KVFormat, options: EngineOptions, draft draftModel: ModelArchitecture?
  ) {
    let own = modelStages[number]
    stages = modelStages.count
    stage = number
    activationBytes = max(
      PoolPlan.activationBytes(
        of: model, options, outputs: own.hasHead ? options.leastBatchedTokens : 0),
      draftModel.map {
        PoolPlan.activationBytes(of: $0, options, outputs: options.maxNumSeqs)
      } ?? 0)
    deviceBytes = device.memoryBytes
    weightBytes = own.weightBytes + (draftModel?.weightBytes ?? 0)
    page = PoolPlan.page(of: model, format, options)
    layers = own.layers
    draft = draftModel.map {
      DraftMemory(
        weightBytes: $0.weightBytes, page: PoolPlan.page(of: $0, format, options),
        layers: $0.layers)
    }
    switch options.kvCacheMemory {
    case .bytes(let bytes):
      poolBytes = bytes
      usableBytes = bytes + weightBytes + activationBytes
    case .utilization(let share):
      usableBytes = Int(Double(device.memoryBytes) * share)
      poolBytes = max(0, usableBytes - weightBytes - activationBytes)
    }
    var blockBytes = layers * page.pageBytes
    if let draft { blockBytes += draft.layers * draft.page.pageBytes }
    blocks = poolBytes / blockBytes
    hostMemory = HostMemory(options.swapSpace, blockBytes: blockBytes)
  }

  private static func page(
    of model: ModelArchitecture, _ format: KVFormat, _ options: EngineOptions
  ) -> PageLayout {
    PageLayout(
      format: format, blockSize: options.blockSize, kvHeads: model.heads.kvHeads,
      headDim: model.heads.headDim)
  }

  private static func activationBytes(
    of model: ModelArchitecture, _ options: EngineOptions, outputs: Int
  ) -> Int {
    let attention = 2 * (model.heads.queryHeads + model.heads.kvHeads) * model.heads.headDim
    let feedForward = model.layerGroups.map { group in
      let layer = group.feedForward
      return layer.activationElements + layer.expertCount
        + layer.expertsPerToken * model.hiddenSize
    }
    let widest = 2 * model.hiddenSize + max(attention, feedForward.max() ?? 0)
    return 4 * (options.maxNumBatchedTokens * widest + outputs * model.vocabSize)
  }

  /// By how many bytes weights, activations and pool exceed what the device has or the engine may
  /// use of it; 0 where they fit.
  public var shortfallBytes: Int {
    max(0, weightBytes + activationBytes + poolBytes - min(usableBytes, deviceBytes))
  }
}

/// What a model that drafts has of a device's memory.
public struct DraftMemory: Hashable, Sendable {
  /// Its weights, in their format. Bytes.
  public let weightBytes: Int
  /// A block's page in one of its layers.
  public let page: PageLayout
  /// Its layers, each with a page of every block.
  public let layers: Int
}
