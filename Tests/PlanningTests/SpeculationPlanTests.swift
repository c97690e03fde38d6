import CostModel
import Scenario
import Simulator
import Testing

@testable import Planning

@Suite("Plans with drafted tokens")
struct SpeculationPlanTests {
  private static let draft = """
    {"model_type": "llama", "num_hidden_layers": 3, "num_attention_heads": 4,
     "num_key_value_heads": 4, "hidden_size": 128, "intermediate_size": 256,
     "vocab_size": 1000, "max_position_embeddings": 4096}
    """

  private static let config = "num_speculative_tokens: 3, acceptance_rate: 0.6"

  private func load(_ more: String = "") throws -> ServingScenario {
    let small = try SmallScenario()
    try small.write("draft.json", Self.draft)
    return try small.load(
      engine: "kv_cache_memory_bytes: 2 MiB\n  speculative_config: {\(Self.config)\(more)}")
  }

  @Test("A draft model has its weights beside and its layers in the same blocks")
  func memory() throws {
    let lookup = try ComparisonPlan(load())
    let model = try ComparisonPlan(load(", model: draft.json"))
    let draft = try #require(try load(", model: draft.json").setup.draftModel)
    for (plain, drafted) in zip(lookup.pools, model.pools) {
      let (plain, drafted) = (plain[0].pool, drafted[0].pool)
      let page = try #require(drafted.draft?.page)
      #expect(plain.draft == nil && drafted.draft?.weightBytes == draft.weightBytes)
      #expect(drafted.weightBytes == plain.weightBytes + draft.weightBytes)
      // Three layers of 4 KV heads of 32 elements beside two of 2 of 64.
      #expect(page.kvHeads == 4 && page.headDim == 32 && drafted.draft?.layers == 3)
      #expect(drafted.blockBytes == plain.blockBytes + 3 * page.pageBytes)
      #expect(
        drafted.kvBytesPerToken == plain.kvBytesPerToken + draft.kvBytesPerToken(page.format))
      #expect(drafted.blocks == (2 << 20) / drafted.blockBytes)
    }
  }

  @Test("Logits of all verified tokens count among the activations")
  func activations() throws {
    let drafted = try ComparisonPlan(load()).pools[0][0].pool
    let plain = try ComparisonPlan(SmallScenario().load()).pools[0][0].pool
    #expect(drafted.activationBytes - plain.activationBytes == 4 * 64 * 3 * 1000)
  }

  @Test("A pool too small for the shortest request and what is drafted for it is refused")
  func tooSmall() throws {
    // 14 tokens of a prompt and the first of an output's two fill a block but one slot; with three
    // drafted they need another block.
    let (prompt, output) = ("{uniform: {min: 14, max: 200}}", "{uniform: {min: 2, max: 100}}")
    let small = try SmallScenario()
    let block = try ComparisonPlan(load(), formats: [.fp16]).pools[0][0].pool.blockBytes
    for (config, blocks) in [("", 1), ("speculative_config: {\(Self.config)}", 2)] {
      func pool(_ bytes: Int) throws -> PoolPlan {
        let engine = "kv_cache_memory_bytes: \(bytes) B\n  \(config)"
        let scenario = try small.load(prompt: prompt, output: output, engine: engine)
        return try ComparisonPlan(scenario, formats: [.fp16]).pools[0][0].pool
      }
      #expect(try pool(blocks * block).blocks == blocks)
      #expect(throws: PlanningError.self) { try pool(blocks * block - 1) }
    }
  }
}
