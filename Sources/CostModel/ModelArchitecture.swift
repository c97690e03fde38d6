import Operators

/// A decoder-only transformer, as its Hugging Face `config.json` states it.
///
/// Each layer has grouped-query attention, of one geometry in all layers, and an MLP or experts
/// (Llama, Qwen2/3, Mistral, Mixtral, Gemma, Phi).
public struct ModelArchitecture: Hashable, Sendable {
  /// A dense layer: `outputs × inputs` weights.
  public struct Projection: Hashable, Sendable {
    /// Rows of the weight matrix.
    public let outputs: Int
    /// Columns of the weight matrix.
    public let inputs: Int
    /// Number of weights.
    public var weights: Int { outputs * inputs }

    /// So many rows and columns.
    public init(outputs: Int, inputs: Int) {
      self.outputs = outputs
      self.inputs = inputs
    }
  }

  /// What people call it, e.g. `Qwen3-8B`.
  public let name: String
  /// `hidden_size`.
  public let hiddenSize: Int
  /// The layers, those that are alike together; groups stand in the order of their first layers.
  public let layerGroups: [LayerGroup]
  /// RMS or layer norms of the hidden state in one layer: 2; Gemma 2 and 3 have 4, phi-2 has 1.
  public let normsPerLayer: Int
  /// Query heads, KV heads and head dimension.
  public let heads: HeadGeometry
  /// `vocab_size`.
  public let vocabSize: Int
  /// `max_position_embeddings`: the longest prompt and output together, in tokens.
  public let maxPositions: Int
  /// `tie_word_embeddings`: whether the language-model head shares the embedding's weights.
  public let tiesEmbeddings: Bool
  /// How the weights of the layers' projections are stored.
  public let weightFormat: WeightFormat

  /// - Precondition: sizes are positive, and there is a layer.
  public init(
    name: String, hiddenSize: Int, layerGroups: [LayerGroup], normsPerLayer: Int = 2,
    heads: HeadGeometry, vocabSize: Int, maxPositions: Int, tiesEmbeddings: Bool,
    weightFormat: WeightFormat = .sixteenBit
  ) {
    precondition(hiddenSize > 0 && !layerGroups.isEmpty && normsPerLayer > 0)
    precondition(vocabSize > 0 && maxPositions > 0)
    self.name = name
    self.hiddenSize = hiddenSize
    self.layerGroups = layerGroups
    self.normsPerLayer = normsPerLayer
    self.heads = heads
    self.vocabSize = vocabSize
    self.maxPositions = maxPositions
    self.tiesEmbeddings = tiesEmbeddings
    self.weightFormat = weightFormat
  }

  /// A model whose layers are all alike, with a gated MLP, full attention and 16-bit weights.
  /// - Precondition: sizes are positive.
  public init(
    name: String, hiddenSize: Int, intermediateSize: Int, layers: Int, heads: HeadGeometry,
    vocabSize: Int, maxPositions: Int, tiesEmbeddings: Bool
  ) {
    precondition(intermediateSize > 0)
    let feedForward = FeedForward.dense(intermediateSize: intermediateSize, isGated: true)
    self.init(
      name: name, hiddenSize: hiddenSize,
      layerGroups: [LayerGroup(count: layers, feedForward: feedForward)], heads: heads,
      vocabSize: vocabSize, maxPositions: maxPositions, tiesEmbeddings: tiesEmbeddings)
  }

  /// The same model with its projections' weights in another format.
  public func with(weightFormat: WeightFormat) -> ModelArchitecture {
    ModelArchitecture(
      name: name, hiddenSize: hiddenSize, layerGroups: layerGroups, normsPerLayer: normsPerLayer,
      heads: heads, vocabSize: vocabSize, maxPositions: maxPositions,
      tiesEmbeddings: tiesEmbeddings, weightFormat: weightFormat)
  }

  /// `num_hidden_layers`.
  public var layers: Int { layerGroups.reduce(0) { $0 + $1.count } }

  /// Bytes of K and V with metadata that one token takes in all layers. Layers whose attention
  /// has a window count in full: the pool keeps what lies before it.
  public func kvBytesPerToken(_ format: KVFormat) -> Int {
    layers * heads.kvBytesPerToken(format)
  }
}

// MARK: Weights

extension ModelArchitecture {
  /// The projections of one layer that every token passes: Q, K and V together, output; then
  /// gate and up together and down, of the MLP or of the expert that all tokens share.
  public func projections(of group: LayerGroup) -> [Projection] {
    let queryWidth = heads.queryHeads * heads.headDim
    let kvWidth = heads.kvHeads * heads.headDim
    let attention = [
      Projection(outputs: queryWidth + 2 * kvWidth, inputs: hiddenSize),
      Projection(outputs: hiddenSize, inputs: queryWidth),
    ]
    switch group.feedForward {
    case .dense(let size, let isGated): return attention + mlp(size, isGated: isGated)
    case .experts(_, _, _, let shared):
      return shared > 0 ? attention + mlp(shared, isGated: true) : attention
    }
  }

  /// The projections of one expert, gate and up together and down; none where a layer is dense.
  public func expertProjections(of group: LayerGroup) -> [Projection] {
    guard case .experts(_, _, let size, _) = group.feedForward else { return [] }
    return mlp(size, isGated: true)
  }

  /// The router to a layer's experts, always of 16 bits; nil where a layer is dense. It has one
  /// row for each expert, and one for the gate of the expert that all tokens share.
  public func router(of group: LayerGroup) -> Projection? {
    guard case .experts(let count, _, _, let shared) = group.feedForward else { return nil }
    return Projection(outputs: count + (shared > 0 ? 1 : 0), inputs: hiddenSize)
  }

  /// The weights with which the widest operator multiplies a token's vector: all of a layer's
  /// experts that it passes, or one projection, or the head.
  public var mostWeightsPerOperator: Int {
    let dense = layerGroups.flatMap { projections(of: $0) + [router(of: $0)].compactMap { $0 } }
    let experts = layerGroups.flatMap { group in
      expertProjections(of: group).map { group.feedForward.expertsPerToken * $0.weights }
    }
    return (dense.map(\.weights) + experts + [outputHead.weights]).max() ?? 0
  }

  /// The language-model head.
  public var outputHead: Projection { Projection(outputs: vocabSize, inputs: hiddenSize) }

  /// Parameters: projections of the layers with every expert, routers, norms, embedding and head.
  /// Biases and the norms of single heads are left out: below 0.05 % in the models covered.
  public var parameters: Int {
    sixteenBitParameters + sum(experts: \.expertCount) { $0.weights }
  }

  /// The parameters that one token uses: of the experts those that it is sent to. The embedding
  /// counts whole, as publishers count it.
  public var activeParameters: Int {
    sixteenBitParameters + sum(experts: \.expertsPerToken) { $0.weights }
  }

  /// Bytes of all weights.
  public var weightBytes: Int {
    2 * sixteenBitParameters + sum(experts: \.expertCount) { weightFormat.bytes(of: $0) }
  }

  /// What has two bytes a weight in every format: embedding, head, norms and routers.
  private var sixteenBitParameters: Int {
    let embeddings = (tiesEmbeddings ? 1 : 2) * outputHead.weights
    return layerGroups.reduce(embeddings + hiddenSize) { sum, group in
      sum + group.count * (normsPerLayer * hiddenSize + (router(of: group)?.weights ?? 0))
    }
  }

  /// `measure` over the projections of all layers, those of so many `experts` in each.
  private func sum(
    experts: KeyPath<FeedForward, Int>, _ measure: (Projection) -> Int
  ) -> Int {
    layerGroups.reduce(0) { sum, group in
      let everyToken = projections(of: group).reduce(0) { $0 + measure($1) }
      let expert = expertProjections(of: group).reduce(0) { $0 + measure($1) }
      return sum + group.count * (everyToken + group.feedForward[keyPath: experts] * expert)
    }
  }

  private func mlp(_ size: Int, isGated: Bool) -> [Projection] {
    [
      Projection(outputs: (isGated ? 2 : 1) * size, inputs: hiddenSize),
      Projection(outputs: hiddenSize, inputs: size),
    ]
  }
}
