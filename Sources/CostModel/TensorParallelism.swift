import Operators

/// How the devices of one replica share a model's layers, and what connects them.
public struct TensorParallelism: Hashable, Sendable {
  /// The link of each device to the others.
  public struct Link: Hashable, Sendable {
    /// Bytes a second that a device sends, and receives, at most.
    public let bytesPerSecond: Int
    /// Nanoseconds that a message takes however short it is.
    public let latencyNs: Int64

    /// - Precondition: the bandwidth is positive, the latency not negative.
    public init(bytesPerSecond: Int, latencyNs: Int64) {
      precondition(bytesPerSecond > 0 && latencyNs >= 0)
      self.bytesPerSecond = bytesPerSecond
      self.latencyNs = latencyNs
    }
  }

  /// `tensor_parallel_size`: devices.
  public let degree: Int
  /// What connects them; nil where there is one.
  public let link: Link?

  /// One device.
  public static let none = TensorParallelism(degree: 1, link: nil)

  /// - Precondition: several devices have a link.
  public init(degree: Int, link: Link?) {
    precondition(degree == 1 || degree > 1 && link != nil)
    self.degree = degree
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

/// The time of exchange between the devices of one replica, *derived* from their link.
struct CollectivePrices: Sendable {
  private let model: ModelArchitecture
  private let degree: Int
  private let link: TensorParallelism.Link?

  init(model: ModelArchitecture, parallelism: TensorParallelism) {
    self.model = model
    degree = parallelism.degree
    link = parallelism.link
  }

  /// All-reduces of a step of so many tokens: of 16-bit hidden states, after the output projection
  /// and after the MLP of each layer, and after the embedding.
  func parts(tokens: Int) -> [StepPart] {
    guard tokens > 0, let link else { return [] }
    let bytes = 2 * tokens * model.hiddenSize
    return [
      StepPart(
        name: "all-reduce", movedBytes: bytes, count: Double(2 * model.layers + 1),
        ns: CollectivePrices.allReduceNs(bytes: bytes, degree: degree, link: link))
    ]
  }

  /// The gathering of the logits of so many sequences.
  func parts(outputs: Int) -> [StepPart] {
    guard outputs > 0, let link else { return [] }
    let bytes = 2 * outputs * model.vocabSize
    let share = Double(degree - 1) / Double(degree)
    let ns = Double(link.latencyNs) + share * Double(bytes) / Double(link.bytesPerSecond) * 1e9
    return [StepPart(name: "gather logits", movedBytes: bytes, count: 1, ns: ns)]
  }

  /// The faster of two ways to add up `bytes` over `degree` devices, in nanoseconds: each sends all
  /// it has to each other at once, or they pass shares around a ring twice (Thakur et al.,
  /// "Optimization of collective communication operations in MPICH", IJHPCA 19, 2005).
  static func allReduceNs(bytes: Int, degree: Int, link: TensorParallelism.Link) -> Double {
    let n = Double(degree)
    let latency = Double(link.latencyNs)
    let message = Double(bytes) / Double(link.bytesPerSecond) * 1e9
    let direct = latency + (n - 1) * message
    let ring = 2 * (n - 1) * latency + 2 * (n - 1) / n * message
    return min(direct, ring)
  }
}
