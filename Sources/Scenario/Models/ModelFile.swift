import CostModel
import Operators

/// A model as read from its file.
public struct LoadedModel: Hashable, Sendable {
  /// The validated architecture.
  public let architecture: ModelArchitecture
  /// The file's text, verbatim.
  public let text: String
  /// The file's path.
  public let path: String
}

/// Reads a Hugging Face `config.json`: the fields as they stand there.
///
/// Keys that are not needed are passed over, because such files have many; keys that are needed
/// are checked, and architectures that the cost model would get wrong are refused by name.
public enum ModelFile {
  /// The `model_type`s that are dense decoders with grouped-query attention and a gated MLP.
  public static let coveredTypes = ["llama", "qwen2", "qwen3", "mistral"]

  /// Known types that are not covered, and why.
  static let uncoveredTypes: [String: String] = [
    "deepseek_v2": latent, "deepseek_v3": latent, "kimi_k2": latent, "minicpm3": latent,
    "mixtral": experts, "qwen2_moe": experts, "qwen3_moe": experts, "gpt_oss": experts,
    "llama4": experts, "phimoe": experts, "olmoe": experts, "glm4_moe": experts, "dbrx": experts,
    "gemma2": windows, "gemma3": windows, "gemma3_text": windows, "cohere2": windows,
    "qwen3_next": recurrent, "mamba": recurrent, "mamba2": recurrent, "jamba": recurrent,
    "gpt2": mlp, "opt": mlp, "gpt_neox": mlp, "falcon": mlp, "bloom": mlp,
  ]
  private static let latent = "it caches latent attention vectors instead of keys and values"
  private static let experts = "it routes tokens to experts"
  private static let windows = "some of its layers attend to a sliding window only"
  private static let recurrent = "some of its layers are recurrent and have no KV cache"
  private static let mlp = "its MLP has no gate"

  /// Reads a model of at most ``Limits/modelBytes``. Its name is the last part of
  /// `_name_or_path`, else the file's name, or the folder's where the file is `config.json`.
  public static func read(path: String) throws(ScenarioError) -> LoadedModel {
    try parse(SourceFile.read(path: path, limit: Limits.modelBytes))
  }

  static func parse(_ file: SourceFile) throws(ScenarioError) -> LoadedModel {
    let log = DiagnosticLog(file: file.path, dialect: .json)
    let text = file.text(into: log)
    let architecture = text.flatMap { text in
      JSONSource.parse(text, into: log).flatMap { root in
        ModelReader(log: log).architecture(
          Cursor(node: root, path: "", log: log), fileName: name(ofPath: file.path))
      }
    }
    try log.throwIfAny()
    guard let architecture, let text else {
      preconditionFailure("a model is neither valid nor refused")
    }
    return LoadedModel(architecture: architecture, text: text, path: file.path)
  }

  /// The file's name without `.json`, or the folder's name where the file is `config.json`.
  static func name(ofPath path: String) -> String {
    let parts = path.split(separator: "/")
    guard let last = parts.last else { return path }
    if last == "config.json", parts.count > 1 { return String(parts[parts.count - 2]) }
    return String(last.hasSuffix(".json") ? last.dropLast(5) : last)
  }
}

/// The fields of one `config.json`.
private struct ModelReader {
  let log: DiagnosticLog

  func architecture(_ root: Cursor, fileName: String) -> ModelArchitecture? {
    guard let config = root.anyMapping(keys: SchemaKeys.model) else { return nil }
    guard isCovered(config) else { return nil }
    refuseSlidingWindow(config)
    refuseOtherWeights(config)
    func size(_ key: String, upTo limit: Int) -> Int? {
      config.required(key, accepted: "a whole number from 1 to \(limit)")?
        .integer(in: 1...limit)
    }
    let hiddenSize = size("hidden_size", upTo: Limits.hiddenSize)
    let intermediateSize = size("intermediate_size", upTo: Limits.intermediateSize)
    let layers = size("num_hidden_layers", upTo: Limits.layers)
    let queryHeads = size("num_attention_heads", upTo: Limits.heads)
    let vocabSize = size("vocab_size", upTo: Limits.vocabSize)
    let maxPositions = size("max_position_embeddings", upTo: Limits.tokens)
    let heads = heads(config, queryHeads: queryHeads, hiddenSize: hiddenSize)
    let tie = value(of: "tie_word_embeddings", config)
    let tiesEmbeddings = tie.map { $0.boolean() } ?? false
    let name = name(config) ?? fileName
    guard log.isEmpty, let hiddenSize, let intermediateSize, let layers, let heads, let vocabSize,
      let maxPositions, let tiesEmbeddings
    else { return nil }
    return ModelArchitecture(
      name: name, hiddenSize: hiddenSize, intermediateSize: intermediateSize, layers: layers,
      heads: heads, vocabSize: vocabSize, maxPositions: maxPositions,
      tiesEmbeddings: tiesEmbeddings)
  }

  /// Hugging Face writes `null` for a setting that is left to its default.
  private func value(of key: String, _ config: MappingCursor) -> Cursor? {
    guard let cursor = config.optional(key) else { return nil }
    if case .scalar("null", quoted: false) = cursor.node.kind { return nil }
    return cursor
  }

  private func isCovered(_ config: MappingCursor) -> Bool {
    let covered = ModelFile.coveredTypes
    let accepted = covered.map { "`\($0)`" }.joined(separator: ", ")
    guard let cursor = config.required("model_type", accepted: accepted) else { return true }
    guard let type = cursor.text(accepted: accepted) else { return true }
    if covered.contains(type) { return true }
    if let reason = ModelFile.uncoveredTypes[type] {
      cursor.refuse("`\(type)` is not covered: \(reason); accepted: \(accepted)")
    } else {
      let decoders = "dense decoders, \(accepted)"
      let advice = Spelling.advice(for: type, among: covered, accepted: decoders)
      cursor.refuse("\(Escaping.quoted(type)) is not covered\(advice)")
    }
    return false
  }

  /// Quantised weights and experts would be charged as dense FP16 ones.
  private func refuseOtherWeights(_ config: MappingCursor) {
    let reasons = [
      "quantization_config":
        "quantised weights are not covered; accepted: null, or a model in FP16",
      "num_experts": "experts are not covered; accepted: null, or a dense model",
      "num_local_experts": "experts are not covered; accepted: null, or a dense model",
    ]
    for key in reasons.keys.sorted() {
      value(of: key, config)?.refuse(reasons[key]!)
    }
  }

  /// Attention over a window reads less of the cache than the cost model would charge.
  private func refuseSlidingWindow(_ config: MappingCursor) {
    guard let window = value(of: "sliding_window", config) else { return }
    if let isUsed = value(of: "use_sliding_window", config)?.boolean(), !isUsed { return }
    window.refuse(
      "attention over a sliding window is not covered; accepted: null, or "
        + "`use_sliding_window`: false")
  }

  private func heads(
    _ config: MappingCursor, queryHeads: Int?, hiddenSize: Int?
  ) -> HeadGeometry? {
    let kvHeads = kvHeads(config, queryHeads: queryHeads)
    let headDim = headDim(config, queryHeads: queryHeads, hiddenSize: hiddenSize)
    guard let queryHeads, let kvHeads, let headDim else { return nil }
    return HeadGeometry(queryHeads: queryHeads, kvHeads: kvHeads, headDim: headDim)
  }

  private func kvHeads(_ config: MappingCursor, queryHeads: Int?) -> Int? {
    guard let cursor = value(of: "num_key_value_heads", config) else { return queryHeads }
    guard let kvHeads = cursor.integer(in: 1...Limits.heads) else { return nil }
    if let queryHeads, queryHeads % kvHeads != 0 {
      cursor.refuse(
        "\(kvHeads) does not divide `num_attention_heads`, \(queryHeads); accepted: a divisor")
      return nil
    }
    return kvHeads
  }

  private func headDim(
    _ config: MappingCursor, queryHeads: Int?, hiddenSize: Int?
  ) -> Int? {
    if let cursor = value(of: "head_dim", config) {
      guard let headDim = cursor.integer(in: 1...Limits.headDim) else { return nil }
      guard headDim % 2 == 0 else {
        cursor.refuse("\(headDim) is odd; accepted: an even number up to \(Limits.headDim)")
        return nil
      }
      return headDim
    }
    guard let queryHeads, let hiddenSize else { return nil }
    let headDim = hiddenSize / queryHeads
    guard hiddenSize % queryHeads == 0, headDim % 2 == 0, headDim <= Limits.headDim else {
      config.optional("hidden_size")?.refuse(
        "without `head_dim`, `hidden_size` \(hiddenSize) over `num_attention_heads` "
          + "\(queryHeads) has to be an even whole number up to \(Limits.headDim)")
      return nil
    }
    return headDim
  }

  private func name(_ config: MappingCursor) -> String? {
    guard let cursor = value(of: "_name_or_path", config), let text = cursor.text() else {
      return nil
    }
    return text.split(separator: "/").last.map(String.init)
  }
}
