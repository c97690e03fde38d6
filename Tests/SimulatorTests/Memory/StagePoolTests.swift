import CostModel
import Operators
import Testing

@testable import Simulator

/// The memory of a model whose layers are spread over stages.
@Suite("Pools of pipelines")
struct StagePoolTests {
  private func model(layers: Int, tied: Bool) -> ModelArchitecture {
    ModelArchitecture(
      name: "m", hiddenSize: 256, intermediateSize: 768, layers: layers,
      heads: HeadGeometry(queryHeads: 8, kvHeads: 4, headDim: 32), vocabSize: 1000,
      maxPositions: 4096, tiesEmbeddings: tied)
  }

  private func plan(
    _ model: ModelArchitecture, _ stages: Int, _ memory: EngineOptions.KVCacheMemory,
    deviceBytes: Int = 64 << 20
  ) -> PoolPlan {
    PoolPlan(
      model: model,
      device: Device(
        name: "d", kind: "cpu", kernelPath: "scalar", threads: 1, memoryBytes: deviceBytes,
        lastLevelCacheBytes: 0),
      format: .fp16,
      options: EngineOptions(
        maxNumSeqs: 8, maxNumBatchedTokens: 64, blockSize: 16, enablePrefixCaching: true,
        pipelineParallelSize: stages, kvCacheMemory: memory))
  }

  @Test(
    "Of a cache of so many bytes, the stage with the most layers says how many blocks there are")
  func bytes() {
    // Ten layers are 2, 3, 3 and 2. A page of 16 tokens has 2 · 4 · 32 elements of 2 bytes each.
    let plan = plan(model(layers: 10, tied: false), 4, .bytes(1 << 20))
    #expect(plan.stages == 4 && plan.stage == 1 && plan.layers == 3)
    #expect(plan.blockBytes == 3 * 16 * 512)
    #expect(plan.blocks == (1 << 20) / (3 * 16 * 512))
    #expect(plan.laneBlocks == plan.blocks / 4 && plan.laneTokens == 16 * plan.laneBlocks)
  }

  @Test("Of a share of the memory, the least stage is found among all, as each by itself has it")
  func utilization() {
    for stages in 2...5 {
      for tied in [true, false] {
        let model = model(layers: 11, tied: tied)
        let plan = plan(model, stages, .utilization(0.9))
        let usable = Int(Double(64 << 20) * 0.9)
        // Rows of FP32: hidden state, its normed copy, and the MLP's three of 768; and logits.
        let activations = 4 * 64 * (2 * 256 + 3 * 768)
        let blocks = model.stages(stages).map { stage in
          let logits = stage.hasHead ? 4 * 8 * 1000 : 0
          return (usable - stage.weightBytes - activations - logits)
            / (stage.layers * 16 * 512)
        }
        #expect(plan.blocks == blocks.min())
        #expect(plan.stage == blocks.firstIndex(of: blocks.min()!))
      }
    }
  }

  @Test("A stage that does not fit is the one that is told of")
  func shortfall() {
    // The last of two stages has the head and its activations besides as many layers.
    let plan = plan(model(layers: 8, tied: false), 2, .bytes(1 << 20), deviceBytes: 6 << 20)
    #expect(plan.stage == 1 && plan.shortfallBytes > 0)
  }
}
