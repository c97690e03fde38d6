import Operators
import Testing

@testable import CostModel

@Suite("What a dense layer gives the busiest multiprocessor to do")
struct LayerWorkTests {
  private let plan = DenseLayerPlan(multiprocessors: 132)

  private func work(_ tokens: Int, _ outputs: Int, _ inputs: Int = 4096) -> Double {
    plan.work(tokens: tokens, outputs: outputs, inputs: inputs)
  }

  @Test("A wave that is begun costs almost a whole one, and tokens within their tile nothing")
  func waves() {
    // Tiles of 256 tokens by 128 outputs: a wave is as much as two rows of 132 x 256 outputs.
    let wave = Double(132 * 256)
    #expect(abs(work(512, 132 * 128) - 2 * wave) < 1e-6, "264 tiles")
    #expect(abs(work(512, 133 * 128) / wave - (0.95 * 3 + 0.05 * 266 / 132)) < 1e-9)
    #expect(work(257, 133 * 128) == work(512, 133 * 128))
    // As many tiles are as much work, whatever layer they are of.
    #expect(work(768, 88 * 128) == work(512, 132 * 128))
    #expect(work(2048, 33 * 128) == work(512, 132 * 128))
  }

  @Test("Streamed weights: whole tiles and even parts of them take less than uneven ones")
  func streamed() {
    let wave = Double(132 * 256)
    // 4 x 33 tiles of 128 tokens by 256 outputs for 132 workgroups; half of them, and one more.
    #expect(work(512, 33 * 256) == wave)
    #expect(abs(work(512, 16 * 256) / wave - (64 / 128.0 + 0.75 / 64)) < 1e-9, "two parts")
    // 68 tiles for 132 workgroups: a part meets two tiles, or a tile three parts.
    #expect(abs(work(512, 17 * 256) / wave - (1.25 * 68 / 132 + 0.75 * 2 / 64)) < 1e-9)
    // 120 whole tiles in 120 workgroups take as long as 132, and less than 112 uneven ones.
    #expect(work(289, 40 * 256) == work(512, 33 * 256))
    #expect(work(512, 28 * 256) > work(512, 30 * 256))
    // One row of tiles reads no weights twice, in step or not.
    #expect(abs(work(128, 67 * 256) / wave - (67 / 132.0 + 0.75 * 2 / 64)) < 1e-9)
    // 64 parts of a tile save less than joining them costs.
    #expect(work(65, 256, 16_384) > 0.75 * 63 / 256 * wave)
  }

  @Test("Up to 64 tokens outputs count, of 2 to 16 in part by turns of 132 tiles")
  func fewTokens() {
    for tokens in [1, 17, 64] { #expect(work(tokens, 6000) == 6000) }
    #expect(work(8, 132 * 16) == Double(132 * 16))
    #expect(abs(work(8, 133 * 16) - (0.3 * 2 * 132 * 16 + 0.7 * 133 * 16)) < 1e-6)
  }

  @Test(
    "Inputs of few tokens count in part by the blocks that are begun, those of more as they are")
  func inputs() {
    #expect(plan.inputsTaken(9728, tokens: 1) == 9728 && plan.inputsTaken(9728, tokens: 17) == 9728)
    // Whole blocks of 4,096 count as they are; 25 half chunks of 9, 5 blocks of 2,048, as 11,378.
    #expect(abs(plan.inputsTaken(8192, tokens: 2) - 8192) < 1e-6)
    #expect(abs(plan.inputsTaken(9728, tokens: 2) - (0.3 * 25 * 4096 / 9 + 0.7 * 9728)) < 1e-6)
    for tokens in [2, 16] {
      let taken = (1...600).map { plan.inputsTaken(64 * $0, tokens: tokens) }
      #expect(zip(taken, taken.dropFirst()).allSatisfy { $0 < $1 }, "more inputs take longer")
    }
  }
}
