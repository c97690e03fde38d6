import Operators

/// How the devices of one replica share a model, and what connects them.
public struct Parallelism: Hashable, Sendable {
  /// `tensor_parallel_size`: devices that share each layer.
  public let tensorParallelSize: Int
  /// `pipeline_parallel_size`: groups of such devices, each of which has some of the layers.
  public let pipelineParallelSize: Int
  /// What connects the devices; nil where there is one.
  public let link: Link?

  /// All of them.
  public var devices: Int { tensorParallelSize * pipelineParallelSize }

  /// One device.
  public static let none = Parallelism(tensorParallelSize: 1, link: nil)

  /// - Precondition: sizes are positive, and several devices have a link.
  public init(tensorParallelSize: Int, pipelineParallelSize: Int = 1, link: Link?) {
    precondition(tensorParallelSize > 0 && pipelineParallelSize > 0)
    precondition(tensorParallelSize * pipelineParallelSize == 1 || link != nil)
    self.tensorParallelSize = tensorParallelSize
    self.pipelineParallelSize = pipelineParallelSize
    self.link = link
  }
}

/// What an engine's processor does between the steps of its device.
public struct HostOverhead: Hashable, Sendable {
  /// Nanoseconds for each step.
  public let perStepNs: Int64
  /// Nanoseconds for each sequence of a step, decoding or in its prompt.
  public let perSequenceNs: Int64

  /// An engine that works while its device does.
  public static let none = HostOverhead(perStepNs: 0, perSequenceNs: 0)

  /// - Precondition: neither is negative.
  public init(perStepNs: Int64, perSequenceNs: Int64) {
    precondition(perStepNs >= 0 && perSequenceNs >= 0)
    self.perStepNs = perStepNs
    self.perSequenceNs = perSequenceNs
  }
}

extension ModelArchitecture {
  /// What keeps so many devices from sharing the layers evenly; nil where nothing does.
  public func obstacle(toDegree degree: Int) -> String? {
    if heads.queryHeads % degree != 0 {
      return "\(degree) does not divide the model's \(heads.queryHeads) query heads"
    }
    if heads.kvHeads % degree != 0, degree % heads.kvHeads != 0 {
      return "the model's \(heads.kvHeads) KV heads can neither be shared nor repeated evenly"
    }
    for group in layerGroups {
      for size in group.feedForward.sizes where size % degree != 0 {
        return "\(degree) does not divide the MLP's width, \(size)"
      }
    }
    return nil
  }

  /// What keeps the layers from being spread over so many stages; nil where nothing does.
  public func obstacle(toStages stages: Int) -> String? {
    stages > layers ? "\(stages) stages are more than the model's \(layers) layers" : nil
  }

  /// What one of so many devices has of the model: its share of the heads, of every MLP's width and
  /// of the vocabulary; norms and routers whole. KV heads that are fewer than the devices are
  /// repeated. (Megatron-LM, arXiv 1909.08053, section 3.)
  /// - Precondition: ``obstacle(toDegree:)`` is nil.
  public func rank(ofDegree degree: Int) -> ModelArchitecture {
    precondition(obstacle(toDegree: degree) == nil)
    guard degree > 1 else { return self }
    return ModelArchitecture(
      name: name, hiddenSize: hiddenSize,
      layerGroups: layerGroups.map {
        LayerGroup(
          count: $0.count, feedForward: $0.feedForward.share(ofDegree: degree),
          attentionWindow: $0.attentionWindow)
      },
      normsPerLayer: normsPerLayer,
      heads: HeadGeometry(
        queryHeads: heads.queryHeads / degree, kvHeads: max(1, heads.kvHeads / degree),
        headDim: heads.headDim),
      vocabSize: (vocabSize + degree - 1) / degree, maxPositions: maxPositions,
      tiesEmbeddings: tiesEmbeddings, weightFormat: weightFormat)
  }
}

extension FeedForward {
  /// The widths that devices share.
  fileprivate var sizes: [Int] {
    switch self {
    case .dense(let size, _): [size]
    case .experts(_, _, let size, let shared): [size, shared]
    }
  }

  fileprivate func share(ofDegree degree: Int) -> FeedForward {
    switch self {
    case .dense(let size, let isGated):
      .dense(intermediateSize: size / degree, isGated: isGated)
    case .experts(let count, let perToken, let size, let shared):
      .experts(
        count: count, perToken: perToken, intermediateSize: size / degree,
        sharedIntermediateSize: shared / degree)
    }
  }
}
