/// Why models that people know are not covered.
enum UncoveredModels {
  private static let latent = "it caches latent attention vectors instead of keys and values"
  private static let recurrent =
    "some of its layers are recurrent: they keep a state instead of keys and values"
  private static let encoder = "it has an encoder, and its decoder attends to that besides"

  private static let reasons: [(reason: String, types: [String])] = [
    (
      latent,
      [
        "deepseek_v2", "deepseek_v3", "deepseek_v32", "glm4_moe_lite", "glm_moe_dsa", "kimi_k2",
        "kimi_k25", "longcat_flash", "minicpm3", "mistral4", "mistral_large4", "youtu",
      ]
    ),
    (
      recurrent,
      [
        "bamba", "falcon_h1", "falcon_mamba", "granitemoehybrid", "jamba", "kimi_linear", "lfm2",
        "lfm2_moe", "mamba", "mamba2", "minimax", "nemotron_h", "olmo_hybrid",
        "phi4flash", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text", "qwen3_5_text", "qwen3_next",
        "recurrent_gemma", "rwkv", "zamba", "zamba2",
      ]
    ),
    (
      encoder,
      ["bart", "longt5", "mbart", "mt5", "pegasus", "t5", "t5gemma", "t5gemma2", "umt5", "whisper"]
    ),
    ("it has no causal attention and generates no tokens", ["bert", "modernbert", "roberta"]),
    ("its attention is cut into chunks", ["llama4", "llama4_text"]),
    ("its attention has sinks, and its experts weights of MXFP4", ["gpt_oss"]),
    (
      "its layers have embeddings of their own and share keys and values",
      ["gemma3n", "gemma3n_text", "gemma4", "gemma4_text"]
    ),
    ("its attention is sparse in blocks", ["phi3small"]),
    (
      "it takes images or sound too, and its text model is not read yet",
      [
        "llava", "llava_next", "mllama", "paligemma", "phi3_v", "phi4_multimodal", "phi4mm",
        "qwen2_5_omni", "qwen2_5_vl", "qwen2_vl", "qwen3_omni_moe", "qwen3_vl", "qwen3_vl_moe",
      ]
    ),
    (
      "its `config.json` names the parts of its layers in a way of its own",
      [
        "bloom", "chatglm", "codegen", "dbrx", "exaone", "falcon", "gpt2", "gpt_bigcode", "gpt_neo",
        "gptj", "jais", "mpt", "opt", "phi-msft", "phixtral", "qwen",
      ]
    ),
    (
      "its experts, or others beside them, stand under keys of its own",
      [
        "arctic", "bailing_moe", "deepseek", "dots1", "ernie4_5_moe", "flex_olmo", "glm4_moe",
        "granitemoe", "granitemoeshared", "grok-1", "hunyuan_v1_moe", "jetmoe", "minimax_m2",
        "olmoe",
      ]
    ),
    ("its weights have three values", ["bitnet"]),
    ("its layers differ in their heads and widths", ["deci", "nemotron-nas", "openelm"]),
    (
      "attention and MLP of its layers stand side by side",
      ["cohere", "cohere2", "gpt_neox"]
    ),
    (
      "its layers are not quite those of a family that is read",
      [
        "afmoe", "apertus", "arcee", "baichuan", "ernie4_5", "exaone4", "glm", "glm4", "helium",
        "hunyuan_v1_dense", "internlm", "internlm2", "internlm3", "minicpm", "ministral",
        "nemotron", "olmo", "olmo3", "persimmon", "smollm3", "stablelm", "starcoder2", "xverse",
      ]
    ),
  ]

  private static let reasonByType: [String: String] = reasons.reduce(into: [:]) { all, entry in
    for type in entry.types { all[type] = entry.reason }
  }

  /// Why a model of this `model_type` and with these keys is not covered; nil where nothing is
  /// known against it.
  static func reason(type: String, in fields: ModelFields) -> String? {
    if let reason = reasonByType[type] { return reason }
    if fields.value("kv_lora_rank") != nil { return latent }
    if let cursor = fields.value("is_encoder_decoder"), !cursor.isBare("false") { return encoder }
    return nil
  }
}
