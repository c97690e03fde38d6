extension BlockTraceForm {
  /// Mooncake's traces (Qin et al., "Mooncake: A KVCache-centric Disaggregated Architecture for
  /// LLM Serving", FAST 2025), which vLLM, SGLang and AIPerf replay too.
  ///
  ///     {"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47, …]}
  static let mooncake = BlockTraceForm(
    name: "Mooncake", blockTokens: 512,
    fields: [
      Field("timestamp", .time(.milliseconds)), Field("input_length", .promptTokens),
      Field("output_length", .outputTokens), Field("hash_ids", .hashes, isOptional: true),
    ])
}
