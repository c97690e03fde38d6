import Operators
import Testing

@Suite("How dense layers are cut")
struct DenseLayerPlanTests {
  private let plan = DenseLayerPlan(multiprocessors: 132)

  /// Workgroups of streamed weights.
  private func groups(tokens: Int, outputs: Int, inputs: Int) -> (tiles: Int, groups: Int) {
    let stream = DenseLayerPlan.Stream.of(tokens: tokens)
    let tiles = stream.tiles(tokens: tokens, outputs: outputs)
    return (tiles, plan.groups(stream, tiles: tiles, slices: inputs / stream.slice))
  }

  @Test("Tiles of a product are the largest that three quarters of the multiprocessors get one of")
  func tiles() {
    // 4 x 25 of 256 tokens by 128 outputs; 4 x 24 would be 96 of the 99 that are wanted.
    #expect(plan.tile(tokens: 1024, outputs: 25 * 128) == .largest)
    let smaller = plan.tile(tokens: 1024, outputs: 24 * 128)
    #expect(smaller.tokens == 128 && smaller.outputs == 128)
    #expect(smaller.groups(tokens: 1024, outputs: 24 * 128) == 192)
    // A tile of which half would be empty is none: 128 tokens go by tiles of 128 at the most.
    #expect(plan.tile(tokens: 128, outputs: 151_936).tokens == 128)
    // What a device cannot take is left out; the last tile has to do for the smallest layer.
    #expect(plan.tile(tokens: 1024, outputs: 25 * 128) { $0.tokens < 256 }.tokens == 128)
    #expect(plan.tile(tokens: 17, outputs: 128).outputs == 32)
  }

  @Test("Streamed weights take all workgroups, or a tenth less where tiles are then cut evenly")
  func streams() {
    // 3 x 40 tiles of 128 tokens by 256 outputs: one for each workgroup, and 12 left over.
    #expect(groups(tokens: 289, outputs: 10_240, inputs: 5120) == (120, 120))
    // 3 x 16: twice as many workgroups would be 96 of 132, so that all take part of two tiles.
    #expect(groups(tokens: 384, outputs: 4096, inputs: 5120) == (48, 132))
    #expect(groups(tokens: 385, outputs: 4096, inputs: 5120) == (64, 128))
    // 80 slices: more than 20 parts of a tile cost more than they save.
    #expect(groups(tokens: 65, outputs: 1024, inputs: 5120) == (4, 80))
    // Two workgroups to a multiprocessor.
    #expect(groups(tokens: 32, outputs: 132 * 128, inputs: 8192) == (132, 264))
  }

  @Test("Weights stream up to one tile of tokens, or to one and a half waves of the largest tiles")
  func streamsOrNot() {
    #expect(plan.streamsWeights(tokens: 128, outputs: 151_936, inputs: 4096))
    #expect(plan.streamsWeights(tokens: 512, outputs: 99 * 128, inputs: 4096))
    #expect(!plan.streamsWeights(tokens: 512, outputs: 100 * 128, inputs: 4096))
    #expect(!plan.streamsWeights(tokens: 65, outputs: 1024, inputs: 1984), "few inputs")
    #expect(plan.streamsWeights(tokens: 64, outputs: 1024, inputs: 1920))
    #expect(!plan.streamsWeights(tokens: 64, outputs: 1024, inputs: 1984), "half a slice")
  }

  @Test(
    "Inputs of few tokens go by blocks of 4,096, or 2,048 where those leave fewer idle",
    arguments: [
      // Up to 8 tokens: 9 half chunks a block of 4,096, 5 one of 2,048.
      (8, 1024, 2, 5), (8, 2048, 2, 5), (8, 2049, 4, 9), (8, 4096, 4, 9), (8, 5120, 2, 15),
      (8, 8192, 4, 18), (8, 9728, 2, 25), (8, 28_672, 4, 63),
      // Up to 16: half as long.
      (9, 1024, 1, 3), (9, 2048, 2, 5), (16, 3072, 1, 9), (16, 4096, 2, 10),
    ])
  func few(_ tokens: Int, _ inputs: Int, _ chunks: Int, _ halfChunks: Int) {
    let few = DenseLayerPlan.Few(tokens: tokens, inputs: inputs)
    #expect(few.groups == (tokens > 8 ? 2 : 1))
    #expect(few.chunks == chunks && few.halfChunks == halfChunks)
  }
}
