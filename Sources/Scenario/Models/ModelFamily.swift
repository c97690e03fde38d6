/// The models of one `model_type`: what transformers takes where a key is absent
/// (`configuration_*.py` of transformers 4.57 and 5.24), and what no key says.
struct ModelFamily: Sendable {
  /// Which layers attend to a sliding window, where `layer_types` does not say.
  enum Windows: Sendable {
    /// None: a window that stands in the file is of no effect.
    case none
    /// All; a `sliding_window` that is absent is this one.
    case all(absent: Int?)
    /// All, where `use_sliding_window` is true.
    case allIfUsed
    /// Those from `max_window_layers` on, where `use_sliding_window` is true.
    case upperIfUsed
    /// All but each n-th; n may stand under `sliding_window_pattern`.
    case allButEach(Int)
  }

  /// Which keys describe the experts.
  enum Experts: Sendable {
    /// There are none.
    case none
    /// Every layer has experts, as wide as `intermediate_size` says.
    case everyLayer(count: Int)
    /// Layers by `decoder_sparse_step` and `mlp_only_layers`; widths under keys of their own.
    case some(count: Int, perToken: Int, size: Int, sharedSize: Int?)
  }

  /// `model_type`.
  let type: String
  /// Sizes that a nested configuration may leave out.
  let hiddenSize: Int
  let intermediateSize: Int
  let layers: Int
  let queryHeads: Int
  let vocabSize: Int
  let maxPositions: Int
  /// `num_key_value_heads` where it is absent; nil: as many as query heads.
  var kvHeads: Int?
  /// `head_dim` where it is absent; nil: `hidden_size` over `num_attention_heads`.
  var headDim: Int?
  /// Whether `rope_scaling` makes requests longer than `max_position_embeddings` possible.
  var stretchesPositions = true
  var tiesEmbeddings = false
  var isGated = true
  var normsPerLayer = 2
  var windows = Windows.none
  var experts = Experts.none

  /// What holds its text model in `text_config`, and the text model's type where none is stated.
  static let wrappers = [
    (type: "gemma3", textType: "gemma3_text"), (type: "mistral3", textType: "mistral"),
  ]

  /// Every `model_type` that is read, those with a text model in them last.
  static let acceptedTypes = covered.map(\.type) + wrappers.map(\.type)

  /// Every family that is covered.
  static let covered = llama + qwen + mistral + gemma + phi

  private static let llama = [
    ModelFamily(
      type: "llama", hiddenSize: 4096, intermediateSize: 11008, layers: 32, queryHeads: 32,
      vocabSize: 32_000, maxPositions: 2048),
    // Granite multiplies by constants besides, OLMo 2 norms queries and keys.
    ModelFamily(
      type: "granite", hiddenSize: 4096, intermediateSize: 11008, layers: 32, queryHeads: 32,
      vocabSize: 32_000, maxPositions: 2048),
    ModelFamily(
      type: "olmo2", hiddenSize: 4096, intermediateSize: 11008, layers: 32, queryHeads: 32,
      vocabSize: 50_304, maxPositions: 2048),
    ModelFamily(
      type: "seed_oss", hiddenSize: 4096, intermediateSize: 27648, layers: 64, queryHeads: 80,
      vocabSize: 155_136, maxPositions: 524_288, kvHeads: 8, headDim: 128),
  ]

  private static let qwen = [
    ModelFamily(
      type: "qwen2", hiddenSize: 4096, intermediateSize: 22016, layers: 32, queryHeads: 32,
      vocabSize: 151_936, maxPositions: 32_768, kvHeads: 32, windows: .upperIfUsed),
    ModelFamily(
      type: "qwen3", hiddenSize: 4096, intermediateSize: 22016, layers: 32, queryHeads: 32,
      vocabSize: 151_936, maxPositions: 32_768, kvHeads: 32, headDim: 128, windows: .upperIfUsed),
    ModelFamily(
      type: "qwen2_moe", hiddenSize: 2048, intermediateSize: 5632, layers: 24, queryHeads: 16,
      vocabSize: 151_936, maxPositions: 32_768, kvHeads: 16, windows: .upperIfUsed,
      experts: .some(count: 60, perToken: 4, size: 1408, sharedSize: 5632)),
    ModelFamily(
      type: "qwen3_moe", hiddenSize: 2048, intermediateSize: 6144, layers: 24, queryHeads: 32,
      vocabSize: 151_936, maxPositions: 32_768, kvHeads: 4, windows: .allIfUsed,
      experts: .some(count: 128, perToken: 8, size: 768, sharedSize: nil)),
  ]

  private static let mistral = [
    ModelFamily(
      type: "mistral", hiddenSize: 4096, intermediateSize: 14336, layers: 32, queryHeads: 32,
      vocabSize: 32_000, maxPositions: 131_072, kvHeads: 8, windows: .all(absent: 4096)),
    ModelFamily(
      type: "ministral3", hiddenSize: 4096, intermediateSize: 14336, layers: 34, queryHeads: 32,
      vocabSize: 131_072, maxPositions: 262_144, kvHeads: 8, headDim: 128,
      windows: .all(absent: nil)),
    ModelFamily(
      type: "mixtral", hiddenSize: 4096, intermediateSize: 14336, layers: 32, queryHeads: 32,
      vocabSize: 32_000, maxPositions: 131_072, kvHeads: 8, windows: .all(absent: nil),
      experts: .everyLayer(count: 8)),
  ]

  private static let gemma = [
    ModelFamily(
      type: "gemma", hiddenSize: 3072, intermediateSize: 24576, layers: 28, queryHeads: 16,
      vocabSize: 256_000, maxPositions: 8192, kvHeads: 16, headDim: 256, tiesEmbeddings: true),
    ModelFamily(
      type: "gemma2", hiddenSize: 2304, intermediateSize: 9216, layers: 26, queryHeads: 8,
      vocabSize: 256_000, maxPositions: 8192, kvHeads: 4, headDim: 256, tiesEmbeddings: true,
      normsPerLayer: 4, windows: .allButEach(2)),
    ModelFamily(
      type: "gemma3_text", hiddenSize: 2304, intermediateSize: 9216, layers: 26, queryHeads: 8,
      vocabSize: 262_208, maxPositions: 131_072, kvHeads: 4, headDim: 256,
      stretchesPositions: false, tiesEmbeddings: true,
      normsPerLayer: 4, windows: .allButEach(6)),
  ]

  private static let phi = [
    ModelFamily(
      type: "phi", hiddenSize: 2048, intermediateSize: 8192, layers: 24, queryHeads: 32,
      vocabSize: 51_200, maxPositions: 2048, isGated: false, normsPerLayer: 1),
    ModelFamily(
      type: "phi3", hiddenSize: 3072, intermediateSize: 8192, layers: 32, queryHeads: 32,
      vocabSize: 32_064, maxPositions: 4096, windows: .all(absent: nil)),
    ModelFamily(
      type: "phimoe", hiddenSize: 4096, intermediateSize: 6400, layers: 32, queryHeads: 32,
      vocabSize: 32_064, maxPositions: 131_072, kvHeads: 8, windows: .all(absent: nil),
      experts: .everyLayer(count: 16)),
  ]
}
