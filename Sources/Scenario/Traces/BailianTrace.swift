extension BlockTraceForm {
  /// Qwen-Bailian's traces (Wang et al., "KVCache Cache in the Wild", USENIX ATC 2025).
  ///
  ///     {"chat_id": 159, "parent_chat_id": 55, "timestamp": 61.114, "input_length": 521,
  ///      "output_length": 132, "type": "text", "turn": 2, "hash_ids": [1089, 1090, …]}
  static let bailian = BlockTraceForm(
    name: "Qwen-Bailian", blockTokens: 16,
    fields: [
      Field("chat_id", .chat), Field("parent_chat_id", .parentChat),
      Field("timestamp", .time(.seconds)), Field("input_length", .promptTokens),
      Field("output_length", .outputTokens), Field("type", .text), Field("turn", .number),
      Field("hash_ids", .hashes),
    ])
}
