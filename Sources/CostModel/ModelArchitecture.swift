import Operators

/// A dense decoder-only transformer, as its Hugging Face `config.json` states it.
///
/// Each layer has grouped-query attention and a gated MLP (Llama, Qwen2/3, Mistral). Weights are
/// FP16: two bytes a parameter.
public struct ModelArchitecture: Hashable, Sendable {
  /// A dense layer: `outputs × inputs` weights.
  public struct Projection: Hashable, Sendable {
    /// Rows of the weight matrix.
    public let outputs: Int
    /// Columns of the weight matrix.
    public let inputs: Int
    /// Number of weights.
    public var weights: Int { outputs * inputs }
  }

  /// What people call it, e.g. `Qwen3-8B`.
  public let name: String
  /// `hidden_size`.
  public let hiddenSize: Int
  /// `intermediate_size` of the gated MLP.
  public let intermediateSize: Int
  /// `num_hidden_layers`.
  public let layers: Int
  /// Query heads, KV heads and head dimension.
  public let heads: HeadGeometry
  /// `vocab_size`.
  public let vocabSize: Int
  /// `max_position_embeddings`: the longest prompt and output together, in tokens.
  public let maxPositions: Int
  /// `tie_word_embeddings`: whether the language-model head shares the embedding's weights.
  public let tiesEmbeddings: Bool

  /// - Precondition: sizes are positive.
  public init(
    name: String, hiddenSize: Int, intermediateSize: Int, layers: Int, heads: HeadGeometry,
    vocabSize: Int, maxPositions: Int, tiesEmbeddings: Bool
  ) {
    precondition(hiddenSize > 0 && intermediateSize > 0 && layers > 0)
    precondition(vocabSize > 0 && maxPositions > 0)
    self.name = name
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.layers = layers
    self.heads = heads
    self.vocabSize = vocabSize
    self.maxPositions = maxPositions
    self.tiesEmbeddings = tiesEmbeddings
  }

  /// The projections of one layer: Q, K and V together, output, gate and up together, down.
  public var layerProjections: [Projection] {
    let queryWidth = heads.queryHeads * heads.headDim
    let kvWidth = heads.kvHeads * heads.headDim
    return [
      Projection(outputs: queryWidth + 2 * kvWidth, inputs: hiddenSize),
      Projection(outputs: hiddenSize, inputs: queryWidth),
      Projection(outputs: 2 * intermediateSize, inputs: hiddenSize),
      Projection(outputs: hiddenSize, inputs: intermediateSize),
    ]
  }

  /// The language-model head.
  public var outputHead: Projection { Projection(outputs: vocabSize, inputs: hiddenSize) }

  /// Parameters: projections, two norms a layer and a final one, embedding and head. Biases and
  /// the norms of single heads are left out: below 0.01 % in the models shipped.
  public var parameters: Int {
    let layer = layerProjections.reduce(2 * hiddenSize) { $0 + $1.weights }
    return layers * layer + hiddenSize + (tiesEmbeddings ? 1 : 2) * outputHead.weights
  }

  /// Bytes of all weights in FP16.
  public var weightBytes: Int { 2 * parameters }

  /// Bytes of K and V with metadata that one token takes in all layers.
  public func kvBytesPerToken(_ format: KVFormat) -> Int {
    layers * heads.kvBytesPerToken(format)
  }
}
